"""Exports the ledger: what is new or was restated since the last time, each row once."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.lake.changes import changed_rows
from fairlift_server.lake.erasing import erasures, without_erased
from fairlift_server.lake.folder import LakeFolder, held
from fairlift_server.lake.ledger import LedgerReader, name_of, opened
from fairlift_server.lake.manifest import LakeManifest
from fairlift_server.lake.tables import TABLES
from fairlift_server.lake.watermark import is_known, next_watermark
from fairlift_server.lake.writing import Written, write_changes
from fairlift_server.store.database import is_url
from fairlift_server.store.decided_ids import decided_ids
from fairlift_server.store.durable_files import failures_named
from fairlift_server.store.schema_version import newer_tables, newest_revision

# Rows of a table in one step; a killed export repeats at most one.
STEP_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export added.

    Attributes:
        rows: by table, of those with any.
        rewritten: files that were written again without erased rows.
        manifest: of all that is there now.
    """

    rows: dict[str, int]
    rewritten: int
    manifest: LakeManifest


def export_ledger(
    database: str,
    folder: Path,
    *,
    step_rows: int = STEP_ROWS,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Exported:
    """Brings the folder up to the ledger as it is now.

    It may be killed at any moment: what the manifest names is complete, and the next run goes on
    from there. Call it in a process that has a SQLite file open by no other means.

    Args:
        database: of servers that may run: a SQLite file, or the URL of PostgreSQL.
        folder: of an export, or a new one.
        step_rows: of a table that are read before they are made part of the export.
        progress: called with the number of rows after each step.

    Raises:
        WrongState: the folder is not of this database, or one of the two cannot be used.
    """
    rows: Counter[str] = Counter()
    rewritten = 0
    with failures_named(f"exporting to {folder}"), held(folder) as lake:
        manifest = _begun(database, lake)
        # Before the transactions of all steps, which must see every row up to these.
        decided = decided_ids(database, ROW_KEYS) if is_url(database) else None
        is_all = False
        while not is_all:
            step, is_all = _step(database, lake, manifest, step_rows, decided)
            manifest = step.manifest
            rows.update(step.rows)
            rewritten += step.rewritten
            progress(rows.total())
    return Exported({table: count for table, count in rows.items() if count}, rewritten, manifest)


def _begun(database: str, lake: LakeFolder) -> LakeManifest:
    with opened(database, lake.scratch) as ledger:
        if not ledger.has_table("customer_attributes"):
            raise WrongState(
                f"{name_of(database)} has no ledger of this version; run `fairlift-server migrate` "
                "once"
            )
        ((tables_version,),) = ledger.ask("SELECT version_num FROM alembic_version")
        if tables_version > (known := newest_revision()):
            raise newer_tables(name_of(database), tables_version, known)
        names = [name for (name,) in ledger.ask("SELECT ledger FROM ledger_state")]
    if not names:
        raise WrongState(f"{name_of(database)} has no name yet; run `fairlift-server migrate` once")
    return lake.manifest(names[0])


def _step(
    database: str,
    lake: LakeFolder,
    before: LakeManifest,
    step_rows: int,
    decided: Mapping[str, int] | None,
) -> tuple[Exported, bool]:
    """One step, in one transaction, and whether it has all that the ledger held then.

    A server may write faster than a step ends: what comes later is for the next export.
    """
    with opened(database, lake.scratch) as ledger:
        version = before.version + 1
        manifest, cleaned = _without_erased(ledger, lake, before, version)
        until, is_all = next_watermark(ledger, manifest.watermark, step_rows, decided)
        if manifest is before and until == before.watermark:
            return Exported({}, 0, before), is_all
        written: list[Written] = []
        for table in TABLES:
            query = changed_rows(table, manifest.watermark, until, ledger.dialect)
            written += write_changes(ledger, table, query, lake.scratch, version)
    after = replace(
        manifest,
        version=version,
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        watermark=until,
        files=(*manifest.files, *(file for _, file in written)),
    )
    lake.commit(after, [(path, file.path) for path, file in (*cleaned, *written)])
    rows: Counter[str] = Counter()
    for _, file in written:
        rows[file.table] += file.rows
    return Exported(dict(rows), len(cleaned), after), is_all


def _without_erased(
    ledger: LedgerReader, lake: LakeFolder, before: LakeManifest, version: int
) -> tuple[LakeManifest, list[Written]]:
    """The export without what was erased since; the same manifest when that is nothing.

    Raises:
        WrongState: rows are gone though nobody was erased.
    """
    now = erasures(ledger)
    if now != before.erasures:
        manifest, cleaned = without_erased(ledger, before, lake.path, lake.scratch, version)
        return replace(manifest, erasures=now), cleaned
    for table, mark in before.watermark.items():
        if not is_known(ledger, table, mark):
            raise WrongState(
                f"{lake.path} holds rows of {table} that the database no longer has, as after "
                "restoring an older back-up; export to a new folder"
            )
    return before, []

"""Takes rows out of an export that were erased from the ledger since."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from fairlift_server.lake.ledger import LedgerReader, quoted
from fairlift_server.lake.manifest import Erasures, LakeFile, LakeManifest
from fairlift_server.lake.tables import TABLES
from fairlift_server.lake.watermark import KEYS, Mark, Watermark, is_known
from fairlift_server.lake.writing import Written, described, parquet_of

# Where visitors are listed who were erased; older databases have none.
_ERASED: Final = "erased_units"
# Rows of an order go with it: a correction replaces lines, which is no erasure.
_OF_ORDERS: Final = "order_lines"


def erasures(ledger: LedgerReader) -> Erasures:
    """What was erased from the ledger so far."""
    if not ledger.has_table(_ERASED):
        return Erasures()
    ((units, last_us),) = ledger.ask(
        f"SELECT count(*) AS units, coalesce(max(time_us), 0) AS last_us FROM {_ERASED}"
    )
    return Erasures(int(units), int(last_us))


def without_erased(
    ledger: LedgerReader, manifest: LakeManifest, folder: Path, scratch: Path, version: int
) -> tuple[LakeManifest, list[Written]]:
    """The export without rows that the ledger no longer has, and the files that are new for that.

    It reads the ids of all rows on both sides: erasing is rare, and nothing may be left over.

    Args:
        ledger: as it is now.
        manifest: of the export so far.
        folder: of the export.
        scratch: for new files.
        version: becomes part of their names; their rows keep their versions.
    """
    kept: list[LakeFile] = []
    new: list[Written] = []
    for table in TABLES:
        files = [file for file in manifest.files if file.table == table]
        touched = _touched(ledger, table, manifest.paths(folder, table))
        for file in files:
            path = folder / file.path
            if str(path) not in touched:
                kept.append(file)
            elif touched[str(path)]:
                number = f"{file.version}-{len(new)}-erased"
                written = scratch / f"{table}-{number}.parquet"
                rows = f"SELECT * EXCLUDE (filename) FROM {parquet_of([str(path)])} f"
                ledger.connection.execute(
                    f"COPY ({rows} WHERE {_in_ledger(table)}) TO {quoted(str(written))} "
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
                described_file = described(ledger, written, table, file.day, version, number)
                described_file = replace(described_file, version=file.version)
                new.append((written, described_file))
    files_now = (*kept, *(file for _, file in new))
    watermark = _watermark(ledger, manifest.watermark, folder, manifest)
    return replace(manifest, files=files_now, watermark=watermark), new


def _touched(ledger: LedgerReader, table: str, paths: list[str]) -> dict[str, bool]:
    """The files with rows that are gone, and whether they have others."""
    if not paths:
        return {}
    return dict(
        ledger.connection.execute(
            f"SELECT filename, bool_or(here) FROM (SELECT filename, {_in_ledger(table)} AS here "
            f"FROM {parquet_of(paths)} f) GROUP BY filename HAVING NOT bool_and(here)"
        ).fetchall()
    )


def _in_ledger(table: str) -> str:
    """Whether the ledger has a row `f` of a file, by its id and its key: ids are used again."""
    if table == _OF_ORDERS:
        return "f.order_id IN (SELECT order_id FROM shop.orders)"
    if TABLES[table].key == "order_id":
        return f"(f.id, f.order_id) IN (SELECT (id, order_id) FROM shop.{table})"
    event_id = "CAST(CAST(hex(event_id) AS UUID) AS VARCHAR)"
    return f"(f.id, f.event_id) IN (SELECT (id, {event_id}) FROM shop.{table})"


def _watermark(
    ledger: LedgerReader, before: Watermark, folder: Path, manifest: LakeManifest
) -> dict[str, Mark]:
    """The same rows as marks where they are still there, else the last ones before them.

    SQLite gives the ids of its last rows again when those were erased.
    """
    after = dict(before)
    for table, mark in before.items():
        if is_known(ledger, table, mark):
            continue
        after[table] = Mark()  # of changes: all orders that were ever changed are written again
        paths = manifest.paths(folder, table)
        if table in TABLES and paths:
            rows = ledger.connection.execute(
                f"SELECT max(f.id) FROM {parquet_of(paths)} f WHERE {_in_ledger(table)}"
            ).fetchall()
            last = rows[0][0] or 0
            key = ledger.ask(f"SELECT {KEYS[table]} AS key FROM {table} WHERE id = {last}")
            after[table] = Mark(last, key[0][0]) if key else Mark()
    return after

"""A columnar copy of the ledger in files of DuckDB: a look reads it in place of the database.

A SQLite file is read row by row, and has no index by person. The copy is brought up to the ledger
before it is read: new rows, which are known by their ids, become one more file. Files never change;
many small ones become one. A copy that is damaged, of another ledger, or from before a removal of
events is dropped and made anew.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import duckdb

from fairlift_server.analysis.attached_ledger import first_line, quoted
from fairlift_server.analysis.copied_tables import (
    COPIED,
    RESTATEMENTS,
    Marks,
    all_rows,
    created,
    newest_rows,
    newly_restated,
    no_rows,
    of_sqlite,
    rows_of_marks,
    rows_to_copy,
)
from fairlift_server.analysis.copy_lock import CopyUnavailable, locked_copy
from fairlift_server.analysis.copy_manifest import (
    CopiedFile,
    CopyManifest,
    read_copy_manifest,
    remove_other_files,
    write_copy_manifest,
)
from fairlift_server.analysis.job_control import JobControl
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.opened_copy import OpenedCopy, schema_of

# Another number, as another release or DuckDB, makes every copy anew.
_FORMAT: Final = 2
_WRITTEN_BY: Final = f"{_FORMAT} {version('fairlift')} {duckdb.__version__}"
# Each file is one more part of every statement.
_MOST_FILES: Final = 12
# Files with more than this share of all rows are not written again.
_LARGE: Final = 0.25
# That stay free.
_LEAST_FREE_BYTES: Final = 256 * 1024 * 1024
_NEW: Final = "new_file"
# Of a disk that is full.
_FAILED_WRITING: Final = (duckdb.IOException, duckdb.TransactionException)
# The least that DuckDB allows: files of a few rows are many.
_BLOCK_BYTES: Final = 16_384


def opened_copy(
    connection: duckdb.DuckDBPyConnection, source: LedgerSource, folder: Path, control: JobControl
) -> OpenedCopy | None:
    """The copy, brought up to the ledger; None: the ledger is so small that it needs none.

    Args:
        connection: outside a transaction, with the SQLite file attached as `shop`.
        source: the ledger.
        folder: of the copy.
        control: stops the wait for another process.

    Raises:
        JobStopped: the answers are not wanted any more.
        CopyUnavailable: there is too little room, or another process works on the copy for too
            long.
        duckdb.Error: a file of it is damaged.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked_copy(folder, control):
            ledger_bytes = Path(source.database).stat().st_size
            copying = _Copying(connection, folder, ledger_bytes)
            return copying.opened(source.least_copied_rows)
    except OSError as error:
        raise CopyUnavailable(str(error)) from error


class _Copying:
    """Brings a copy up to its ledger, while no other process does."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, ledger_bytes: int
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._ledger_bytes = ledger_bytes
        self._removals = 0

    def opened(self, least_rows: int) -> OpenedCopy | None:
        """The copy as of now."""
        with self._transaction():
            self._removals, about, currency = self._ledger()
            removals = self._removals
            marks = {**no_rows(), **self._marks(newest_rows())}
            if sum(row_id for row_id, _ in marks.values()) < least_rows:
                return None
            before = read_copy_manifest(self._folder, removals)
            if before is None or before.about != about or not self._has_rows_of(before.marks):
                before = None
            # What a process that was killed has left goes, and a copy that is of no use.
            remove_other_files(self._folder, removals, () if before is None else before.files)
            if before is None:
                before = CopyManifest(about, secrets.token_hex(8), 0, no_rows(), (), 1, 1, currency)
            after = before
            if marks != before.marks:
                self._check_room(0 if before.files else self._ledger_bytes)
                after = self._with_new_rows(before, marks)
        if after is not before:
            self._finish(after)
        if len(after.files) > _MOST_FILES:
            # Without room for it the copy is as true as before.
            with suppress(CopyUnavailable):
                with self._transaction():
                    merged = self._merged(after)
                self._finish(merged)
                after = merged
        remove_other_files(self._folder, removals, after.files)
        return self._attached(after)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One moment of the ledger, and a new file that is written whole or not at all.

        Raises:
            CopyUnavailable: the file cannot be written; what was copied before stays.
        """
        try:
            with self._detaching_new_file():
                yield
        except _FAILED_WRITING as error:
            for path in self._folder.glob(f"{self._partial.name}*"):
                path.unlink(missing_ok=True)
            raise CopyUnavailable(first_line(error)) from error

    @contextmanager
    def _detaching_new_file(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.rollback()
            raise
        finally:
            # Which moves what was written from the log of the file into the file.
            self._connection.execute(f"DETACH DATABASE IF EXISTS {_NEW}")

    def _check_room(self, new_bytes: int) -> None:
        """Leaves the disk to events, which may be on the same one."""
        needed = _LEAST_FREE_BYTES + new_bytes
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise CopyUnavailable(f"{free:,} bytes are free, {needed:,} are needed")

    def _ledger(self) -> tuple[int, str, str]:
        """How often events were removed, what a copy must be about, and the shop's currency."""
        query = (
            "SELECT (SELECT max(id) FROM removals) AS removals, (SELECT ledger FROM ledger_state) "
            "AS ledger, (SELECT form || key_check FROM stored_ids) AS ids, "
            "(SELECT currency_code FROM shop) AS currency"
        )
        [(removals, ledger, ids, currency)] = self._ask(query)
        about = hashlib.sha256(repr((_WRITTEN_BY, ledger, ids, currency)).encode()).hexdigest()
        return int(removals or 0), about, str(currency)

    def _marks(self, query: str) -> dict[str, tuple[int, str]]:
        return {table: (int(row_id), str(key)) for table, row_id, key in self._ask(query)}

    def _has_rows_of(self, marks: Marks) -> bool:
        """Whether the ledger still has the rows that the copy ends with."""
        known = {table: mark for table, mark in marks.items() if mark[0]}
        return self._marks(rows_of_marks(known)) == known if known else True

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(f"SELECT * FROM {of_sqlite(query)}").fetchall()

    def _with_new_rows(self, before: CopyManifest, marks: Marks) -> CopyManifest:
        """Writes what is new into a file; the copy with it."""
        generation, since = before.generation + 1, before.marks
        queries = {
            table: rows_to_copy(table, since) if before.files else all_rows(table)
            for table in COPIED
        }
        if before.files:
            queries[RESTATEMENTS] = newly_restated(since)
        self._create()
        counts = {
            table: self._insert(table, f"SELECT *, {generation} FROM ({query}) AS new_rows")
            for table, query in queries.items()
        }
        has_new_rates = marks["exchange_rates"] != since["exchange_rates"]
        return replace(
            before,
            generation=generation,
            marks=marks,
            files=(*before.files, self._file(counts)),
            costs_since=generation if has_new_rates else before.costs_since,
            newest_costs=generation if counts["costs"] or has_new_rates else before.newest_costs,
        )

    def _merged(self, before: CopyManifest) -> CopyManifest:
        """Writes the small files as one; a row keeps its generation."""
        total = sum(file.rows for file in before.files)
        small = [file for file in before.files if file.rows <= _LARGE * total]
        if len(small) < 2:
            small = list(before.files)
        self._check_room(sum((self._folder / file.name).stat().st_size for file in small))
        opened = self._attached(replace(before, files=tuple(small)))
        # Costs from before all were added again are not read any more.
        oldest = {"costs": before.costs_since}
        self._create()
        counts = {
            table: self._insert(
                table,
                f"SELECT * FROM {opened.rows(table)} AS copied "
                f"WHERE generation >= {oldest.get(table, 0)}",
            )
            for table in (*COPIED, RESTATEMENTS)
        }
        others = [file for file in before.files if file not in small]
        return replace(before, files=(*others, self._file(counts)))

    def _file(self, counts: Mapping[str, int]) -> CopiedFile:
        """The file that was written now, with so many rows by table."""
        name = f"{self._removals}-{secrets.token_hex(8)}.duckdb"
        rows, restated = sum(counts.values()), counts.get(RESTATEMENTS, 0)
        return CopiedFile(name, rows, restated, counts["identity_links"])

    @property
    def _partial(self) -> Path:
        return self._folder / f"{self._removals}-new.partial"

    def _create(self) -> None:
        self._connection.execute(
            f"ATTACH {quoted(str(self._partial))} AS {_NEW} (BLOCK_SIZE {_BLOCK_BYTES})"
        )
        for statement in created(_NEW):
            self._connection.execute(statement)

    def _insert(self, table: str, query: str) -> int:
        """Writes the rows of a query; how many there were."""
        row = self._connection.execute(f"INSERT INTO {_NEW}.{table} {query}").fetchone()
        return int(row[0]) if row else 0

    def _finish(self, after: CopyManifest) -> None:
        """Makes the new file part of the copy."""
        new = self._partial
        new.chmod(0o600)
        final = self._folder / after.files[-1].name
        _sync(new)
        new.replace(final)
        _sync(self._folder)
        write_copy_manifest(self._folder, self._removals, after)
        # Before an answer names its generation: after a power cut another one must not have it.
        _sync(self._folder)

    def _attached(self, manifest: CopyManifest) -> OpenedCopy:
        for file in manifest.files:
            path = quoted(str(self._folder / file.name))
            schema = schema_of(file)
            self._connection.execute(f"ATTACH IF NOT EXISTS {path} AS {schema} (READ_ONLY)")
        return OpenedCopy(manifest)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

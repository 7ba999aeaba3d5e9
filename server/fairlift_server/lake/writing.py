"""Writes rows as Parquet files, one or more for each day."""

from collections.abc import Iterable
from pathlib import Path

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.lake.ledger import LedgerReader
from fairlift_server.lake.manifest import LakeFile
from fairlift_server.lake.tables import TABLES, column_as_written
from fairlift_server.store.durable_files import sha256

# A written file, and what the manifest will say of it.
Written = tuple[Path, LakeFile]


def write_changes(
    ledger: LedgerReader, table: str, query: str, scratch: Path, version: int
) -> list[Written]:
    """Writes the rows of a query of `changed_rows`, by their day of receipt."""
    columns = ", ".join(
        column_as_written(name, kind) for name, kind in TABLES[table].columns.items()
    )
    day = "strftime(make_timestamp(CAST(day_us AS BIGINT)), '%Y-%m-%d') AS day"
    target = scratch / table
    ledger.connection.execute(
        f"COPY (SELECT {columns}, CAST({version} AS BIGINT) AS version, {day} "
        f"FROM {ledger.source(query)}) TO {quoted(str(target))} (FORMAT parquet, "
        "COMPRESSION zstd, PARTITION_BY (day))"
    )
    written: list[Written] = []
    for path in sorted(target.glob("day=*/*.parquet")):
        day = path.parent.name.removeprefix("day=")
        written.append((path, described(ledger, path, table, day, version, f"{len(written)}")))
    return written


def described(
    ledger: LedgerReader, path: Path, table: str, day: str, version: int, name: str
) -> LakeFile:
    """What the manifest says of a file.

    Args:
        ledger: whose connection reads the file.
        path: where it is now.
        table: of its rows.
        day: on which they were received.
        version: of its rows.
        name: tells it from others of the day and the version.
    """
    (rows,) = ledger.connection.execute(
        f"SELECT num_rows FROM parquet_file_metadata({quoted(str(path))})"
    ).fetchall()[0]
    final = f"{table}/day={day}/{version:08d}-{name}.parquet"
    return LakeFile(table, day, final, version, rows, path.stat().st_size, sha256(path))


def parquet_of(paths: Iterable[str]) -> str:
    """What stands after FROM for the rows of these files, with the name of each row's file."""
    names = ", ".join(map(quoted, paths))
    return f"read_parquet([{names}], filename = true, hive_partitioning = false)"

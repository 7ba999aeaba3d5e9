"""Erased visitors leave the lake, and nothing else does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.databases import sqlite_only
from tests.server.lake.lake_reading import (
    check_equal,
    check_files,
    exported,
    lake_rows,
    ledger_rows,
)
from tests.server.lake.ledger_writer import Writer

pytestmark = sqlite_only


# The tombstone of a keyed id is the id itself.
KEYED = (
    "INSERT INTO stored_ids (id, form, key_check, salt) VALUES (1, 'keyed', '', '00') "
    "ON CONFLICT DO NOTHING"
)


@pytest.mark.slow
@pytest.mark.parametrize("tail", [True, False])
def test_erased_visitors_leave_the_lake_too(database: Path, tail: bool) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 5)
    groups = writer.groups()
    for _ in range(6):
        next(groups)
    exported(database, lake)
    for _ in range(3):
        next(groups)
    exported(database, lake)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(KEYED)
        newest = connection.execute(
            "SELECT unit FROM exposures ORDER BY id DESC LIMIT 3"
        ).fetchall()
        oldest = connection.execute("SELECT unit FROM orders ORDER BY id LIMIT 3").fetchall()
        units = {unit for (unit,) in (newest if tail else oldest)}
        for unit in units:
            erase(connection, unit)
        connection.commit()
    writer.erased = units
    # SQLite gives the ids of the last rows again.
    for _ in groups:
        pass
    writer.close()

    _, rewritten = exported(database, lake)

    assert rewritten > 0
    check_equal(database, lake)
    check_files(lake)
    for path in lake.rglob("*.parquet"):
        for unit in units:
            assert not holds(path, unit), (path, unit)
    assert exported(database, lake) == (0, 0)


def erase(connection: sqlite3.Connection, unit: str) -> None:
    """What erasing a visitor does to the tables."""
    orders = "(SELECT order_id FROM orders WHERE unit = ?)"
    connection.execute(f"DELETE FROM order_lines WHERE order_id IN {orders}", (unit,))
    connection.execute(f"DELETE FROM amendments WHERE order_id IN {orders}", (unit,))
    for table in ("exposures", "actions", "orders"):
        connection.execute(f"DELETE FROM {table} WHERE unit = ?", (unit,))
    connection.execute("DELETE FROM identity_links WHERE ? IN (visitor, customer)", (unit,))
    tombstone = "INSERT INTO erased_units (kind, hash, time_us) VALUES ('unit', ?, 1)"
    connection.execute(tombstone, (unit,))


def holds(path: Path, unit: str) -> bool:
    with closing(duckdb.connect()) as connection:
        rows = connection.execute("SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
    return any(unit in row for row in rows)


def test_days_that_retention_removed_from_the_ledger_stay_in_the_lake(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 5)
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)
    all_rows = ledger_rows(database, "exposures")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(KEYED)
        (oldest, newest) = connection.execute(
            "SELECT min(received_us), max(received_us) FROM exposures"
        ).fetchone()
        old = "DELETE FROM exposures WHERE received_us < ?"
        removed = connection.execute(old, ((oldest + newest) // 2,)).rowcount
        ((unit,), *_) = connection.execute("SELECT unit FROM exposures").fetchall()
        erase(connection, unit)
        connection.commit()

    exported(database, lake)

    found = lake_rows(lake, "exposures")
    place = 4  # of the unit
    assert found == type(found)({row: n for row, n in all_rows.items() if row[place] != unit})
    assert removed > 50
    assert found.total() > ledger_rows(database, "exposures").total()

"""Erased visitors leave the lake, and nothing else does."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.databases import changed, rows
from tests.server.lake.lake_reading import (
    check_equal,
    check_files,
    exported,
    lake_rows,
    ledger_rows,
)
from tests.server.lake.ledger_writer import Writer

# The tombstone of a keyed id is the id itself.
KEYED = (
    "INSERT INTO stored_ids (id, form, key_check, salt) VALUES (1, 'keyed', '', '00') "
    "ON CONFLICT DO NOTHING"
)


@pytest.mark.slow
@pytest.mark.parametrize("tail", [True, False])
def test_erased_visitors_leave_the_lake_too(database: str, lake: Path, tail: bool) -> None:
    writer = Writer(database, 5)
    groups = writer.groups()
    for _ in range(6):
        next(groups)
    exported(database, lake)
    for _ in range(3):
        next(groups)
    exported(database, lake)
    changed(database, KEYED)
    newest = rows(database, "SELECT unit FROM exposures ORDER BY id DESC LIMIT 3")
    oldest = rows(database, "SELECT unit FROM orders ORDER BY id LIMIT 3")
    units = {unit for (unit,) in (newest if tail else oldest)}
    for unit in units:
        erase(database, unit)
    writer.erased = units
    # SQLite gives the ids of the last rows again: here nothing stands in for them.
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


def erase(database: str, unit: str) -> None:
    """What erasing a visitor does to the tables."""
    orders = "(SELECT order_id FROM orders WHERE unit = ?)"
    changed(database, f"DELETE FROM order_lines WHERE order_id IN {orders}", (unit,))
    changed(database, f"DELETE FROM amendments WHERE order_id IN {orders}", (unit,))
    for table in ("exposures", "actions", "orders"):
        changed(database, f"DELETE FROM {table} WHERE unit = ?", (unit,))
    changed(database, "DELETE FROM identity_links WHERE ? IN (visitor, customer)", (unit,))
    tombstone = "INSERT INTO erased_units (kind, hash, time_us) VALUES ('unit', ?, 1)"
    changed(database, tombstone, (unit,))


def holds(path: Path, unit: str) -> bool:
    with closing(duckdb.connect()) as connection:
        found = connection.execute("SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
    return any(unit in row for row in found)


def test_days_that_retention_removed_from_the_ledger_stay_in_the_lake(
    database: str, lake: Path
) -> None:
    writer = Writer(database, 5)
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)
    all_rows = ledger_rows(database, "exposures")
    changed(database, KEYED)
    ((oldest, newest),) = rows(database, "SELECT min(received_us), max(received_us) FROM exposures")
    old = "DELETE FROM exposures WHERE received_us < ?"
    removed = changed(database, old, ((oldest + newest) // 2,))
    ((unit,), *_) = rows(database, "SELECT unit FROM exposures")
    erase(database, unit)

    exported(database, lake)

    found = lake_rows(lake, "exposures")
    place = 4  # of the unit
    assert found == type(found)({row: n for row, n in all_rows.items() if row[place] != unit})
    assert removed > 50
    assert found.total() > ledger_rows(database, "exposures").total()

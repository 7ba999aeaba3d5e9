"""Rows as they are inserted into SQLite, hundreds at a time."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fairlift_server.store import tables
from fairlift_server.store.database import Store
from fairlift_server.store.sqlite_rows import insert_rows
from fairlift_server.store.statements import insertion

from tests.databases import sqlite_only

pytestmark = sqlite_only

_ACTION = ("event_id", "time_us", "received_us", "unit", "name", "value")
_ORDER = tuple(column.name for column in tables.orders.columns if column.name != "id")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    return store


def _stored(path: Path, table: str, columns: tuple[str, ...]) -> list[Any]:
    with sqlite3.connect(path) as file:
        return file.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY id").fetchall()


# All NULL, none, some, and those of the first statement; of whole statements, and a rest.
@pytest.mark.parametrize(
    "is_null",
    [lambda _: True, lambda _: False, lambda number: number % 3 == 0, lambda number: number < 400],
    ids=["all", "none", "some", "first"],
)
@pytest.mark.parametrize("count", [0, 1, 19, 20, 41, 400, 850, 2_523])
def test_rows_are_stored_as_they_are(
    store: Store, tmp_path: Path, is_null: Any, count: int
) -> None:
    rows = [
        (number.to_bytes(16), number, -number, f"ü-{number}", "cart", value)
        for number in range(count)
        for value in [None if is_null(number) else number / 8]
    ]

    inserted = store.write_now(
        lambda transaction: insert_rows(transaction, insertion(tables.actions, _ACTION), rows)
    )
    store.close()

    assert inserted == count
    assert _stored(tmp_path / "shop.db", "actions", _ACTION) == rows


def test_yes_and_no_are_stored_as_numbers_and_bytes_as_bytes(store: Store, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        column.name: number % 2 == 0 if str(column.type) == "BOOLEAN" else 10**15 + number
        for number, column in enumerate(tables.orders.columns)
    }
    texts = {"unit": "u", "currency_code": "EUR", "coupons": "", "channel": "", "placed": None}
    given |= {**texts, "event_id": bytes(range(16)), "digest": b"\xff\x00" * 4}
    given["first_purchase"] = None
    rows = [tuple({**given, "order_id": f"o-{n}"}[name] for name in _ORDER) for n in range(400)]

    store.write_now(
        lambda transaction: insert_rows(transaction, insertion(tables.orders, _ORDER), rows)
    )
    store.close()

    stored = _stored(tmp_path / "shop.db", "orders", _ORDER)
    assert stored == rows
    kinds = {type(value) for row in stored for value in row}
    assert kinds == {int, str, bytes, type(None)}


def test_ids_that_are_there_are_left_out_and_not_counted(store: Store, tmp_path: Path) -> None:
    marks = insertion(tables.seen_events, ("event_id", "digest"), if_new="event_id")
    first = [(number.to_bytes(16), b"before__") for number in range(0, 900, 3)]
    again = [(number.to_bytes(16), b"after___") for number in (*range(900), 7)]

    counts = store.write_now(
        lambda transaction: [insert_rows(transaction, marks, rows) for rows in (first, again)]
    )
    store.close()

    assert counts == [300, 600]
    with sqlite3.connect(tmp_path / "shop.db") as file:
        kept = dict(file.execute("SELECT digest, count(*) FROM seen_events GROUP BY 1"))
    assert kept == {b"before__": 300, b"after___": 600}


def test_a_key_that_is_there_stops_all_rows(store: Store, tmp_path: Path) -> None:
    marks = insertion(tables.seen_events, ("event_id", "digest"))
    rows = [(number.to_bytes(16), b"digest__") for number in (*range(450), 449)]

    with pytest.raises(Exception, match="UNIQUE"):
        store.write_now(lambda transaction: insert_rows(transaction, marks, rows))
    store.close()

    with sqlite3.connect(tmp_path / "shop.db") as file:
        assert file.execute("SELECT count(*) FROM seen_events").fetchone() == (0,)

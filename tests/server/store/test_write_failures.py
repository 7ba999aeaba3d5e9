"""Failed writes in the log: the cause at once, and no flood."""

import sqlite3
from pathlib import Path

import pytest
from fairlift.engine.errors import NotFound, Overloaded
from fairlift_server.store.database import Store
from fairlift_server.store.write_failures import EVERY_S, WriteFailures
from sqlalchemy import Connection, text

from tests.databases import sqlite_only

pytestmark = sqlite_only


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object]]:
    return [
        (record.getMessage(), getattr(record, "fields", None))
        for record in caplog.records
        if record.name == "fairlift.store"
    ]


def test_the_first_is_logged_at_once_and_then_one_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = [0.0]
    failures = WriteFailures(lambda: seconds[0])
    for _ in range(100):
        failures.add("disk full")
    seconds[0] = EVERY_S
    failures.add("disk full")
    failures.add("disk I/O error")
    failures.end()
    failures.end()

    cannot, again = "the database cannot write", "the database can write again"
    assert lines(caplog) == [
        (cannot, {"reason": "disk full", "failed_writes": 1}),
        (cannot, {"reason": "disk full", "failed_writes": 101}),
        (cannot, {"reason": "disk I/O error", "failed_writes": 102}),
        (again, {"failed_writes": 102}),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE orders",
        "ALTER TABLE orders RENAME COLUMN unit TO who",
        "ALTER TABLE orders ADD COLUMN extra TEXT CHECK (extra IS NOT NULL)",
        "CREATE TRIGGER broken BEFORE INSERT ON orders BEGIN SELECT raise(ABORT, 'no'); END",
    ],
)
def test_a_check_finds_any_table_that_takes_no_row(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    other = sqlite3.connect(tmp_path / "shop.db")
    other.execute(damage)
    other.close()

    with pytest.raises(Overloaded, match="the database cannot write now"):
        store.check_writes_now()
    store.close()


def test_a_check_leaves_no_row(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    store.check_writes_now()

    def rows(connection: Connection) -> dict[str, int]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for (name,) in list(names)
        }

    found = store.read_now(rows)
    store.close()
    assert {name for name, number in found.items() if number} == {"alembic_version", "ledger_state"}


@pytest.mark.parametrize("pragma", ["query_only = 1", "max_page_count = 1"])
def test_a_database_that_turns_read_only_or_full_heals(tmp_path: Path, pragma: str) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    name, _, _ = pragma.partition(" ")
    mended = "query_only = 0" if name == "query_only" else "max_page_count = 1000000"

    def fill(connection: Connection) -> None:
        connection.execute(text("INSERT INTO layers VALUES ('a', zeroblob(1000000))"))

    _pragma(store, pragma)
    with pytest.raises(Overloaded, match=r"readonly database|database or disk is full"):
        store.write_now(fill)
    _pragma(store, mended)
    store.check_writes_now()
    store.close()


def test_a_fault_of_a_job_is_logged_with_its_cause_and_costs_no_other_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "shop.db")
    store.migrate()
    broken: list[str] = []
    store.write_failures.listener = broken.append

    def overflows(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE shop SET id = ?", (2**63,))

    for _ in range(3):
        with pytest.raises(OverflowError):
            store.write_now(overflows)
    with pytest.raises(NotFound):
        store.write_now(_not_found)
    store.check_writes_now()
    store.close()

    (record,) = (entry for entry in caplog.records if entry.getMessage() == "a write failed")
    assert record.exc_info
    assert broken == []


def _not_found(_connection: Connection) -> None:
    raise NotFound("campaigns/none")


def _pragma(store: Store, pragma: str) -> None:
    """Sets it on the connection that writes, outside a transaction."""
    with store._database.writing.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(f"PRAGMA {pragma}")

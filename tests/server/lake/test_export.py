"""The lake holds the ledger's rows, each once, however exports end."""

import hashlib
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from fairlift.v1.event_service_pb2 import Event
from fairlift_server.api.event_entries import EventReader
from fairlift_server.events.ledger import Event as CheckedEvent
from fairlift_server.lake.changes import changed_rows
from fairlift_server.lake.tables import TABLES
from fairlift_server.lake.watermark import KEYS, Mark
from fairlift_server.store.database import Store
from fairlift_server.store.events import store_events
from fairlift_server.store.tables import metadata

from tests.ledger_oracle.events import DAY
from tests.ledger_oracle.histories import START, histories, together
from tests.ledger_oracle.messages import message_of
from tests.ledger_oracle.product import Arrival, _live, empty_store
from tests.server import shop
from tests.server.lake.lake_reading import (
    check_equal,
    check_files,
    exported,
    killed,
    lake_rows,
    ledger_rows,
    manifest,
    refused,
)


class Writer:
    """Writes a random history into a database, a group of events at a time, days apart."""

    def __init__(self, path: Path, seed: int) -> None:
        history = together(histories(seed)[:8])
        self.path = path
        self._rng = random.Random(seed)
        messages = [message_of(event) for event in history.events]
        for _ in range(12):  # costs that rates of the history restate
            currency = self._rng.choice(["USD", "USD", "EUR"])
            cost = shop.cost(self._rng.randrange(1, 90), channel="ads", currency=currency)
            cost.event_time.FromMicroseconds(START + self._rng.randrange(14) * DAY)
            messages.append(cost)
        self._live = _live(history.campaign)
        self._now_us = history.as_of
        self.erased: set[str] = set()
        self._store = Store(path)
        self._store.migrate()
        # What was refused for want of a rate comes again, and so do some that were accepted.
        self._messages = [*messages, *messages]

    def groups(self) -> Iterator[int]:
        """Writes a group for each number."""
        arrival = Arrival(self._rng.randrange(100))
        for group in arrival.groups(self._messages):  # type: ignore[arg-type]  # it only shuffles them
            self.write(group)  # type: ignore[arg-type]  # as above
            yield len(group)

    def write(self, messages: list[Event]) -> None:
        messages = [one for one in messages if not any(unit in str(one) for unit in self.erased)]
        self._now_us += self._rng.choice([0, DAY // 7, DAY])
        reader = EventReader(
            self._live, now_us=self._now_us, history_days=4_000, parked_days=7, currency="EUR"
        )
        events = [event for event in map(reader.read, messages) if isinstance(event, CheckedEvent)]
        self._store.write_now(lambda connection: store_events(connection, events, "EUR"))

    def close(self) -> None:
        self._store.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return empty_store(tmp_path).rename(tmp_path / "shop.db")


def test_every_column_of_the_ledger_is_exported() -> None:
    for name, table in TABLES.items():
        assert set(table.columns) == set(metadata.tables[name].columns.keys())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_lake_is_the_ledger_after_exports_that_are_killed(database: Path, seed: int) -> None:
    lake = database.with_name("lake")
    rng = random.Random(seed)
    writer = Writer(database, seed)
    kills = 0
    for number, _ in enumerate(writer.groups()):
        if rng.random() < 0.35:
            kills += killed(database, lake, rng, step_rows=rng.choice([40, 300, 10_000]))
        if number % 8 == 7:
            exported(database, lake, step_rows=rng.choice([40, 10_000]))
            check_equal(database, lake)
    exported(database, lake)
    writer.close()

    check_equal(database, lake)
    check_files(lake)
    assert kills >= 2
    # The history had what is hard.
    with closing(sqlite3.connect(database)) as connection:
        counts = {
            name: connection.execute(query).fetchone()[0]
            for name, query in {
                "restated": "SELECT count(*) FROM order_changes",
                "corrected": "SELECT count(*) FROM orders WHERE placed IS NOT NULL",
                "days": "SELECT count(DISTINCT received_us / 86400000000) FROM exposures",
                "statuses": "SELECT count(DISTINCT status) FROM amendments",
                "foreign": "SELECT count(*) FROM costs WHERE currency_code <> 'EUR'",
                "values": "SELECT count(value) FROM actions",
            }.items()
        }
    assert min(counts.values()) >= 2, counts


def test_a_cost_that_a_late_rate_restates_is_exported_again(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 1)
    rates = [shop.exchange_rate("USD", rate) for rate in (0.9, 0.8)]
    cost = shop.cost(10, channel="ads", currency="USD")
    for event, day in zip((*rates, cost), (1, 2, 3), strict=True):
        event.event_time.FromMicroseconds(START + day * DAY)
    writer.write([rates[0], cost])
    exported(database, lake)
    writer.write([rates[1]])
    writer.close()

    # Only the two rows: the cost again, and the rate.
    assert exported(database, lake) == (2, 0)
    check_equal(database, lake)
    (row,) = lake_rows(lake, "costs")
    assert row[-1] == 8_000_000


def test_a_query_over_the_files_gives_what_the_database_gives(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 4)
    for number, _ in enumerate(writer.groups()):
        if number % 6 == 0:
            exported(database, lake)
    writer.close()
    exported(database, lake)
    text = (Path(__file__).parents[3] / "docs" / "lake.md").read_text()
    views, question = re.findall("```sql\n(.*?)```", text, re.DOTALL)
    with closing(sqlite3.connect(database)) as connection:
        ((campaign,), *_) = connection.execute("SELECT DISTINCT campaign FROM exposures")
        question = question.replace("free-shipping", campaign)
        expected = connection.execute(question).fetchall()

    with closing(duckdb.connect()) as connection:
        connection.execute(f"SET VARIABLE lake = '{lake}'")
        connection.execute(views)
        found = connection.execute(question).fetchall()

    assert found == expected
    assert len(found) >= 20
    assert sum(buyers for _, _, buyers, _, _ in found) > 20


def test_a_second_export_with_nothing_new_writes_nothing(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 1)
    for _ in writer.groups():
        pass
    writer.close()
    first, _ = exported(database, lake)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in lake.rglob("*.*")}

    assert exported(database, lake) == (0, 0)
    assert first > 100
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in lake.rglob("*.*")}
    assert after == before


def test_the_manifest_describes_each_file(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 2)
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)

    for file in manifest(lake)["files"]:
        content = (lake / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file["bytes"],
            file["sha256"],
        )
    rows = sum(file["rows"] for file in manifest(lake)["files"] if file["table"] == "exposures")
    assert rows == ledger_rows(database, "exposures").total()


def test_a_row_is_in_the_folder_of_the_day_of_its_receipt_in_utc(database: Path) -> None:
    lake = database.with_name("lake")
    writer = Writer(database, 3)
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)

    with closing(sqlite3.connect(database)) as connection:
        received = connection.execute("SELECT DISTINCT received_us FROM orders").fetchall()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    days = {(epoch + timedelta(microseconds=us)).date().isoformat() for (us,) in received}
    for table in ("orders", "order_lines"):
        assert {file["day"] for file in manifest(lake)["files"] if file["table"] == table} == days
        assert {path.name for path in (lake / table).iterdir()} == {f"day={day}" for day in days}


def test_the_folder_of_another_database_is_refused(database: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    exported(database, lake)
    (tmp_path / "other").mkdir()

    said = refused(empty_store(tmp_path / "other"), lake)

    assert "is the export of another database; export to a new folder" in said


def test_a_folder_with_something_else_in_it_is_left_alone(database: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")

    assert "is not empty and has no manifest.json" in refused(database, tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    assert "does not exist; create it first" in refused(database, tmp_path / "no" / "lake")
    assert "is not a folder" in refused(database, database)


def test_a_lake_that_is_ahead_of_a_restored_database_is_refused(database: Path) -> None:
    lake = database.with_name("lake")
    older = database.with_name("older.db")
    older.write_bytes(database.read_bytes())
    writer = Writer(database, 1)
    writer.write([shop.exposure("v")])
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)

    assert "as after restoring an older back-up; export to a new folder" in refused(older, lake)


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
        connection.execute("CREATE TABLE erased_units (unit TEXT PRIMARY KEY, time_us BIGINT)")
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
    connection.execute("INSERT INTO erased_units VALUES (?, 1)", (unit,))


def holds(path: Path, unit: str) -> bool:
    with closing(duckdb.connect()) as connection:
        rows = connection.execute("SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
    return any(unit in row for row in rows)


def test_an_increment_reads_no_table_from_its_beginning(database: Path) -> None:
    since = {table: Mark(1_000_000, "a") for table in KEYS}
    until = {table: Mark(1_000_100, "b") for table in KEYS}
    with closing(sqlite3.connect(database)) as connection:
        for table in TABLES:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {changed_rows(table, since, until)}")
            scans = [line for *_, line in plan if line.startswith("SCAN")]
            # Lists that the query itself made, and costs: they are few, and only a rate asks.
            allowed = {"SCAN t", "SCAN x", "SCAN r"} if table == "costs" else {"SCAN t"}
            assert set(scans) <= allowed, (table, scans)

"""The lake holds the ledger's rows, each once, however exports end."""

import errno
import hashlib
import random
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.lake.changes import changed_rows
from fairlift_server.lake.dialect import SQLITE
from fairlift_server.lake.folder import held
from fairlift_server.lake.tables import TABLES
from fairlift_server.lake.watermark import Mark
from fairlift_server.store.tables import metadata

from tests.databases import changed, copied, rows, sqlite_only
from tests.ledger_oracle.events import DAY
from tests.ledger_oracle.histories import START
from tests.ledger_oracle.product import empty_store
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
from tests.server.lake.ledger_writer import Writer


def test_every_column_of_the_ledger_is_exported() -> None:
    for name, table in TABLES.items():
        assert set(table.columns) == set(metadata.tables[name].columns.keys())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.kills), 1, 2, 3])
def test_the_lake_is_the_ledger_after_exports_that_are_killed(
    database: str, lake: Path, seed: int
) -> None:
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
    counts = {
        name: rows(database, query)[0][0]
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


def test_a_cost_that_a_late_rate_restates_is_exported_again(database: str, lake: Path) -> None:
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


def test_a_query_over_the_files_gives_what_the_database_gives(database: str, lake: Path) -> None:
    writer = Writer(database, 4)
    for number, _ in enumerate(writer.groups()):
        if number % 6 == 0:
            exported(database, lake)
    writer.close()
    exported(database, lake)
    text = (Path(__file__).parents[3] / "docs" / "lake.md").read_text()
    views, question = re.findall("```sql\n(.*?)```", text, re.DOTALL)
    largest = "SELECT campaign FROM exposures GROUP BY campaign ORDER BY count(*) DESC, campaign"
    ((campaign,), *_) = rows(database, largest)
    question = question.replace("free-shipping", campaign)
    expected = rows(database, question)

    with closing(duckdb.connect()) as connection:
        connection.execute(f"SET VARIABLE lake = '{lake}'")
        connection.execute(views)
        found = connection.execute(question).fetchall()

    assert found == expected
    assert len(found) >= 20
    assert sum(buyers for _, _, buyers, _, _ in found) > 20


def test_a_second_export_with_nothing_new_writes_nothing(database: str, lake: Path) -> None:
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


def test_the_manifest_describes_each_file(database: str, lake: Path) -> None:
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
    total = sum(file["rows"] for file in manifest(lake)["files"] if file["table"] == "exposures")
    assert total == ledger_rows(database, "exposures").total()


def test_a_row_is_in_the_folder_of_the_day_of_its_receipt_in_utc(database: str, lake: Path) -> None:
    writer = Writer(database, 3)
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)

    received = rows(database, "SELECT DISTINCT received_us FROM orders")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    days = {(epoch + timedelta(microseconds=us)).date().isoformat() for (us,) in received}
    for table in ("orders", "order_lines"):
        assert {file["day"] for file in manifest(lake)["files"] if file["table"] == table} == days
        assert {path.name for path in (lake / table).iterdir()} == {f"day={day}" for day in days}


def test_the_folder_of_another_database_is_refused(
    database: str, lake: Path, tmp_path: Path
) -> None:
    exported(database, lake)
    (tmp_path / "other").mkdir()

    other = empty_store(tmp_path / "other")
    changed(other, "UPDATE ledger_state SET ledger = 'other'")

    said = refused(other, lake)

    assert "is the export of another database; export to a new folder" in said


def test_tables_of_a_newer_version_are_not_exported(database: str, lake: Path) -> None:
    """They may have columns that this program would leave out."""
    changed(database, "UPDATE alembic_version SET version_num = '9999'")

    said = refused(database, lake)

    assert "was written by a newer Fairlift (its tables are of version 9999" in said
    assert not lake.exists()


def test_an_export_whose_first_write_fails_leaves_no_new_folder(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    earlier = lake.with_name("earlier")
    earlier.mkdir()
    with monkeypatch.context() as faults:
        faults.setattr("fairlift_server.lake.folder.put", full)
        for path in (lake, earlier):
            with pytest.raises(OSError, match="No space left"), held(path) as folder:
                folder.manifest("shop")
    assert not lake.exists()
    assert earlier.is_dir()

    # What was begun stays: the next export goes on from there.
    with held(lake) as folder:
        folder.manifest("shop")
    assert {path.name for path in lake.iterdir()} == {".lock", "manifest.json"}


def test_a_folder_with_something_else_in_it_is_left_alone(database: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")

    assert "is not empty and has no manifest.json" in refused(database, tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    assert "does not exist; create it first" in refused(database, tmp_path / "no" / "lake")
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(database, tmp_path / "file")


def test_a_lake_that_is_ahead_of_a_restored_database_is_refused(
    database: str, lake: Path, tmp_path: Path
) -> None:
    older = copied(database, tmp_path / "older.db")
    writer = Writer(database, 1)
    writer.write([shop.exposure("v")])
    for _ in writer.groups():
        pass
    writer.close()
    exported(database, lake)

    assert "as after restoring an older back-up; export to a new folder" in refused(older, lake)


@sqlite_only
def test_an_increment_reads_no_table_from_its_beginning(database: str) -> None:
    since = {table: Mark(1_000_000, "a") for table in ROW_KEYS}
    until = {table: Mark(1_000_100, "b") for table in ROW_KEYS}
    with closing(sqlite3.connect(database)) as connection:
        for table in TABLES:
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {changed_rows(table, since, until, SQLITE)}"
            )
            scans = [line for *_, line in plan if line.startswith("SCAN")]
            # Lists that the query itself made, and costs: they are few, and only a rate asks.
            allowed = {"SCAN t", "SCAN x", "SCAN r"} if table == "costs" else {"SCAN t"}
            assert set(scans) <= allowed, (table, scans)

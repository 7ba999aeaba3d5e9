"""Exports of PostgreSQL, where several servers write at once."""

import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fairlift_server.lake.tables import TABLES
from fairlift_server.store.campaigns import Shop, put_shop
from fairlift_server.store.database import Store
from fairlift_server.store.moving import move

from tests.databases import new_database
from tests.ledger_oracle.product import empty_store
from tests.server.lake.lake_reading import (
    begun,
    check_equal,
    check_files,
    exported,
    killed,
    lake_rows,
    refused,
)
from tests.server.lake.ledger_writer import Writer

EXPOSURE = (
    "INSERT INTO exposures (event_id, time_us, received_us, unit, campaign, epoch, variant) "
    "VALUES (%s, 1, 1790000000000000, %s, 'c', 1, 'a') RETURNING id"
)


@pytest.fixture
def shared(tmp_path: Path) -> str:
    """A database of PostgreSQL, whatever the other tests run on."""
    return with_a_shop(new_database(str(tmp_path)))


def with_a_shop(database: str) -> str:
    store = Store(database)
    store.migrate()
    store.write_now(lambda transaction: put_shop(transaction, Shop("EUR", 0, "salt")))
    store.close()
    return database


def without_ids(lake: Path, table: str) -> Counter[tuple[Any, ...]]:
    """The rows of a table that count, without the ids that the database gave them."""
    place = list(TABLES[table].columns).index("id")
    found: Counter[tuple[Any, ...]] = Counter()
    for row, count in lake_rows(lake, table).items():
        found[row[:place] + row[place + 1 :]] += count
    return found


@pytest.mark.slow
def test_both_databases_give_the_same_lake(tmp_path: Path, shared: str) -> None:
    # Given the same history in a file and in PostgreSQL, or in two databases of PostgreSQL
    other = empty_store(tmp_path)
    lakes = [tmp_path / "lake", tmp_path / "shared"]
    rng = random.Random(7)
    writer = Writer(other, 7, also=shared)
    for _ in writer.groups():
        for database, lake in zip((other, shared), lakes, strict=True):
            # At other moments for each of them.
            if rng.random() < 0.08:
                killed(database, lake, rng, step_rows=rng.choice([40, 10_000]))
    writer.close()

    for database, lake in zip((other, shared), lakes, strict=True):
        exported(database, lake, step_rows=300)
        check_files(lake)

    for table in TABLES:
        first, second = (without_ids(lake, table) for lake in lakes)
        assert first == second, table
        # The writer knows no attributes of customers; test_customers_in_lake.py does.
        assert first.total() > 1 or table == "customer_attributes", table
    assert any(row[-1] is not None and row[-1] % 1 for row in lake_rows(lakes[1], "actions"))


@pytest.mark.slow
def test_a_folder_that_was_begun_from_a_file_goes_on_after_a_move(
    tmp_path: Path, lake: Path
) -> None:
    old, new = with_a_shop(str(tmp_path / "old.db")), new_database(str(tmp_path))
    writer = Writer(old, 11)
    groups = writer.groups()
    for _ in range(10):
        next(groups)
    writer.close()
    first, _ = exported(old, lake)
    source, target = Store(old), Store(new)
    target.migrate()
    move(source, target)
    source.close()
    target.close()

    nothing = exported(new, lake)
    writer.go_on_in(new)
    for _ in groups:
        pass
    writer.close()
    second, _ = exported(new, lake)

    assert min(first, second) > 50
    assert nothing == (0, 0)
    check_equal(new, lake)
    check_files(lake)


def added(connection: psycopg.Connection, number: int) -> int:
    """The row id of a new exposure."""
    row = connection.execute(EXPOSURE, (number.to_bytes(16), f"v-{number}")).fetchone()
    assert row is not None
    return int(row[0])


def test_a_row_that_appears_late_is_in_the_lake(shared: str, lake: Path) -> None:
    # Given a transaction that has an id, and a later one that has ended
    with psycopg.connect(shared) as late, psycopg.connect(shared, autocommit=True) as other:
        first = added(late, 1)
        assert added(other, 2) > first
        export = begun(shared, lake)
        with pytest.raises(subprocess.TimeoutExpired):
            export.wait(2)
        # Nobody who writes waits for the export meanwhile.
        other.execute("SET lock_timeout = 20")
        added(other, 3)
        late.commit()
        out, errors = export.communicate(timeout=60)
        assert export.returncode == 0, errors
        assert int(out.split()[0]) >= 2
        exported(shared, lake)

    check_equal(shared, lake)
    assert lake_rows(lake, "exposures").total() == 3


def test_a_transaction_that_is_undone_holds_nothing_up(shared: str, lake: Path) -> None:
    with psycopg.connect(shared) as undone, psycopg.connect(shared, autocommit=True) as other:
        added(undone, 1)
        added(other, 2)
        undone.rollback()

        assert exported(shared, lake) == (1, 0)
    assert exported(shared, lake) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_exports_beside_several_writers_miss_nothing(shared: str, lake: Path, seed: int) -> None:
    stop = threading.Event()
    written: list[int] = []
    longest: list[float] = []

    def write(writer: int) -> None:
        """Rows in transactions whose order of ids is not that of their ends; some are undone."""
        rng = random.Random(f"{seed} {writer}")
        number = writer * 1_000_000
        waited = 0.0
        with psycopg.connect(shared) as connection:
            while not stop.is_set():
                numbers = range(number, number + rng.choice([1, 3, 40]))
                number = numbers.stop
                for each in numbers:
                    begin = time.monotonic()
                    added(connection, each + 1)
                    waited = max(waited, time.monotonic() - begin)
                time.sleep(rng.choice([0.005, 0.02, 0.1]))
                if rng.random() < 0.1:
                    connection.rollback()
                else:
                    connection.commit()
                    written.extend(numbers)
        longest.append(waited)

    rng = random.Random(seed)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            killed(shared, lake, rng, step_rows=rng.choice([4_000, 1_000_000]))
            exported(shared, lake, step_rows=5_000)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    exported(shared, lake)

    check_equal(shared, lake)
    check_files(lake)
    assert lake_rows(lake, "exposures").total() == len(written) > 500
    # The machine may be busy; an export that locked tables would hold writers up for seconds.
    assert max(longest) < 1.5


def test_an_empty_row_in_the_place_of_an_erased_one_stays_out(shared: str, lake: Path) -> None:
    with psycopg.connect(shared, autocommit=True) as connection:
        added(connection, 0)  # its event id is 16 zero bytes
        added(connection, 1)

    assert exported(shared, lake) == (1, 0)
    ((_, event_id, *_),) = lake_rows(lake, "exposures")
    assert event_id == "00000000-0000-0000-0000-000000000001"


def test_a_failure_shows_no_password(shared: str, lake: Path) -> None:
    secret = "correct-horse"
    address = shared.rpartition("@")[2]
    nowhere = f"postgresql://fairlift:{secret}@{address.partition(':')[0]}:1/shop"

    said = refused(nowhere, lake)

    assert secret not in said
    assert "127.0.0.1:1/shop" in said

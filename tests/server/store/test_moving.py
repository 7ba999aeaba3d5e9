"""A shop moves to another database: snapshot and reports are equal afterwards."""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift.v1 import admin_service_pb2, assignment_service_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.store.database import Store
from fairlift_server.store.moving import move
from fairlift_server.store.tables import metadata

from tests.databases import changed, new_database, rows
from tests.server import shop
from tests.server.client import ID_KEY, Caller, Clock, running
from tests.server.crowds import start
from tests.server.live_days import day_of, list_looks, live_until, planned, read
from tests.server.store.test_migration import TOKEN

# Each database has these of its own.
OWN = {"ledger_state", "order_locks"}


def moved(source: str, target: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        _command(source, target), capture_output=True, text=True, timeout=120, check=False
    )


def _command(source: str, target: str) -> list[str]:
    return [sys.executable, "-m", "fairlift_server", "move", "--from", source, "--to", target]


def contents(database: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table; booleans as numbers."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for table in metadata.sorted_tables:
        if table.name not in OWN:
            columns = ", ".join(table.c.keys())
            plain = [
                tuple(int(value) if isinstance(value, bool) else value for value in row)
                for row in rows(database, f"SELECT {columns} FROM {table.name}")
            ]
            found[table.name] = sorted(plain, key=repr)
    return found


async def all_that_is_read(caller: Caller) -> tuple[str, pb.Report, list[pb.Look]]:
    request = assignment_service_pb2.WatchSnapshotRequest()
    async for response in caller.assignments.WatchSnapshot(request):
        etag = response.snapshot.etag
        break
    report = await read(caller)
    report.ClearField("create_time")
    return etag, report, await list_looks(caller)


@pytest.fixture
async def lived(tmp_path: Path) -> tuple[Clock, str, tuple[str, pb.Report, list[pb.Look]]]:
    """A shop of three days in a SQLite file: its clock, its file, and what its people read."""
    database = str(tmp_path / "old.db")
    clock = Clock()
    async with running(tmp_path, clock=clock, database=database, id_key=ID_KEY) as caller:
        await start(caller, planned())
        for day in range(1, 4):
            await live_until(caller, day, day_of(day, each=20, buyers=(4, 7)))
            await read(caller)
        events = [shop.identity("free-1-1", "c-1"), shop.refund("o-free-1-1", 5.0)]
        await caller.record(*events, shop.order("v", "o-usd", currency="USD"))
        return clock, database, await all_that_is_read(caller)


Lived = tuple[Clock, str, tuple[str, pb.Report, list[pb.Look]]]


async def test_the_shop_goes_on_where_it_was(tmp_path: Path, lived: Lived) -> None:
    clock, old, before = lived
    new = new_database(str(tmp_path))

    done = await asyncio.to_thread(moved, old, new)
    again = await asyncio.to_thread(moved, old, new)

    assert done.returncode == 0, done.stderr
    assert "FAIRLIFT_ID_KEY" in done.stdout
    assert contents(new) == contents(old)
    assert again.returncode == 0, again.stderr
    async with running(tmp_path, clock=clock, database=new, id_key=ID_KEY) as caller:
        assert await all_that_is_read(caller) == before
        # It takes events, and ids go on above the old ones.
        await live_until(caller, 4, day_of(4, each=20, buyers=(4, 7)))
        (count,) = rows(new, "SELECT count(DISTINCT id), count(*) FROM exposures")
        assert count == (160, 160)
        assert [look.number for look in await list_looks(caller)][:3] == [1, 2, 3]
    # A copy that was used is not written over.
    lived_on = contents(new)
    late = await asyncio.to_thread(moved, old, new)
    assert late.returncode != 0
    assert re.search(r"has moved to .* changed since \(.*exposures", late.stderr)
    assert contents(new) == lived_on


async def test_a_database_with_contents_takes_no_move(tmp_path: Path, lived: Lived) -> None:
    _, old, _ = lived
    other = new_database(str(tmp_path))
    async with running(tmp_path, database=other) as caller:
        await caller.start(shop.campaign())
    before = contents(other)

    refused = await asyncio.to_thread(moved, old, other)

    assert refused.returncode != 0
    assert "has campaigns already; take an empty database" in refused.stderr
    assert contents(other) == before


async def test_a_copy_whose_settings_changed_is_not_written_over(
    tmp_path: Path, lived: Lived
) -> None:
    _, old, _ = lived
    new = new_database(str(tmp_path))
    await asyncio.to_thread(moved, old, new)
    changed(new, TOKEN, [b"\x01" * 32])

    again = await asyncio.to_thread(moved, old, new)

    assert again.returncode != 0
    assert "one of them has changed since (tokens)" in again.stderr


async def test_it_moves_back_to_a_file(tmp_path: Path, lived: Lived) -> None:
    clock, old, before = lived
    between, new = new_database(str(tmp_path)), str(tmp_path / "new.db")

    for source, target in ((old, between), (between, new)):
        done = await asyncio.to_thread(moved, source, target)
        assert done.returncode == 0, done.stderr

    assert contents(new) == contents(old)
    async with running(tmp_path, clock=clock, database=new, id_key=ID_KEY) as caller:
        assert await all_that_is_read(caller) == before


async def test_a_move_waits_until_no_server_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    old, new = str(tmp_path / "a" / "old.db"), new_database(str(tmp_path))
    async with running(tmp_path, database=old), running(tmp_path, database=new):
        from_file = await asyncio.to_thread(moved, old, new_database("other"))
        from_postgres = await asyncio.to_thread(moved, new, str(tmp_path / "x.db"))
        Store(tmp_path / "idle.db").close()
        into_file = await asyncio.to_thread(moved, str(tmp_path / "idle.db"), old)
        into_postgres = await asyncio.to_thread(moved, str(tmp_path / "idle.db"), new)

    assert "another server uses" in from_file.stderr
    assert "a server of Fairlift uses postgresql://" in from_postgres.stderr
    assert "another server uses" in into_file.stderr
    assert "a server of Fairlift uses postgresql://" in into_postgres.stderr
    missing = await asyncio.to_thread(moved, str(tmp_path / "none.db"), new_database("third"))
    assert "there is no database at" in missing.stderr
    assert not (tmp_path / "none.db").exists()


class Stopped(Exception):
    """As a kill in the middle of a move."""


def stop_after(table: str, name: str, done: int, rows: int) -> None:
    if name == table and done == rows:
        raise Stopped


async def test_what_changed_since_a_move_was_stopped_moves_too(tmp_path: Path) -> None:
    """Its server was started again: an order was refunded, a person erased, a batch came in."""
    old, new = str(tmp_path / "old.db"), new_database(str(tmp_path))
    async with running(tmp_path, database=old, id_key=ID_KEY) as caller:
        await caller.start(shop.campaign())
        for name in ("a", "b", "gone"):
            await caller.accepted([shop.exposure(name), shop.order(name, f"o-{name}")])
        await caller.record(shop.order("v", "o-usd", currency="USD"))
    source, target = Store(old), Store(new)
    target.migrate()
    with pytest.raises(Stopped):
        move(source, target, partial(stop_after, "order_lines"))
    source.close()
    target.close()
    async with running(tmp_path, database=old, id_key=ID_KEY) as caller:
        yesterday = shop.now() - timedelta(days=1)
        await caller.accepted(
            [shop.refund("o-a", 20.0), shop.exchange_rate("USD", 1, at=yesterday)]
        )
        await caller.admin.EraseUnit(admin_service_pb2.EraseUnitRequest(unit_id="gone"))
        # Its id is older than all that were copied.
        await caller.accepted([shop.exposure("late", named="01800000-0000-7000-8000-000000000000")])
        while rows(old, "SELECT count(*) FROM parked_events") != [(0,)]:
            await asyncio.sleep(0.05)

    changed(old, TOKEN, [b"\x01" * 32])

    done = await asyncio.to_thread(moved, old, new)

    assert done.returncode == 0, done.stderr
    assert [rows(new, f"SELECT count(*) > 0 FROM {t}") for t in ("tokens", "erased_units")] == [
        [(True,)],
        [(True,)],
    ]
    assert rows(old, "SELECT refunded_micros FROM orders WHERE order_id = 'o-a'") == [(20_000_000,)]
    assert contents(new) == contents(old)


@pytest.mark.slow
def test_a_move_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Killed at random moments, and refused to servers until it has ended."""
    old, new = str(tmp_path / "old.db"), new_database(str(tmp_path))
    store = Store(old)
    store.migrate()
    store.write_now(lambda c: c.exec_driver_sql(
        "INSERT INTO shop (id, currency_code, holdout_bps, holdout_salt) VALUES (1, 'EUR', 0, 's')"
    ))  # fmt: skip
    store.write_now(
        lambda c: c.exec_driver_sql(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250000) "
            "INSERT INTO actions (event_id, time_us, received_us, unit, name, value) "
            "SELECT CAST(printf('%016d', i) AS BLOB), i, i, 'v' || i, 'view', i / 3.0 FROM n"
        )
    )
    store.close()
    rng = random.Random(13)
    killed = 0
    for _attempt in range(6):
        process = subprocess.Popen(_command(old, new), stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 2.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        if process.returncode == 0:
            break
    half = Store(new)
    refusal = ""  # stays empty if the last kill came after the end, or before it had begun
    try:
        half.migrate()
    except WrongState as error:
        refusal = str(error)
    half.close()
    if process.returncode != 0:
        assert not refusal or re.search(r"a move into .* was begun and not ended", refusal)
        assert moved(old, new).returncode == 0

    assert killed
    assert contents(new) == contents(old)


def test_a_copy_that_differs_is_told(tmp_path: Path) -> None:
    old, new = str(tmp_path / "old.db"), str(tmp_path / "new.db")
    source, target = Store(old), Store(new)
    source.migrate()
    target.migrate()

    def tampering(table: str, _done: int, _rows: int) -> None:
        if table == "orders":
            target.write_now(lambda c: c.exec_driver_sql(
                "INSERT INTO layers (layer, salt) VALUES ('of another program', 's')"
            ))  # fmt: skip

    def adding(table: str, _done: int, _rows: int) -> None:
        if table == "orders":
            target.write_now(lambda c: c.exec_driver_sql(
                "INSERT INTO actions (event_id, time_us, received_us, unit, name) "
                "VALUES ('0123456789abcdef', 1, 1, 'v', 'view')"
            ))  # fmt: skip

    with pytest.raises(WrongState, match=r"differ in layers: something else wrote"):
        move(source, target, tampering)
    with pytest.raises(WrongState, match=r"0 rows of actions, .* has 1: something else wrote"):
        move(source, target, adding)
    move(source, target)
    source.close()
    target.close()
    assert contents(new) == contents(old)

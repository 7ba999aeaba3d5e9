"""Retention that is killed loses and changes nothing; events come in while it goes on."""

import asyncio
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift_server.results import retention_rules as timed
from fairlift_server.store.database import Store
from fairlift_server.store.partitions import make_partitions

from tests.databases import ON_POSTGRES, changed, database_in, rows
from tests.server import shop
from tests.server.client import Clock, running
from tests.server.retention.old_shop import LATER, chosen, cleaning, history, served, shown

# After so many turns; with PostgreSQL it first looks for days that can go whole.
KILLS = (0, 2, 20 if ON_POSTGRES else 12)


@pytest.mark.slow
@pytest.mark.kills
async def test_killed_at_any_moment_it_goes_on_and_reports_are_equal(tmp_path: Path) -> None:
    clock = Clock()
    async with served(tmp_path, clock) as caller:
        await history(caller, 5)
        before = await shown(caller, LATER)
        turned = time.time()
    database = str(chosen(tmp_path)["database"])
    exposures = "SELECT count(*) FROM exposures WHERE campaign = 'free-shipping'"
    left = [rows(database, exposures)[0][0]]

    for turns in KILLS:
        ahead_s = clock.ahead.total_seconds() - (time.time() - turned)
        files = [str(tmp_path / f"shop.db.{name}") for name in ("id-key", "erased")]
        module = "tests.server.retention.killable"
        with subprocess.Popen(
            [sys.executable, "-m", module, database, *files, f"{ahead_s}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout is not None
            for _line in range(turns + 1):
                assert program.stdout.readline()
            program.kill()
        left.append(rows(database, exposures)[0][0])
        async with served(tmp_path, clock) as caller:
            assert await shown(caller, LATER) == before

    # It was killed in the middle, each time further on.
    assert left == sorted(left, reverse=True)
    assert 0 < left[-1] < left[0]
    clock.set(LATER)
    async with cleaning(tmp_path, clock) as retention:
        await retention.once()
    assert rows(database, exposures) == [(0,)]
    async with served(tmp_path, clock) as caller:
        assert await shown(caller, LATER) == before


def add_old_actions(database: str, count: int) -> None:
    """Actions of 100 days ago, with their marks, past the server."""
    blob = "decode(md5(n::text), 'hex')" if ON_POSTGRES else "CAST(printf('%016d', n) AS BLOB)"
    at_us = round((time.time() - 100 * 86_400) * 1e6)
    numbers = (
        f"WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {count})"
    )
    mark = f"INSERT INTO seen_events (event_id, digest) {numbers} SELECT {blob}, {blob} FROM many"
    act = (
        f"INSERT INTO actions (event_id, time_us, received_us, unit, name) {numbers} "
        f"SELECT {blob}, {at_us} + n, {at_us} + n, 'v' || n, 'view' FROM many"
    )
    assert changed(database, act) == changed(database, mark) == count


@pytest.mark.slow
async def test_events_come_in_meanwhile_and_wait_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "_FIRST_S", 0.0)
    database = database_in(tmp_path)
    async with running(tmp_path):
        pass
    add_old_actions(database, 60_000)
    left = f"SELECT count(*) FROM actions WHERE received_us < {round(time.time() - 86_400) * 10**6}"
    waits, seen = [], []
    async with running(tmp_path, retention_days=30) as caller:
        for call in range(2_000):
            begun = time.monotonic()
            await caller.accepted(shop.action(f"w{call}-{n}", "view") for n in range(20))
            waits.append(time.monotonic() - begun)
            if call % 20 == 0:
                seen.append(rows(database, left)[0][0])
                if seen[-1] <= 1:  # the newest row of a table stays for this round
                    break
            await asyncio.sleep(0.02)
    assert seen[-1] <= 1
    assert any(0 < each < 60_000 for each in seen)
    waits.sort()
    found = f"{len(waits)} calls, median {waits[len(waits) // 2]:.3f} s, longest {waits[-1]:.3f} s"
    (tmp_path / "waits.txt").write_text(found)
    assert waits[-1] < 1.0, found
    assert rows(database, "SELECT count(*) FROM seen_events")[0][0] >= 60_000  # not too old yet


@pytest.mark.skipif(not ON_POSTGRES, reason="is about PostgreSQL's partitions")
async def test_whole_partitions_are_dropped(tmp_path: Path) -> None:
    clock = Clock()
    then = shop.now() - timedelta(days=500)
    database = str(chosen(tmp_path)["database"])
    store = Store(database)
    store.write_now(lambda transaction: make_partitions(transaction, then.timestamp()))
    store.close()
    old = f"actions_{then:%Y%m%d}"
    async with served(tmp_path, clock) as caller:
        clock.set(then)
        await caller.accepted(shop.action(f"v{n}", "view", at=then) for n in range(30))
        clock.ahead = timedelta()
        await caller.accepted([shop.action("v", "view")])
    assert rows(database, f"SELECT count(*) FROM {old}") == [(30,)]
    async with cleaning(tmp_path, clock) as retention:
        assert await retention.once() == {"actions": 30}
    assert rows(database, f"SELECT to_regclass('{old}')::text") == [(None,)]
    assert rows(database, "SELECT count(*) FROM actions") == [(1,)]
    # So old that their time refuses them.
    assert rows(database, "SELECT count(*) FROM seen_events") == [(1,)]

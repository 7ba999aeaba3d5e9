"""The command, and exports of a database that it was used on."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.databases import rows, sqlite_only
from tests.server import shop
from tests.server.client import Caller, Clock
from tests.server.crowds import NAME
from tests.server.retention.old_shop import chosen, served

LONG_AGO = shop.now() - timedelta(days=100)


def command(
    folder: Path, *arguments: str, server_days: int = 0
) -> "subprocess.CompletedProcess[str]":
    settings = {f"FAIRLIFT_{name.upper()}": str(value) for name, value in chosen(folder).items()}
    settings["FAIRLIFT_RETENTION_DAYS"] = str(server_days)
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", *arguments],
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


async def old_and_new(caller: Caller) -> None:
    """Ten actions of long ago and two of today; one order of each time, with two lines."""
    lines = (shop.line(10), shop.line(5))
    for at, count in ((LONG_AGO, 10), (shop.now(), 2)):
        caller.clock.set(at)
        await caller.accepted(shop.action(f"v{n}", "view", at=at) for n in range(count))
        await caller.accepted([shop.order("v1", f"o-{count}", *lines, at=at)])


async def test_a_dry_run_says_what_would_go_and_what_holds_back(tmp_path: Path) -> None:
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, Clock()) as caller:
        caller.clock.set(LONG_AGO - timedelta(days=1))
        await caller.start(shop.campaign(metric="first_purchase_rate", covariate_days=7))
        await old_and_new(caller)
        tried = command(tmp_path, "retain", "--days", "30", "--dry-run")

    assert (tried.returncode, tried.stderr) == (0, "")
    since = LONG_AGO - timedelta(days=8)
    # A caller's clock may be a minute slow.
    needed = f"{since - timedelta(minutes=1):%Y-%m-%d}"
    name = NAME.removeprefix("campaigns/")
    assert tried.stdout.splitlines()[:3] == [
        f"campaign {name}, epoch 1: needs events from {needed} on, and all orders, for first "
        "purchases: is running",
        "exposures: 0 would go",
        "actions: 0 would go",
    ]
    assert rows(database, "SELECT count(*) FROM actions") == [(12,)]


@pytest.mark.parametrize("reason", ["segment", "cost"])
async def test_all_orders_stay_while_somebody_asks_who_is_new(tmp_path: Path, reason: str) -> None:
    segments = ["new_or_returning"] if reason == "segment" else []
    async with served(tmp_path, Clock()) as caller:
        caller.clock.set(LONG_AGO - timedelta(days=1))
        await caller.start(shop.campaign(metric="conversion_rate", segments=segments))
        await old_and_new(caller)
        if reason == "cost":
            await caller.accepted([shop.cost(5, campaign=NAME, channel="email")])
        tried = command(tmp_path, "retain", "--days", "30", "--dry-run")

    assert "and all orders" in tried.stdout


async def test_old_events_go_and_a_word_is_needed_for_it(tmp_path: Path) -> None:
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, Clock()) as caller:
        await old_and_new(caller)
    unset = command(tmp_path, "retain")
    short = command(tmp_path, "retain", "--days", "7")
    tried = command(tmp_path, "retain", "--days", "30", "--dry-run")
    done = command(tmp_path, "retain", "--days", "30")

    assert unset.returncode == 1
    assert "FAIRLIFT_RETENTION_DAYS is 0, which keeps everything" in unset.stderr
    assert short.returncode == 1
    assert "--days: is 7, " in short.stderr
    assert "must be 0 (keep everything), or 30 or more" in short.stderr
    assert tried.stdout.splitlines()[1:3] == ["actions: 10 would go", "orders: 1 would go"]
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "removed 11 events"
    assert rows(database, "SELECT count(*) FROM actions") == [(2,)]
    assert rows(database, "SELECT order_id FROM orders") == [("o-2",)]
    assert rows(database, "SELECT order_id FROM order_lines") == [("o-2",), ("o-2",)]


async def test_what_administrators_set_stands_in_place_of_the_servers_days(tmp_path: Path) -> None:
    database = str(chosen(tmp_path)["database"])
    async with served(tmp_path, Clock()) as caller:
        await old_and_new(caller)
    longer = command(tmp_path, "settings", "--retention-days", "365")
    kept = command(tmp_path, "retain", server_days=30)
    tried = command(tmp_path, "retain", "--dry-run", server_days=30)
    after_kept = rows(database, "SELECT count(*) FROM actions")
    assert command(tmp_path, "settings", "--retention-days", "0").returncode == 0
    for_ever = command(tmp_path, "retain", server_days=30)
    assert command(tmp_path, "settings", "--retention-days", "90").returncode == 0
    shorter = command(tmp_path, "retain")

    assert longer.stdout.splitlines()[-1] == "days that events are kept for: 365"
    assert (kept.returncode, kept.stdout) == (0, "removed 0 events\n"), kept.stderr
    assert "actions: 0 would go" in tried.stdout.splitlines()
    assert after_kept == [(12,)]
    assert for_ever.returncode == 1
    assert "retention_days of the shop's settings is 0, which keeps everything" in for_ever.stderr
    assert shorter.stdout.splitlines()[-1] == "removed 11 events", shorter.stderr


@sqlite_only
async def test_exports_keep_what_was_removed_and_go_on(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    async with served(tmp_path, Clock()) as caller:
        await old_and_new(caller)
    first = command(tmp_path, "export", str(lake))
    assert first.returncode == 0, first.stderr
    assert command(tmp_path, "retain", "--days", "30").returncode == 0
    async with served(tmp_path, Clock()) as caller:
        await caller.accepted([shop.action("v9", "view")])
    second = command(tmp_path, "export", str(lake))
    assert second.returncode == 0, second.stderr

    files = [str(path) for path in lake.rglob("*.parquet") if "actions" in str(path)]
    found = duckdb.connect().execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchone()
    assert found == (13,)

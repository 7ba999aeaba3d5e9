"""`fairlift-server parked`: what operators read of events that wait."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import event_service_pb2 as pb

from tests.databases import ON_POSTGRES, database_in, sqlite_only
from tests.server import shop
from tests.server.client import ID_KEY, Clock, running


def parked(database: str | Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "parked", *options],
        env={
            **os.environ,
            "FAIRLIFT_DATABASE": str(database),
            **({"FAIRLIFT_ID_KEY": ID_KEY} if ON_POSTGRES else {}),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_line_has_id_reason_field_and_message_while_the_server_runs(
    tmp_path: Path,
) -> None:
    database = database_in(tmp_path)
    async with running(tmp_path) as caller:
        event = shop.exposure("v", campaign="campaigns/unborn")
        (outcome,) = await caller.record(event)
        listed = await asyncio.to_thread(parked, database)
        (refusal,) = await caller.record(shop.order("v", "o-1", currency="USD"))
        both = await asyncio.to_thread(parked, database)
        first = await asyncio.to_thread(parked, database, "--limit", "1")

    line, counts = listed.stdout.splitlines()
    assert line.startswith(f"{event.event_id}  waits for campaigns/unborn (unknown_campaign), 0:")
    assert line.endswith(f" old: {outcome.message}")
    assert outcome.message.startswith(f"{outcome.field}: campaign 'unborn' does not exist")
    assert counts == "waiting: 1; refused in the end: 0"
    assert "  waits for USD (currency), 0:" in both.stdout
    assert " old: order.currency_code: is USD, the shop's currency is EUR" in both.stdout
    assert refusal.status == pb.EVENT_STATUS_PARKED
    assert first.stdout.splitlines() == [
        both.stdout.splitlines()[0].replace(*_ages(both, first)),
        "waiting: 2; refused in the end: 0",
    ]


def _ages(*listed: "subprocess.CompletedProcess[str]") -> tuple[str, str]:
    """The age in the first line of each: a second may pass between them."""
    before, after = (shown.stdout.split("), ")[1].split(" old")[0] for shown in listed)
    return before, after


async def test_an_event_that_waits_for_the_clock_is_as_old_as_its_arrival(tmp_path: Path) -> None:
    # Given an event that came in two hours ago, and is of tomorrow
    clock = Clock()
    clock.ahead = -timedelta(hours=2)
    async with running(tmp_path, clock=clock) as caller:
        await caller.record(shop.order("v", "o-1", at=shop.now() + timedelta(days=1)))
        listed = await asyncio.to_thread(parked, database_in(tmp_path))

    assert "  waits for clock (in_the_future), 2:00:" in listed.stdout


@pytest.mark.parametrize("limit", ["-1", str(10**30), "9" * 5_000, "many", "1.5"])
def test_a_limit_out_of_its_range_is_wrong_usage(tmp_path: Path, limit: str) -> None:
    listed = parked(tmp_path / "shop.db", "--limit", limit)

    assert listed.returncode == 2
    assert "must be a whole number, 0 to 1000000" in listed.stderr
    assert "Traceback" not in listed.stderr


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    listed = parked(tmp_path / "none.db")

    assert listed.returncode == 1
    assert "there is no database at" in listed.stderr
    assert not (tmp_path / "none.db").exists()


@sqlite_only
async def test_an_emptied_database_is_told_as_when_it_is_served(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.record(shop.order("v", "o-1"))
    database = tmp_path / "shop.db"
    for file in tmp_path.glob("shop.db-*"):
        file.unlink()
    database.write_bytes(b"")

    listed = await asyncio.to_thread(parked, database)

    (line,) = listed.stderr.splitlines()
    assert listed.returncode == 1
    assert line.startswith(f"fairlift-server: {database} is empty or missing, but was a shop's")
    assert "run `fairlift-server accept` once" in line


@sqlite_only
def test_what_is_no_ledger_is_told_in_one_line(tmp_path: Path) -> None:
    no_database, foreign, empty = (tmp_path / f"{name}.db" for name in ("text", "other", "empty"))
    no_database.write_text("no database, " * 1_000)
    empty.touch()
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE notes (text)")

    lines = [parked(path).stderr for path in (no_database, foreign, empty)]

    assert all(line.count("\n") == 1 for line in lines)
    assert "file is not a database; FAIRLIFT_DATABASE must name a SQLite file" in lines[0]
    assert "contains the tables of another program, such as notes" in lines[1]
    assert "has no ledger of this version" in lines[2]

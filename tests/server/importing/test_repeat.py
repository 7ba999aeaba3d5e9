"""An import that is repeated, overlaps another, or was killed: the ledger is that of one import."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.databases import ON_POSTGRES
from tests.server.client import beside
from tests.server.importing.files import (
    HEADER,
    environment,
    imported,
    ledger,
    order_lines,
    rows,
    written,
)

_ORDERS = 25_000
_KILLS = 8


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "orders.csv", HEADER, *order_lines(50))
    first = imported(tmp_path, file)
    before = ledger(tmp_path, without=())

    again = imported(tmp_path, file)

    assert (first.taken, first.events) == (100, 50)
    assert (again.taken, again.known, again.events) == (0, 100, 0)
    assert ledger(tmp_path, without=()) == before


def test_files_that_overlap_count_each_order_once(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"{first}.csv", HEADER, *order_lines(60, first)) for first in (0, 30)
    ]

    tallies = [imported(tmp_path, file) for file in files]

    assert [tally.events for tally in tallies] == [60, 30]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT order_id) FROM orders") == [(90, 90)]
    assert rows(tmp_path, "SELECT count(*) FROM order_lines") == [(180,)]


def test_another_spelling_of_the_same_rows_is_the_same(tmp_path: Path) -> None:
    plain = "o,v,2026-11-20T10:00:00Z,EUR,shoe,1,19.90"
    other = "v,o,2026-11-20 11:00:00 +0100,EUR,shoe,1.0,19.9000"
    one = written(tmp_path / "one.csv", HEADER, plain)
    two = written(tmp_path / "two.csv", HEADER.replace("order,unit", "unit,order"), other)

    assert [imported(tmp_path, file).events for file in (one, two)] == [1, 0]


def test_ids_grow_with_time_so_that_their_index_grows_at_its_end(tmp_path: Path) -> None:
    file = written(tmp_path / "orders.csv", HEADER, *order_lines(28))
    imported(tmp_path, file)

    ids = [row[0] for row in rows(tmp_path, "SELECT event_id FROM orders ORDER BY time_us")]

    assert ids == sorted(ids)
    assert all(each[6] >> 4 == 7 and each[8] >> 6 == 2 for each in ids)


@pytest.mark.slow
@pytest.mark.kills
def test_killed_at_random_moments_and_repeated_it_is_one_import(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    file = written(tmp_path / "orders.csv", HEADER, *order_lines(_ORDERS))
    imported(whole, file)
    r = random.Random(13)
    stored: set[int] = set()

    for number in range(_KILLS):
        process = _begun(killed, file)
        if number % 2:  # while it stores what is new
            before = _orders_in(killed) if _has_tables(killed) else 0
            _wait_for(killed, before + 1, process)
            time.sleep(r.random() / 2)
        else:
            time.sleep(r.random() * 4)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stored.add(_orders_in(killed) if _has_tables(killed) else 0)
    process = _begun(killed, file)

    process.communicate(timeout=200)
    assert process.returncode == 0
    assert len(stored) > 1, "no kill came in the middle"
    assert ledger(killed) == ledger(whole)
    if not ON_POSTGRES:
        assert rows(killed, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
def test_after_ctrl_c_it_says_how_far_it_came(tmp_path: Path) -> None:
    file = written(tmp_path / "orders.csv", HEADER, *order_lines(60_000))
    process = _begun(tmp_path, file)
    _wait_for(tmp_path, 1, process)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=100)

    assert process.returncode == 130
    assert "was interrupted: " in out.splitlines()[0]
    assert "of 120,000 rows" in out.splitlines()[0]
    assert "Run the same command again to go on." in out
    assert "Traceback" not in error
    # What it says is taken is what is stored: two rows an order.
    taken = next(line for line in out.splitlines() if line.startswith("  taken"))
    assert int(taken.split()[1].replace(",", "")) == 2 * _orders_in(tmp_path) > 0


def _begun(folder: Path, file: Path) -> "subprocess.Popen[str]":
    arguments = ["import", str(file), "--as", "orders", "--map", "generic"]
    return subprocess.Popen(
        [sys.executable, "-m", "fairlift_server", *arguments],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _orders_in(folder: Path) -> int:
    return int(rows(folder, "SELECT count(*) FROM orders")[0][0])


def _has_tables(folder: Path) -> bool:
    if ON_POSTGRES:
        return True
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'orders'"
    return (folder / "shop.db").exists() and bool(rows(folder, tables))


def _wait_for(folder: Path, orders: int, process: "subprocess.Popen[str]") -> None:
    """Until the tables are there and hold so many orders, or nothing more comes."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        if _has_tables(folder) and _orders_in(folder) >= orders:
            return
        time.sleep(0.02)
    assert process.poll() == 0, "the import did not begin"


def test_a_file_that_two_processes_import_at_once_is_there_once(tmp_path: Path) -> None:
    whole, twice = tmp_path / "whole", tmp_path / "twice"
    for folder in (whole, twice):
        folder.mkdir()
        beside(folder, {})  # the same key of ids
    file = written(tmp_path / "orders.csv", HEADER, *order_lines(2_000))
    alone = _begun(whole, file)
    alone.communicate(timeout=200)
    assert alone.returncode == 0

    both = [_begun(twice, file) for _ in range(2)]
    errors = [process.communicate(timeout=200)[1] for process in both]
    ended = [(process.returncode, error) for process, error in zip(both, errors, strict=True)]

    if ON_POSTGRES:
        assert [code for code, _ in ended] == [0, 0], ended
    else:  # a file has one writer
        assert 0 in [code for code, _ in ended], ended
    assert ledger(twice) == ledger(whole)
    assert _orders_in(twice) == 2_000

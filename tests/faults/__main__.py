"""Runs every fault in its long form, or those with a word: `python -m tests.faults jumps`.

Each ends in its counts. The exit code is 1 when something was lost, doubled or wrong.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.faults import (
    damaged_database,
    hostile_callers,
    killed_while_parked,
    large_shop,
    ledger_faults,
    postgres_faults,
    rolling_restart,
    swallowed_connection,
    versions,
    workers_restart,
    wrong_clocks,
)
from tests.faults.ledgers import postgres

Counts = Mapping[str, float]

_FAILURES = ("lost", "doubled", "wrong", "half", "early", "resurrected")


def _wrong_clock(fault: wrong_clocks.Fault) -> Counts:
    return asyncio.run(wrong_clocks.run(fault, rounds=60))


def _damaged(fault: damaged_database.Fault) -> Counts:
    with tempfile.TemporaryDirectory() as folder:
        return damaged_database.run(Path(folder), fault, Path(folder, "server.log"))


def _restarted(
    restart: Callable[..., rolling_restart.Counts], servers: int, **options: object
) -> Counts:
    counts = restart(servers, times=5, **options)
    # One server alone leaves its visitors the control while it is down; two must not.
    wrong = counts.flips + (counts.controls if servers > 1 else 0)
    return {
        "answers": counts.answers,
        "controls": counts.controls,
        "wrong": wrong,
        "lost": counts.lost,
    }


def _drained_on_postgres(
    servers: int, *, times: int, decide: rolling_restart.Decide = "server"
) -> rolling_restart.Counts:
    with postgres() as database:
        return rolling_restart.drained(
            servers, times=times, down_s=3.0, database=database.url, decide=decide
        )


def _workers_on_postgres(workers: int, *, times: int) -> rolling_restart.Counts:
    with postgres() as database:
        return workers_restart.drained_workers(workers, times=times, database=database.url)


def _swallowed(run: Callable[[], swallowed_connection.Counts]) -> Counts:
    counts = run()
    return {
        "recorded": counts.recorded,
        "noticed after s": round(counts.noticed_after_s, 1),
        "lost": counts.lost,
        "doubled": counts.doubled,
    }


# What runs each fault and returns its counts, by its name.
FAULTS: dict[str, Callable[[], Counts]] = {
    **{fault.name: partial(_wrong_clock, fault) for fault in wrong_clocks.FAULTS},
    "killed while parked events": partial(killed_while_parked.run, batches=60, kills=5),
    "a table is missing": partial(_damaged, damaged_database.broken_table),
    "no file of SQLite may grow": partial(_damaged, damaged_database.full_disk),
    **ledger_faults.FAULTS,
    "one server restarts": partial(_restarted, rolling_restart.killed, 1, down_s=3.0),
    "two servers restart in turn": partial(_restarted, rolling_restart.killed, 2, down_s=3.0),
    "two servers drain in turn": partial(_restarted, rolling_restart.drained, 2, down_s=3.0),
    "two servers drain, SDK decides": partial(
        _restarted, rolling_restart.drained, 2, down_s=3.0, decide="local"
    ),
    "two servers on PostgreSQL drain in turn": partial(_restarted, _drained_on_postgres, 2),
    "two servers on PostgreSQL drain, SDK decides": partial(
        _restarted, _drained_on_postgres, 2, decide="local"
    ),
    "two workers on PostgreSQL drain in turn": partial(_restarted, _workers_on_postgres, 2),
    "two workers drain in turn": partial(_restarted, workers_restart.drained_workers, 2),
    "two workers drain, SDK decides": partial(
        _restarted, workers_restart.drained_workers, 2, decide="local"
    ),
    "one of two workers hangs": partial(workers_restart.frozen_worker, silence_s=10),
    "idle connection is swallowed": partial(
        _swallowed, partial(swallowed_connection.client_that_goes_on, is_idle=True)
    ),
    "busy connection is swallowed": partial(
        _swallowed, partial(swallowed_connection.client_that_goes_on, is_idle=False)
    ),
    "connection is swallowed, worker ends": partial(
        _swallowed, partial(swallowed_connection.worker_that_ends, is_silent_for_ever=False)
    ),
    **postgres_faults.FAULTS,
    "two versions, up and back": versions.upgraded_and_back,
    "20,000 campaigns": large_shop.run,
    "memory under hostile calls": hostile_callers.memory,
    "assignments beside hostile callers": hostile_callers.assignments,
    "memory under hostile calls with a token": partial(
        hostile_callers.memory, token=hostile_callers.TOKEN
    ),
    "assignments beside hostile callers with a token": partial(
        hostile_callers.assignments, token=hostile_callers.TOKEN
    ),
}


def main(words: list[str]) -> int:
    """Prints a line for each fault; 1 when one of them did harm."""
    logging.disable(logging.CRITICAL)
    chosen = {
        name: run
        for name, run in FAULTS.items()
        if not words or any(word in name for word in words)
    }
    harm = 0.0
    for name, run in chosen.items():
        started = time.monotonic()
        counts = run()
        harm += sum(counts.get(failure, 0) for failure in _FAILURES)
        figures = "  ".join(f"{key} {count:,.7g}" for key, count in counts.items())
        took_s = time.monotonic() - started
        sys.stdout.write(f"{name:<48} {figures}  ({took_s:.0f} s)\n")
        sys.stdout.flush()
    return int(harm > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

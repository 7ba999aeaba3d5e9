"""Commands of fairlift-server that are killed at random moments, and begun again.

In the end everything is there once: as if the command had run through the first time.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlift_server.lake.tables import TABLES
from fairlift_server.store.database import Store
from fairlift_server.store.schema_version import newest_revision
from fairlift_server.store.statements import execute_many

from tests.databases import changed, rows
from tests.faults.ledgers import Counts, Ledger, OpenLedger
from tests.server.importing.files import HEADER, order_lines, written
from tests.server.lake.lake_reading import lake_rows, ledger_rows
from tests.server.store.test_migration import FIRST_CONTENTS

_EVENTS = (
    "INSERT INTO actions (event_id, time_us, received_us, unit, name) "
    "VALUES (?, 1, 1790000000000000, ?, 'view')"
)


def killed_imports(*, open_ledger: OpenLedger, kills: int, orders: int = 20_000) -> Counts:
    """A file of orders with two lines each is imported in spite of kills."""
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name:
        file = written(Path(name, "orders.csv"), HEADER, *order_lines(orders))
        words = ("import", str(file), "--as", "orders", "--map", "generic")
        counted = "SELECT count(*), count(DISTINCT order_id) FROM orders"
        counts = _in_spite_of_kills(ledger, words, kills, lambda: rows_or_none(ledger, counted))
        [(stored, distinct)] = rows(ledger.url, counted)
        [(lines,)] = rows(ledger.url, "SELECT count(*) FROM order_lines")
        [(seen,)] = rows(ledger.url, "SELECT count(*) FROM seen_events")
    return counts | {
        "orders": stored,
        "lost": orders - distinct,
        "doubled": stored - distinct,
        "wrong": abs(lines - 2 * orders) + abs(seen - orders),
    }


def killed_exports(*, open_ledger: OpenLedger, kills: int, events: int = 40_000) -> Counts:
    """A ledger that grows between exports is in the lake in spite of kills."""
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name:
        lake = Path(name, "lake")
        _migrate(ledger.url)
        added = [0]

        def grow() -> None:
            _add_actions(ledger.url, added[0], events // (kills + 1))
            added[0] += events // (kills + 1)

        def files() -> list[str]:
            return sorted(str(path) for path in lake.rglob("*") if path.is_file())

        counts = _in_spite_of_kills(ledger, ("export", str(lake)), kills, files, grow)
        pairs = [(lake_rows(lake, table), ledger_rows(ledger.url, table)) for table in TABLES]
    return counts | {
        "rows": added[0],
        "lost": sum((stored - exported).total() for exported, stored in pairs),
        "doubled": sum((exported - stored).total() for exported, stored in pairs),
    }


def killed_migrations(*, open_ledger: OpenLedger, kills: int) -> Counts:
    """The first schema, with a row of each kind, is upgraded in spite of kills."""
    killed = half = lost = 0
    chance = random.Random(5)
    for number in range(kills):
        with open_ledger() as ledger:
            _migrate(ledger.url, "0001")
            for statement in FIRST_CONTENTS:
                changed(ledger.url, statement, [b"\x01"] * statement.count("?"))
            if not number:
                takes_s = _seconds_of(ledger, ("migrate",))
                continue
            process = _begun(ledger, ("migrate",))
            time.sleep(chance.uniform(0.4, 1.0) * takes_s)
            killed += _killed(process)
            [(version,)] = rows(ledger.url, "SELECT version_num FROM alembic_version")
            half += version not in ("0001", newest_revision())
            _finish(ledger, ("migrate",))
            for table, unit in (("exposures", "v"), ("actions", "v")):
                lost += rows(ledger.url, f"SELECT unit FROM {table}") != [(unit,)]
    return {"kills": killed, "half": half, "lost": lost}


def killed_moves(
    *, open_old: OpenLedger, open_new: OpenLedger, kills: int, events: int = 200_000
) -> Counts:
    """A shop moves to another database in spite of kills."""
    with open_old() as old, open_new() as new:
        _migrate(old.url)
        _add_actions(old.url, 0, events)
        words = ("move", "--from", old.url, "--to", new.url)
        moved = "SELECT count(*) FROM actions"
        counts = _in_spite_of_kills(new, words, kills, lambda: rows_or_none(new, moved))
        before, after = (
            set(rows(each.url, "SELECT id, event_id, unit FROM actions")) for each in (old, new)
        )
        [(number,)] = rows(new.url, moved)
    return counts | {"rows": number, "lost": len(before - after), "doubled": number - len(after)}


def rows_or_none(ledger: Ledger, select: str) -> object:
    """What a query answers; None before there are tables."""
    try:
        return rows(ledger.url, select)
    except Exception:  # of either driver
        return None


def _in_spite_of_kills(
    ledger: Ledger,
    words: Sequence[str],
    kills: int,
    look: Callable[[], object],
    before: Callable[[], None] = lambda: None,
) -> Counts:
    """Runs a command to its end after so many kills; counts those that came before its end.

    Args:
        ledger: of the command.
        words: of the command.
        kills: every other one comes when the command has changed something.
        look: what the command changes.
        before: is done before each run.
    """
    chance = random.Random(3)
    start_s = _seconds_of(ledger, ("migrate",))
    killed = amid = 0
    for number in range(kills):
        before()
        there = look()
        process = _begun(ledger, words)
        while number % 2 and process.poll() is None and look() == there:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5 if number % 2 else 2.0) * start_s)
        killed += _killed(process)
        amid += look() != there
    before()
    _finish(ledger, words)
    return {"kills": killed, "amid": amid}


def _begun(ledger: Ledger, words: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "fairlift_server", *words],
        env={**os.environ, **ledger.settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _killed(process: "subprocess.Popen[str]") -> bool:
    """Kills it; whether it had not ended."""
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    return was_running


def _finish(ledger: Ledger, words: Sequence[str]) -> None:
    process = _begun(ledger, words)
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(said)


def _seconds_of(ledger: Ledger, words: Sequence[str]) -> float:
    started = time.monotonic()
    _finish(ledger, words)
    return time.monotonic() - started


def _migrate(database: str, to: str = "head") -> None:
    store = Store(database)
    store.migrate(to=to)
    store.close()


def _add_actions(database: str, first: int, count: int) -> None:
    store = Store(database)
    store.migrate()
    values = [
        (number.to_bytes(16), f"v-{number}") for number in range(first + 1, first + count + 1)
    ]
    store.write_now(lambda connection: execute_many(connection, _EVENTS, values))
    store.close()

"""Imports files in this process or in one of its own, and reads what the ledger holds then."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlift_server.campaigns.shop_currency import set_currency
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.session import ImportRules, ImportSession
from fairlift_server.importing.tally import Tally
from fairlift_server.store.database import Store

SAMPLES = Path(__file__).parent / "samples"
HEADER = "order,unit,time,currency,product,quantity,unit_price"


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def order_lines(count: int, first: int = 0) -> Iterable[str]:
    """Orders of two lines each; every third is of a quantity of its own."""
    for number in range(first, first + count):
        time = f"2026-11-{1 + number % 28:02}T10:{number % 60:02}:00Z"
        begin = f"o-{number},v-{number % 7},{time},EUR"
        yield f"{begin},shoe,{1 + number % 3},49.95"
        yield f"{begin},hat,1,{number % 90}.5"


def imported(
    folder: Path,
    file: Path,
    kind: str = "orders",
    mapping: str = "generic",
    *,
    history_days: int = 400,
    currency: str = "EUR",
    now: datetime | None = None,
) -> Tally:
    """Imports a file into shop.db of the folder."""
    store = Store(folder / "shop.db")
    try:
        rules = ImportRules(currency, history_days, ParkingLimits(1_000, 30))
        store.migrate(lambda transaction: set_currency(transaction, currency))
        session = ImportSession(store, rules, now or datetime.now(UTC), UnitIds(None, salt=b""))
        with session.file(file, kind, read_mapping(mapping, kind)) as opened:
            opened.run(lambda _: True)
            return opened.tally
    finally:
        store.close()


def command(
    folder: Path, *arguments: str | Path, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """`fairlift-server import` on shop.db of the folder."""
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "import", *map(str, arguments)],
        env={**environment(folder), **(settings or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "FAIRLIFT_DATABASE": str(folder / "shop.db")}


def rows(folder: Path, select: str) -> list[tuple[Any, ...]]:
    """What SQLite itself reads; `Any`: its values."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        return connection.execute(select).fetchall()


def ledger(folder: Path, without: Sequence[str] = ("id", "received_us")) -> dict[str, list[Any]]:
    """The rows of all tables of events, without what differs between two runs; `Any`: values."""
    found: dict[str, list[Any]] = {}
    for table in (
        "seen_events",
        "exposures",
        "actions",
        "orders",
        "order_lines",
        "amendments",
        "identity_links",
        "customer_attributes",
        "costs",
        "exchange_rates",
        "parked_events",
    ):
        names = [row[1] for row in rows(folder, f"PRAGMA table_info({table})")]
        kept = [name for name in names if name not in (*without, "since_us")] or ["1"]
        found[table] = sorted(rows(folder, f"SELECT {', '.join(kept)} FROM {table}"), key=repr)
    return found

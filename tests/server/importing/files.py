"""Imports files in this process or in one of its own, and reads what the ledger holds then."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairlift_server.build import id_settings_of, prepared
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.session import ImportRules, ImportSession
from fairlift_server.importing.tally import Tally
from fairlift_server.settings import Settings
from fairlift_server.store.database import Store
from fairlift_server.store.tables import metadata

from tests import databases
from tests.databases import ON_POSTGRES, database_in
from tests.server.client import beside

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
    """Imports a file into the database of the folder."""
    store = Store(database_in(folder))
    try:
        rules = ImportRules(currency, history_days, ParkingLimits(1_000, 30))
        chosen = Settings(currency=currency, database=database_in(folder), raw_ids=True)
        ids = prepared(store, chosen, id_settings_of(chosen))
        session = ImportSession(store, rules, now or datetime.now(UTC), ids)
        with session.file(file, kind, read_mapping(mapping, kind)) as opened:
            opened.run(lambda _: True)
            return opened.tally
    finally:
        store.close()


def command(
    folder: Path, *arguments: str | Path, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """`fairlift-server import` on the database of the folder."""
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "import", *map(str, arguments)],
        env={**environment(folder), **(settings or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    # Raw, so that tests can name who is in the tables.
    found = {**os.environ, "FAIRLIFT_DATABASE": database_in(folder), "FAIRLIFT_RAW_IDS": "yes"}
    if ON_POSTGRES:
        files = beside(folder, {"raw_ids": True})
        found |= {f"FAIRLIFT_{name.upper()}": path for name, path in files.items()}
    return found


def rows(folder: Path, select: str) -> list[tuple[Any, ...]]:
    """What the database itself reads; `Any`: its values."""
    return databases.rows(database_in(folder), select)


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
        names = metadata.tables[table].columns.keys()
        kept = [name for name in names if name not in (*without, "since_us")] or ["1"]
        found[table] = sorted(rows(folder, f"SELECT {', '.join(kept)} FROM {table}"), key=repr)
    return found

"""RecordEvents on a ledger that is full already, beside one that is nearly empty, in turns.

    python -m benchmarks.ingest_growth [EVENTS [RECORDED]]

EVENTS: of the largest ledger, which grows to it in steps; by default 20 million, on SQLite and on
PostgreSQL. RECORDED: through gRPC, while the server's memory is watched; by default 5 million.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from operator import truediv
from pathlib import Path

import duckdb
import psycopg
import uvloop
from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.analysis.attached_ledger import attach_database, quoted
from fairlift_server.store.database import Store

from benchmarks.form import Measure, publish
from benchmarks.ingest import (
    BATCH,
    CALLERS,
    EXPOSURE_COLUMNS,
    bodies,
    event_id,
    exposure,
    served,
    start_campaign,
)
from benchmarks.serve import process_with_id
from benchmarks.workers import cpu_s
from tests.postgres import PostgresServer

ROUNDS = 9
BATCHES = CALLERS * 6  # in a round: 24,000 events
# Parts of the largest ledger.
STEPS = (0.25, 0.5, 1.0)
# The most that DuckDB inserts in one transaction.
FILLED_AT_ONCE = 5_000_000
# Batches whose visitors differ; further ones differ from these in the ids of their events.
MODELS = 100
# Memory is read so often.
READINGS = 10
# Ids in order of time, as SDKs make them, up to a moment ago.
_ROWS = """
SELECT unhex(printf('%012x7%03x%016x', {start_ms} + number // 50, number % 4096,
    (hash(number) >> 2) | (1::UBIGINT << 63))) AS event_id,
  unhex(printf('%016x', hash(number + 1))) AS digest,
  ({start_ms} + number // 50) * 1000 AS time_us, epoch_us(now()) AS received_us,
  substr(md5('visitor' || hash(number) % 1000000), 1, 22) AS unit, 'campaign-1' AS campaign,
  1 AS epoch, 'popup' AS variant, '{{"country":"ES","device":"phone"}}' AS segments
FROM range({first}, {last}) numbers(number)
"""


@dataclass
class Ledger:
    """A database, and what recording into it took.

    Attributes:
        database: a path or a URL.
        events: that were put into it.
        has_campaign: whether one runs.
        rates: events a second, of each round.
        cpu_us: of the server, for each event.
    """

    database: str
    events: int = 0
    has_campaign: bool = False
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def fill(self, events: int) -> None:
        """Adds exposures, and their ids as seen, until there are so many; no server may run."""
        if not self.has_campaign:
            with self.server():  # makes the tables
                pass
        for first in range(self.events, events, FILLED_AT_ONCE):
            rows = (self.database, first, min(first + FILLED_AT_ONCE, events), events)
            # DuckDB and Store must not open one SQLite file in the same process.
            code = f"from benchmarks import ingest_growth as g; g.add_rows(*{rows!r})"
            subprocess.run([sys.executable, "-c", code], check=True)
        with closing(Store(self.database)) as store:
            store.migrate()  # counts what is there now
        self.events = events

    @contextmanager
    def server(self) -> Iterator[tuple[str, int]]:
        """The address of a server on it, and its process; the campaign runs."""
        with process_with_id(
            "fairlift_server",
            "serve",
            FAIRLIFT_DATABASE=self.database,
            FAIRLIFT_LISTEN="127.0.0.1:0",
            FAIRLIFT_ID_KEY="5a" * 32,
            FAIRLIFT_LOG_LEVEL="error",
        ) as (address, number):
            if not self.has_campaign:
                asyncio.run(start_campaign(address))
                self.has_campaign = True
            uvloop.run(served(address, bodies(exposure, CALLERS * 2)))
            yield address, number

    def record(self, address: str, number: int) -> None:
        """One round."""
        requests = bodies(exposure, BATCHES)
        before = cpu_s(number)
        self.rates.append(uvloop.run(served(address, requests)))
        self.cpu_us.append((cpu_s(number) - before) / (BATCHES * BATCH) * 1e6)


def add_rows(database: str, first: int, last: int, events: int) -> None:
    """Adds rows with these numbers, of so many, to the tables of a database."""
    kind, schema = ("postgres", "public") if "://" in database else ("sqlite", "main")
    start_ms = time.time_ns() // 1_000_000 - events // 50 - 1_000
    rows = _ROWS.format(start_ms=start_ms, first=first, last=last)
    with closing(duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})) as connection:
        attach_database(connection, database, "target")  # which loads what speaks to it
        connection.execute(f"DETACH target; ATTACH {quoted(database)} AS target (TYPE {kind})")
        for table, columns in (
            ("seen_events", "event_id, digest"),
            ("exposures", EXPOSURE_COLUMNS),
        ):
            connection.execute(
                f"INSERT INTO target.{schema}.{table} ({columns}) SELECT {columns} FROM ({rows})"
            )


def growth(database: str, small: Ledger, large: Ledger, largest: int) -> Iterator[Measure]:
    """What recording takes on a ledger of each size, beside a small one: rounds take turns."""
    for part in STEPS:
        large.fill(round(largest * part))
        for ledger in (small, large):
            ledger.rates.clear()
            ledger.cpu_us.clear()
        with small.server() as beside, large.server() as filled:
            for _ in range(ROUNDS):
                small.record(*beside)
                large.record(*filled)
        name = f"{database}_at_{large.events / 1e6:g}M"
        # Of pairs, which the same neighbours disturbed.
        part_of_empty = statistics.median(map(truediv, large.rates, small.rates))
        rate = statistics.median(large.rates)
        yield Measure(name, rate, "events/s", "at 0", rate / part_of_empty, less_is_better=False)
        costs = [statistics.mean(ledger.cpu_us) for ledger in (large, small)]
        yield Measure(f"{name}_cpu", costs[0], "µs an event", "at 0", costs[1])


def renewed(batches: int) -> Iterator[bytes]:
    """Requests whose events have new ids: many, and quickly made."""
    models = []
    for body in bodies(exposure, min(batches, MODELS)):
        ids = [event.event_id.encode() for event in pb.RecordEventsRequest.FromString(body).events]
        models.append(_between(body, ids))
    for number in range(batches):
        start, *others = models[number % len(models)]
        yield start + b"".join(str(event_id()).encode() + part for part in others)


def _between(body: bytes, ids: list[bytes]) -> list[bytes]:
    parts = []
    for each in ids:
        part, _, body = body.partition(each)
        parts.append(part)
    return [*parts, body]


def memory(ledger: Ledger, recorded: int) -> Iterator[Measure]:
    """The memory of a server that records so many events, after the first part of them and all."""
    batches = recorded // BATCH // READINGS
    readings = []
    with ledger.server() as (address, number):
        for _ in range(READINGS):
            uvloop.run(served(address, list(renewed(batches))))
            status = Path(f"/proc/{number}/status").read_text(encoding="ascii")
            readings.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    print("MiB:", *(round(reading) for reading in readings))
    yield Measure(
        f"memory_after_{recorded / 1e6:g}M", readings[-1], "MiB", "a tenth of it", readings[0]
    )


def main(largest: int, recorded: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        small, large = (Ledger(str(folder / f"{name}.db")) for name in ("small", "large"))
        measures = [*memory(small, recorded)]
        small = Ledger(str(folder / "new.db"))
        measures += growth("sqlite", small, large, largest)
        server = PostgresServer({"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"})
        stack.callback(server.remove)
        with psycopg.connect(server.url, autocommit=True) as connection:
            for name in ("small", "large"):
                connection.execute(f"CREATE DATABASE {name}")
        small, large = (Ledger(server.url_of(name)) for name in ("small", "large"))
        measures += growth("postgres", small, large, largest)
    publish("ingest_growth", measures)


if __name__ == "__main__":
    sizes = [round(float(size)) for size in sys.argv[1:]]
    main(*(sizes + [20_000_000, 5_000_000][len(sizes) :]))

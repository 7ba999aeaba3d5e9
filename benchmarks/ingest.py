"""RecordEvents beside the same rows written without a server, in the same run.

SQLite: raw `executemany` into the same tables. PostgreSQL: COPY into a temporary table and
INSERT … ON CONFLICT … RETURNING, then COPY into the table. The peers write groups as large as the
server can form from its callers. PostgreSQL runs with fsync, from the tests' own server or that of
FAIRLIFT_TEST_POSTGRES.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psycopg
import uvloop
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift_server.store.database import Store

from benchmarks.form import Measure, publish
from benchmarks.serve import Call, campaign, process
from tests.postgres import PostgresServer

RECORD = "/fairlift.v1.EventService/RecordEvents"
CALLERS = 8
BATCH = 500
GROUP = CALLERS * BATCH
ROUNDS = 5
GROUPS = 6  # in a round: 24,000 events
ONE_A_CALL_HZ = 500
ONE_A_CALL_S = 8
COUNTRIES = ("ES", "RO", "DE", "FR", "IT")
EXPOSURE_COLUMNS = "event_id, time_us, received_us, unit, campaign, epoch, variant, segments"

Rows = dict[str, list[tuple[object, ...]]]


def event_id() -> uuid.UUID:
    """A UUIDv7."""
    milliseconds = time.time_ns() // 1_000_000
    rest = int.from_bytes(os.urandom(10), "big")
    number = (
        milliseconds << 80 | 7 << 76 | (rest >> 4 & 0xFFF) << 64 | 2 << 62 | rest & (1 << 62) - 1
    )
    return uuid.UUID(int=number)


def exposure(number: int) -> pb.Event:
    event = pb.Event(event_id=str(event_id()))
    event.event_time.GetCurrentTime()
    event.exposure.unit_id = f"visitor-{number % 200_000:07}"
    event.exposure.campaign = "campaigns/campaign-1"
    event.exposure.variant = "popup"
    event.exposure.epoch = 1
    event.exposure.attributes["cart_value"].number_value = 49.9
    event.exposure.attributes["country"].string_value = COUNTRIES[number % 5]
    event.exposure.attributes["device"].string_value = ("phone", "tablet", "desktop")[number % 3]
    return event


def order(number: int) -> pb.Event:
    event = pb.Event(event_id=str(event_id()))
    event.event_time.GetCurrentTime()
    placed = event.order
    placed.order_id = f"order-{event.event_id}"
    placed.unit_id = f"visitor-{number % 200_000:07}"
    placed.currency_code = "EUR"
    placed.coupons.append("WELCOME10")
    for product in range(2):
        placed.lines.add(
            product_id=f"sku-{product}",
            quantity=1,
            unit_price_micros=24_950_000,
            unit_cost_micros=12_000_000,
        )
    return event


def bodies(make: Callable[[int], pb.Event], batches: int, size: int = BATCH) -> list[bytes]:
    """Encoded requests: the caller then costs little."""
    return [
        pb.RecordEventsRequest(
            events=[make(batch * size + n) for n in range(size)]
        ).SerializeToString()
        for batch in range(batches)
    ]


async def served(address: str, requests: list[bytes]) -> float:
    """Events a second through gRPC."""
    waiting = iter(requests)
    async with grpc.aio.insecure_channel(address) as channel:
        call: Call = channel.unary_unary(RECORD)

        async def caller() -> None:
            for body in waiting:
                answer = pb.RecordEventsResponse.FromString(await _answer(call, body))
                refused = [o for o in answer.outcomes if o.status != pb.EVENT_STATUS_ACCEPTED]
                assert not refused, refused[0]

        start = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return len(requests) * BATCH / (time.perf_counter() - start)


async def _answer(call: Call, body: bytes) -> bytes:
    """The answer to a caller who sends again while the server has no room."""
    while True:
        try:
            return await call(body)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            await asyncio.sleep(0.1)


async def one_a_call(address: str) -> float:
    """The 99th percentile in milliseconds of calls with one event, at a steady rate."""
    requests = bodies(exposure, ONE_A_CALL_HZ * ONE_A_CALL_S, 1)
    times: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        call: Call = channel.unary_unary(RECORD)

        async def one(body: bytes, due: float) -> None:
            await call(body)
            # From when it was due: a caller who had to wait for its turn has waited, too.
            times.append(time.perf_counter() - due)

        start = time.perf_counter()
        calls = []
        for number, body in enumerate(requests):
            due = start + number / ONE_A_CALL_HZ
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            calls.append(asyncio.create_task(one(body, due)))
        await asyncio.gather(*calls)
    return statistics.quantiles(times, n=100)[98] * 1_000


def stored_rows(path: Path, kind: str) -> Iterator[Rows]:
    """Groups of rows as the server stored them, with new ids: what the peer writes."""
    tables = ("exposures",) if kind == "exposure" else ("orders", "order_lines")
    with closing(sqlite3.connect(path)) as file:
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in tables:
            columns = [c for c in columns_of(file, table) if c != "id"]
            limit = GROUP * (2 if table == "order_lines" else 1)
            query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY id DESC LIMIT {limit}"
            found[table] = file.execute(query).fetchall()
    while True:
        ids = [event_id().bytes for _ in range(GROUP)]
        rows: Rows = {"seen_events": [(each, each[:8]) for each in ids]}
        for table, old in found.items():
            rows[table] = [_renewed(table, row, ids[n % GROUP]) for n, row in enumerate(old)]
        yield rows


def _renewed(table: str, row: tuple[object, ...], new: bytes) -> tuple[object, ...]:
    if table == "exposures":
        return (new, *row[1:])
    if table == "orders":
        return (new, new.hex(), *row[2:])
    return (new.hex(), *row[1:])


def columns_of(file: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in file.execute(f"PRAGMA table_info({table})")]


@dataclass
class RawSqlite:
    """`executemany` into a migrated file of its own."""

    path: Path

    def __post_init__(self) -> None:
        store = Store(self.path)
        store.migrate()
        store.close()
        self.file = sqlite3.connect(self.path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=16384"):
            self.file.execute(f"PRAGMA {pragma}")

    def rate(self, groups: Iterator[Rows]) -> float:
        """Events a second."""
        prepared = [next(groups) for _ in range(GROUPS)]
        statements = {
            table: self._statement(table, len(rows[0])) for table, rows in prepared[0].items()
        }
        start = time.perf_counter()
        for group in prepared:
            self.file.execute("BEGIN IMMEDIATE")
            for table, rows in group.items():
                self.file.executemany(statements[table], rows)
            self.file.execute("COMMIT")
        return GROUPS * GROUP / (time.perf_counter() - start)

    def _statement(self, table: str, width: int) -> str:
        columns = [c for c in columns_of(self.file, table) if c != "id"]
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * width)})"


@dataclass
class RawPostgres:
    """The fastest way into the same tables, without a server of ours."""

    url: str

    def __post_init__(self) -> None:
        self.connection = psycopg.connect(self.url)
        self.connection.execute(
            "CREATE TEMP TABLE new_ids (event_id bytea, digest bytea) ON COMMIT DELETE ROWS"
        )
        self.connection.commit()

    def rate(self, groups: Iterator[Rows]) -> float:
        """Exposures a second."""
        prepared = [next(groups) for _ in range(GROUPS)]
        start = time.perf_counter()
        for group in prepared:
            with self.connection.cursor() as cursor:
                with cursor.copy("COPY new_ids FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["bytea", "bytea"])
                    for row in group["seen_events"]:
                        copy.write_row(row)
                cursor.execute(
                    "INSERT INTO seen_events SELECT * FROM new_ids ORDER BY event_id "
                    "ON CONFLICT DO NOTHING RETURNING event_id"
                )
                assert len(cursor.fetchall()) == GROUP
                statement = f"COPY exposures ({EXPOSURE_COLUMNS}) FROM STDIN (FORMAT BINARY)"
                with cursor.copy(statement) as copy:
                    copy.set_types(
                        ["bytea", "int8", "int8", "text", "text", "int4", "text", "text"]
                    )
                    for row in group["exposures"]:
                        copy.write_row(row)
            self.connection.commit()
        return GROUPS * GROUP / (time.perf_counter() - start)


async def start_campaign(address: str) -> None:
    """One whose exposures keep two segments."""
    started = campaign(1)
    started.plan.segments.extend(["country", "device"])
    async with grpc.aio.insecure_channel(address) as channel:
        campaigns = CampaignServiceStub(channel)
        await campaigns.CreateCampaign(service.CreateCampaignRequest(campaign=started))
        await campaigns.StartCampaign(service.StartCampaignRequest(name=started.name))


@contextmanager
def server_on(database: str) -> Iterator[str]:
    environment = {
        "FAIRLIFT_DATABASE": database,
        "FAIRLIFT_LISTEN": "127.0.0.1:0",
        "FAIRLIFT_RAW_IDS": "no",
        "FAIRLIFT_ID_KEY": "5a" * 32,
    }
    with process("fairlift_server", "serve", **environment) as address:
        asyncio.run(start_campaign(address))
        yield address


def main() -> None:
    """Rounds take turns: a noisy neighbour then disturbs both sides alike."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sqlite_path = folder / "shop.db"
        on_sqlite = stack.enter_context(server_on(str(sqlite_path)))
        uvloop.run(served(on_sqlite, bodies(exposure, CALLERS * 2)))
        uvloop.run(served(on_sqlite, bodies(order, CALLERS * 2)))
        exposures, orders = stored_rows(sqlite_path, "exposure"), stored_rows(sqlite_path, "order")
        raw = RawSqlite(folder / "raw.db")
        ours: dict[str, list[float]] = {"exposures": [], "orders": [], "postgres": []}
        peers: dict[str, list[float]] = {"exposures": [], "orders": [], "postgres": []}
        for _ in range(ROUNDS):
            for name, make, groups in (
                ("exposures", exposure, exposures),
                ("orders", order, orders),
            ):
                requests = bodies(make, CALLERS * GROUPS)
                ours[name].append(uvloop.run(served(on_sqlite, requests)))
                peers[name].append(raw.rate(groups))
        latency = uvloop.run(one_a_call(on_sqlite))

        server = PostgresServer({"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"})
        stack.callback(server.remove)
        on_postgres = stack.enter_context(server_on(server.url))
        copying = RawPostgres(server.url)
        uvloop.run(served(on_postgres, bodies(exposure, CALLERS * 2)))
        for _ in range(ROUNDS):
            requests = bodies(exposure, CALLERS * GROUPS)
            ours["postgres"].append(uvloop.run(served(on_postgres, requests)))
            peers["postgres"].append(copying.rate(exposures))
        postgres_latency = uvloop.run(one_a_call(on_postgres))
    rates = [
        Measure(
            what,
            statistics.median(ours[name]),
            "events/s",
            peer,
            statistics.median(peers[name]),
            less_is_better=False,
        )
        for what, name, peer in (
            ("sqlite_exposures_ratio", "exposures", "raw executemany"),
            ("sqlite_orders_ratio", "orders", "raw executemany"),
            ("postgres_exposures_ratio", "postgres", "raw COPY and INSERT"),
        )
    ]
    latencies = [
        Measure("one_event_p99_ms", latency, "ms"),
        Measure("one_event_p99_ms_postgres", postgres_latency, "ms"),
    ]
    publish("ingest", [*rates, *latencies])


if __name__ == "__main__":
    main()

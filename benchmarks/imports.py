"""`fairlift-server import` into SQLite: rows a second, beside what the same rows cost without it.

Exposures with two segments, and orders of two lines, which are two rows. The peers are DuckDB,
which reads the same file and does nothing with it, and SQLite, which gets the very rows that the
import stored, by `executemany` in transactions of as many. All take turns in one run.
"""

import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile

import duckdb
import grpc
from fairlift.v1 import campaign_service_pb2
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift_server.campaigns.shop_currency import set_currency
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.session import ImportRules, ImportSession
from fairlift_server.store.database import Store

from benchmarks.form import Measure, publish
from benchmarks.serve import campaign, process

ROWS = 100_000
ROUNDS = 5
GROUP = 5_000
# A million rows a minute.
GOAL_ROWS_S = 1_000_000 / 60
TABLES = {
    "exposures": ("seen_events", "exposures"),
    "orders": ("seen_events", "orders", "order_lines"),
}
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 16384")
MAPPING = """
exposures:
  fields:
    campaign: campaign
    variant: variant
    unit: unit
    time: time
    attributes: {country: country, device: device}
"""


def exposures() -> Iterator[str]:
    yield "campaign,variant,unit,time,country,device"
    begin = datetime.now(UTC) - timedelta(days=30)
    for number in range(ROWS):
        time_ = (begin + timedelta(seconds=20 * number)).isoformat()
        variant = ("control", "popup")[number % 2]
        country, device = ("ES", "RO", "DE")[number % 3], ("phone", "desktop")[number % 5 % 2]
        unit = f"visitor-{number * 7_919 % ROWS:08}"
        yield f"campaign-0,{variant},{unit},{time_},{country},{device}"


def orders() -> Iterator[str]:
    yield "order,unit,time,currency,product,quantity,unit_price,unit_cost"
    begin = datetime.now(UTC) - timedelta(days=30)
    for number in range(ROWS // 2):
        time_ = (begin + timedelta(seconds=40 * number)).isoformat()
        order = f"o-{number},visitor-{number * 7_919 % ROWS:08},{time_},EUR"
        yield f"{order},shoe,1,49.95,20"
        yield f"{order},hat,2,{number % 90}.5,4"


def prepared(folder: Path) -> Path:
    """A database with a campaign that runs, and the files."""
    path = folder / "empty.db"
    message = campaign(0)
    message.ClearField("audience")
    message.plan.segments.extend(("country", "device"))
    command = ("fairlift_server", "serve")
    with (
        process(*command, FAIRLIFT_DATABASE=str(path), FAIRLIFT_LISTEN="127.0.0.1:0") as address,
        grpc.insecure_channel(address) as channel,
    ):
        campaigns = CampaignServiceStub(channel)
        campaigns.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=message))
        campaigns.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=message.name))
    for name, lines in (("exposures", exposures()), ("orders", orders())):
        (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
    (folder / "map.yaml").write_text(MAPPING)
    return path


def import_s(kind: str, folder: Path, database: Path) -> tuple[float, float]:
    """Seconds for the whole import of a file, the reading through before it too; and of the CPU."""
    store = Store(database, accept=True)
    rules = ImportRules("EUR", 400, ParkingLimits(1_000, 30))
    store.migrate(lambda transaction: set_currency(transaction, "EUR"))
    session = ImportSession(store, rules, datetime.now(UTC), UnitIds(b"k" * 32, salt=b""))
    mapping = read_mapping(str(folder / "map.yaml") if kind == "exposures" else "generic", kind)
    start, cpu_start = time.perf_counter(), time.process_time()
    with session.file(folder / f"{kind}.csv", kind, mapping) as file:
        file.run(lambda _: True)
        taken = file.tally.taken
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    store.close()
    assert taken == ROWS, file.tally
    return seconds, cpu_s


def read_s(kind: str, folder: Path) -> float:
    """Seconds in which DuckDB reads the file, and hands its rows over."""
    start = time.perf_counter()
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        file = str(folder / f"{kind}.csv")
        cursor = connection.execute("SELECT * FROM read_csv(?, all_varchar = true)", [file])
        while cursor.fetchmany(GROUP):
            pass
    return time.perf_counter() - start


def raw_s(kind: str, source: Path, target: Path) -> float:
    """Seconds in which SQLite stores the rows that an import stored, from tuples."""
    with closing(sqlite3.connect(source)) as connection:
        tables = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES[kind]
        }
    groups = ROWS // GROUP
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        start = time.perf_counter()
        for group in range(groups):
            connection.execute("BEGIN IMMEDIATE")
            for table, rows in tables.items():
                part = rows[len(rows) * group // groups : len(rows) * (group + 1) // groups]
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", part)
            connection.execute("COMMIT")
        return time.perf_counter() - start


def measures(kind: str, folder: Path, empty: Path) -> list[Measure]:
    imports, cpus, reads, raws = [], [], [], []
    for number in range(ROUNDS):
        imported, raw = (folder / f"{kind}-{word}-{number}.db" for word in ("import", "raw"))
        copyfile(empty, imported)
        copyfile(empty, raw)
        seconds, cpu_s = import_s(kind, folder, imported)
        imports.append(seconds)
        cpus.append(cpu_s)
        reads.append(read_s(kind, folder))
        raws.append(raw_s(kind, imported, raw))
    rate, read, raw_rate = (ROWS / statistics.median(each) for each in (imports, reads, raws))
    return [
        Measure(f"{kind}_rows_per_s", rate, "rows/s", "a million a minute", GOAL_ROWS_S, False),
        # On a busy machine the time passes for others too.
        Measure(f"{kind}_cpu_us_per_row", statistics.median(cpus) / ROWS * 1e6, "µs"),
        Measure(f"{kind}_to_sqlite", rate, "rows/s", "executemany alone", raw_rate, False),
        Measure(f"{kind}_to_duckdb", rate, "rows/s", "DuckDB reads alone", read, False),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = prepared(folder)
        found = [each for kind in TABLES for each in measures(kind, folder, empty)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    publish("imports", [*found, Measure("memory_mb", memory, "MB")])


if __name__ == "__main__":
    main()

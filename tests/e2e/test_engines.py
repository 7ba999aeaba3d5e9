"""`fairlift-server analyze`: the looks of every engine are the server's own."""

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event

from tests.databases import rows, sqlite_only
from tests.e2e.own_tables import warehouse
from tests.server import shop
from tests.server.client import ID_KEY, running
from tests.server.crowds import NAME, START, send
from tests.server.live_days import day_of
from tests.spark_cluster import (
    SparkCluster,
    SparkConnectServer,
    configured,
    missing_for_spark,
)

ENTRY_DAYS = 12
ID = NAME.removeprefix("campaigns/")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop whose server made its looks, as it was before.

    Attributes:
        folder: of all files.
        looks: what the server wrote, the oldest first.
    """

    folder: Path
    looks: list[Any]

    def database(self, name: str, *, without_events: bool = False) -> str:
        """A copy of the database from before the first look."""
        source = "unsent.db" if without_events else "before.db"
        shutil.copyfile(self.folder / source, self.folder / name)
        return str(self.folder / name)


def events() -> Iterator[Event]:
    """Two weeks of visitors in two countries; one of them logs in."""
    for day in range(1, ENTRY_DAYS + 1):
        for number, event in enumerate(day_of(day, each=30, buyers=(5, 9))):
            if event.HasField("exposure"):
                country = ("ES", "RO")[number % 2]
                event.exposure.attributes["country"].string_value = country
            yield event
    yield shop.identity("control-1-3", "customer-1", at=START + timedelta(hours=2))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return asyncio.run(_made(tmp_path_factory.mktemp("shop")))


async def _made(folder: Path) -> Shop:
    database = folder / "shop.db"
    settings: dict[str, Any] = {"database": str(database), "id_key": ID_KEY, "look_every_s": 80_000}
    async with running(folder, **settings) as caller:
        caller.clock.set(START - timedelta(minutes=1))
        await caller.start(
            shop.campaign(metric="conversion_rate", segments=["country"], settle_hours=0)
        )
        caller.clock.ahead = timedelta()
    shutil.copyfile(database, folder / "unsent.db")
    async with running(folder, **settings) as caller:
        await send(caller, events())
    shutil.copyfile(database, folder / "before.db")
    async with running(folder, **settings) as caller:
        # Nothing has come in for as long as events may take.
        caller.clock.ahead = timedelta(hours=3)
        await caller.results.GetResults(pb.GetResultsRequest(name=NAME), timeout=120)
    return Shop(folder, looks_in(str(database)))


def looks_in(database: str) -> list[Any]:
    """What the looks keep; `Any`: JSON."""
    stored = rows(database, "SELECT content FROM looks ORDER BY number")
    return [json.loads(json.loads(text)["content"]) for (text,) in stored]


def named(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary with names in the place of positions: their order is any."""
    columns = summary["columns"]
    sums = {(name,): value for name, value in zip(columns, summary["sums"], strict=True)}
    pairs = {(columns[i], columns[j]): value for i, j, value in summary["comoments"]}
    thirds = {tuple(names): value for *names, value in summary["thirds"]}
    numbers = {"*".join(sorted(names)): v for names, v in (sums | pairs | thirds).items()}
    return {"n": summary["n"], **numbers}


def differences(one: Any, other: Any, where: str = "look") -> Iterator[str]:
    """Where two looks differ by more than the order in which floats are added up."""
    if isinstance(one, dict) and isinstance(other, dict) and "comoments" in one:
        one, other = named(one), named(other)
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{where}[{number}]")
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{where}: {one}, is {other}"
    elif one != other:
        yield f"{where}: {one}, is {other}"


def environment(database: str) -> dict[str, str]:
    return {**os.environ, "FAIRLIFT_DATABASE": database, "FAIRLIFT_ID_KEY": ID_KEY}


def run(database: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", *arguments],
        env={**environment(database), **more}, capture_output=True, text=True, timeout=280,
        check=False,
    )  # fmt: skip


def lake_of(shop: Shop) -> str:
    folder = shop.folder / "lake"
    if not folder.exists():
        done = run(shop.database("exported.db"), "export", str(folder))
        assert done.returncode == 0, done.stderr
    return f"lake:{folder}"


def check_same(shop: Shop, database: str) -> None:
    found = looks_in(database)
    assert len(shop.looks) > ENTRY_DAYS
    # The server's clock was three hours ahead: it may have seen the end of one day more.
    assert len(found) >= len(shop.looks) - 1
    assert list(differences(shop.looks[: len(found)], found)) == []


@sqlite_only
@pytest.mark.slow
def test_looks_from_an_export_are_the_server_s(made: Shop) -> None:
    database = made.database("from-lake.db")
    done = run(database, "analyze", ID, "--tables", lake_of(made))
    assert done.returncode == 0, done.stderr
    assert f"{ID}: {len(looks_in(database))} looks were made" in done.stdout
    check_same(made, database)
    again = run(database, "analyze", ID, "--tables", lake_of(made))
    assert f"{ID}: 0 looks were made" in again.stdout
    check_same(made, database)


@sqlite_only
@pytest.mark.slow
@pytest.mark.parametrize("place", ["duckdb", "postgres"])
def test_looks_of_a_shop_that_sent_no_event_are_the_same(
    made: Shop, tmp_path: Path, place: str
) -> None:
    database = made.database(f"from-{place}.db", without_events=True)
    assert rows(database, "SELECT count(*) FROM exposures") == [(0,)]
    file = warehouse(tmp_path, events())[place]
    checked = run(database, "sources", "check", str(file))
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.endswith("3 tables, 0 mistakes\n")
    done = run(database, "analyze", ID, "--tables", f"sources:{file}")
    assert done.returncode == 0, done.stderr
    check_same(made, database)


@sqlite_only
@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_a_cluster_makes_the_looks_of_the_server_from_the_export(
    made: Shop, spark_cluster: SparkCluster
) -> None:
    database = made.database("from-cluster.db")
    engine = f"spark:{spark_cluster.url}"
    done = run(database, "analyze", ID, "--engine", engine, "--tables", lake_of(made))
    assert done.returncode == 0, done.stderr
    check_same(made, database)


@sqlite_only
@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_spark_makes_the_looks_of_a_shop_that_sent_no_event(
    made: Shop, spark_cluster: SparkCluster, tmp_path: Path
) -> None:
    database = made.database("spark-warehouse.db", without_events=True)
    file = warehouse(tmp_path, events())["spark"]
    engine = f"spark:{spark_cluster.url}"
    done = run(database, "analyze", ID, "--engine", engine, "--tables", f"sources:{file}")
    assert done.returncode == 0, done.stderr
    check_same(made, database)


@sqlite_only
@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_a_machine_of_the_cluster_that_dies_costs_no_look(made: Shop, tmp_path: Path) -> None:
    """Either the others go on, or nothing is written and a second run is right."""
    if reason := missing_for_spark():
        pytest.skip(reason)
    database, tables = made.database("lost-worker.db"), lake_of(made)
    with configured(tmp_path):
        cluster = SparkCluster()
        try:
            arguments = ("analyze", ID, "--engine", f"spark:{cluster.url}", "--tables", tables)
            job = subprocess.Popen(
                [sys.executable, "-m", "fairlift_server", *arguments],
                env=environment(database), stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                java_below(job.pid)
                cluster.kill_worker()
                _, errors = job.communicate(timeout=400)
            finally:
                job.kill()
            assert "Traceback" not in errors
            if job.returncode:
                assert errors.strip().splitlines()[-1].startswith("fairlift-server: Spark (")
                assert looks_in(database) == []
                again = run(database, *arguments)
                assert again.returncode == 0, again.stderr
        finally:
            cluster.stop()
    check_same(made, database)


@pytest.fixture
def connect_server(tmp_path: Path) -> Iterator[SparkConnectServer]:
    if reason := missing_for_spark():
        pytest.skip(reason)
    with configured(tmp_path):
        server = SparkConnectServer()
        try:
            yield server
        finally:
            server.stop()


@sqlite_only
@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_spark_connect_makes_the_looks_of_the_server_and_needs_no_java_here(
    made: Shop, connect_server: SparkConnectServer, tmp_path: Path
) -> None:
    database, engine = made.database("from-connect.db"), f"spark:{connect_server.url}"
    no_java = {"PATH": str(tmp_path), "JAVA_HOME": ""}
    done = run(database, "analyze", ID, "--engine", engine, "--tables", lake_of(made), **no_java)
    assert done.returncode == 0, done.stderr
    check_same(made, database)
    database = made.database("connect-warehouse.db", without_events=True)
    tables = warehouse(tmp_path, events())["spark"]
    checked = run(database, "sources", "check", str(tables), "--engine", engine, **no_java)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = run(database, "analyze", ID, "--engine", engine, "--tables", f"sources:{tables}")
    assert done.returncode == 0, done.stderr
    check_same(made, database)
    connect_server.kill()
    database = made.database("no-connect.db")
    began = time.monotonic()
    gone = run(database, "analyze", ID, "--engine", engine, "--tables", lake_of(made))
    assert gone.returncode == 1
    last = gone.stderr.strip().splitlines()[-1]
    assert last.startswith(f"fairlift-server: Spark ({connect_server.url}) ended or cannot be")
    assert "Traceback" not in gone.stderr
    assert looks_in(database) == []
    # Not for the ten minutes for which Spark's own client tries again.
    assert time.monotonic() - began < 60


@sqlite_only
@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_an_engine_that_dies_in_the_middle_writes_nothing_and_says_so(
    made: Shop, tmp_path: Path
) -> None:
    if reason := missing_for_spark():
        pytest.skip(reason)
    database, tables = made.database("killed.db"), lake_of(made)
    with configured(tmp_path):
        job = subprocess.Popen(
            [sys.executable, "-m", "fairlift_server", "analyze", ID, "--engine", "spark",
             "--tables", tables],
            env=environment(database), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            os.kill(java_below(job.pid), signal.SIGKILL)
            _, errors = job.communicate(timeout=200)
        finally:
            job.kill()
    assert job.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("fairlift-server: Spark (local[*]) ended or cannot be reached")
    assert "Traceback" not in errors
    assert looks_in(database) == []
    assert run(database, "analyze", ID, "--tables", tables).returncode == 0
    check_same(made, database)


def java_below(process: int) -> int:
    """The Java that a process or its children started, once it runs a query."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = [child for child in _below(process) if _name(child) == "java"]
        if found and _seconds_of_cpu(found[0]) > 12:
            return found[0]
        time.sleep(0.2)
    raise AssertionError("Spark did not start")


def _below(process: int) -> Iterator[int]:
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            yield child
            yield from _below(child)


def _name(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text().strip()


def _seconds_of_cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@sqlite_only
@pytest.mark.slow
def test_what_cannot_be_read_is_named_with_a_way_out(made: Shop, tmp_path: Path) -> None:
    database, lake = made.database("refused.db"), lake_of(made)
    copy = tmp_path / "half"
    shutil.copytree(lake.removeprefix("lake:"), copy)
    file = next(copy.glob("exposures/*/*.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    half = run(database, "analyze", ID, "--tables", f"lake:{copy}")
    assert half.returncode == 1
    assert "it is half written" in half.stderr
    empty = run(database, "analyze", ID, "--tables", f"lake:{tmp_path}")
    assert empty.returncode == 1
    assert "it is no export; make one with `fairlift-server export" in empty.stderr
    unread = run(database, "analyze", ID, "--engine", "spark", "--tables", "database")
    assert unread.returncode == 1
    assert "which Spark does not read; set it to lake:DIR or sources:FILE" in unread.stderr
    nobody = run(database, "analyze", "spring", "--tables", lake)
    assert nobody.returncode == 1
    assert "campaign 'spring' does not exist" in nobody.stderr
    source = warehouse(tmp_path, events())["duckdb"]
    source.write_text(source.read_text().replace("revenue: total", "revenue: totl"))
    column = run(database, "analyze", ID, "--tables", f"sources:{source}")
    assert column.returncode == 1
    assert '"totl" not found' in column.stderr
    assert "`fairlift-server sources check` says where" in column.stderr
    assert looks_in(database) == []
    for each in (half, empty, unread, nobody, column):
        assert "Traceback" not in each.stderr


@sqlite_only
@pytest.mark.slow
def test_without_java_spark_says_what_it_needs(made: Shop, tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    database = made.database("no-java.db")
    done = run(
        database, "analyze", ID, "--engine", "spark", "--tables", lake_of(made),
        PATH=str(tmp_path), JAVA_HOME="",
    )  # fmt: skip
    assert done.returncode == 1
    assert "Spark needs Java 17 or later, and there is no `java` on the PATH" in done.stderr


@sqlite_only
@pytest.mark.slow
def test_a_java_that_is_too_old_is_said(made: Shop, tmp_path: Path) -> None:
    """As Java 11 does: it refuses classes of Java 17, and ends."""
    pytest.importorskip("pyspark")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho UnsupportedClassVersionError >&2\nexit 1\n")
    java.chmod(0o755)
    database = made.database("old-java.db")
    done = run(
        database, "analyze", ID, "--engine", "spark", "--tables", lake_of(made),
        JAVA_HOME=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 1
    assert "Spark needs Java 17 or later (`java -version` says which this is)" in done.stderr
    assert "Traceback" not in done.stderr
    assert looks_in(database) == []

"""The thirty known figures of a real experiment, from every engine and every place."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fairlift.v1.campaign_service_pb2 import StartCampaignRequest
from fairlift.v1.results_service_pb2 import GetResultsRequest

from examples.hillstrom.data import CAMPAIGN, CURRENCY, REPLAYED_DAYS, events
from examples.hillstrom.figures import figures
from tests.databases import database_in, new_database, sqlite_only
from tests.server.client import ID_KEY, Caller, running
from tests.server.crowds import send
from tests.spark_cluster import SparkCluster

ROOT = Path(__file__).parent.parent.parent
DATA = Path(os.environ.get("FAIRLIFT_DATA", ROOT / "../shared/data")) / "hillstrom.csv.gz"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=REPLAYED_DAYS)
SENT = START + timedelta(hours=9)
# As in examples/hillstrom: visits are spread over two weeks, and orders follow them.
WAREHOUSE = f"""
CREATE TABLE customers AS SELECT *, row_number() OVER () - 1 AS number,
  TIMESTAMP '{SENT:%Y-%m-%d %H:%M:%S}' AS mailed_at,
  mailed_at + to_hours(CAST(1 + number % (24 * 14) AS INTEGER)) AS visited_at
FROM read_csv('{DATA}')
"""
SOURCES = """\
complete_until: {now}
files:
  customers: customers.parquet
exposures:
  from: customers
  columns:
    unit: number
    time: mailed_at
    campaign: "'hillstrom-email'"
    variant: >-
      CASE segment WHEN 'Mens E-Mail' THEN 'mens-email' WHEN 'Womens E-Mail' THEN 'womens-email'
      ELSE 'no-email' END
  labels: {{channel: channel, newbie: CASE WHEN newbie = 1 THEN 'true' ELSE 'false' END}}
actions:
  from: customers
  where: visit = 1
  columns: {{unit: number, time: visited_at, name: "'visit'"}}
orders:
  from: customers
  where: conversion = 1
  columns:
    order: number
    unit: number
    time: visited_at + INTERVAL 10 MINUTES
    revenue: spend
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.exists(), reason=f"{DATA.name} is not here; FAIRLIFT_DATA says where"
    ),
]  # fmt: skip


async def begin(caller: Caller) -> None:
    """The campaign, started on the day of the e-mails."""
    apply = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "fairlift_cli", "apply", "examples/hillstrom/campaign.yaml",
         "--server", caller.address],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert apply.returncode == 0, apply.stdout + apply.stderr
    request = StartCampaignRequest(name=f"campaigns/{CAMPAIGN}", reason="replayed history")
    request.start_time.FromDatetime(START)
    await caller.campaigns.StartCampaign(request)


async def check(folder: Path, database: str, **settings: Any) -> None:
    """The report has all known figures."""
    async with running(folder, **settings_of(database), **settings) as caller:
        request = GetResultsRequest(name=f"campaigns/{CAMPAIGN}")
        report = await caller.results.GetResults(request, timeout=250)
    found = figures(report)
    assert len(found) == 30
    assert [each for each in found if not each.agrees] == []


def settings_of(database: str) -> dict[str, Any]:
    return {
        "database": database, "currency": CURRENCY, "id_key": ID_KEY, "look_every_s": 80_000.0
    }  # fmt: skip


def sources(folder: Path, now: str) -> Path:
    """A warehouse that has the file of the challenge as it is, and what it means."""
    with closing(duckdb.connect()) as connection:
        connection.execute(WAREHOUSE)
        connection.execute(f"COPY customers TO '{folder / 'customers.parquet'}'")
    file = folder / "sources.yaml"
    file.write_text(SOURCES.format(now=now))
    return file


async def test_duckdb_over_the_shop_s_own_tables(tmp_path: Path) -> None:
    database = database_in(tmp_path)
    async with running(tmp_path, **settings_of(database)) as caller:
        await begin(caller)
    file = sources(tmp_path, "now()")
    await check(tmp_path, database, analysis_tables=f"sources:{file}")


@pytest.mark.spark
@pytest.mark.timeout(900)
async def test_spark_over_the_shop_s_own_tables(
    tmp_path: Path, spark_cluster: SparkCluster
) -> None:
    database = database_in(tmp_path)
    async with running(tmp_path, **settings_of(database)) as caller:
        await begin(caller)
    file = sources(tmp_path, "current_timestamp()")
    engine = f"spark:{spark_cluster.url}"
    await check(tmp_path, database, analysis=engine, analysis_tables=f"sources:{file}")


async def replayed(folder: Path) -> tuple[str, Path]:
    """A database into which the history was sent, before its first look; and its export."""
    database = str(folder / "replayed.db")
    async with running(folder, **settings_of(database)) as caller:
        await begin(caller)
        await send(caller, events(DATA, sent=SENT))
    lake = folder / "lake"
    await server_command("export", str(lake), database=database)
    return database, lake


async def server_command(*arguments: str, database: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "fairlift_server", *arguments],
        env={**os.environ, "FAIRLIFT_DATABASE": database}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def check_export(folder: Path, lake: Path, engine: str) -> None:
    """A look that was made is read again: each engine makes its looks in a database of its own."""
    empty = str(folder / "empty.db")
    async with running(folder, **settings_of(empty)) as caller:
        await begin(caller)
    await check(folder, empty, analysis=engine, analysis_tables=f"lake:{lake}")


@sqlite_only
@pytest.mark.timeout(900)
async def test_duckdb_over_both_databases_and_the_export(tmp_path: Path) -> None:
    database, lake = await replayed(tmp_path)
    postgres = new_database(str(tmp_path))
    await server_command("move", "--from", database, "--to", postgres, database=database)
    await check_export(tmp_path, lake, "duckdb")
    await check(tmp_path, postgres)
    await check(tmp_path, database)


@sqlite_only
@pytest.mark.spark
@pytest.mark.timeout(900)
async def test_spark_over_the_export(tmp_path: Path, spark_cluster: SparkCluster) -> None:
    _, lake = await replayed(tmp_path)
    await check_export(tmp_path, lake, f"spark:{spark_cluster.url}")

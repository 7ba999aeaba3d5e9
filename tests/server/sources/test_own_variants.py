"""Variants as a shop's own tables name them: what the campaign does not have counts nowhere."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from fairlift.v1 import results_service_pb2 as pb

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, start

MAPPING = """\
complete_until: now()
database: warehouse.duckdb
exposures:
  from: views
  columns: {unit: visitor, time: seen_at, campaign: "'free-shipping'", variant: arm}
"""
EACH = 40


def warehouse(folder: Path, arms: list[str]) -> Path:
    """Units of each of these variants, over ten days."""
    with closing(duckdb.connect(folder / "warehouse.duckdb")) as connection:
        connection.execute("CREATE TABLE views (visitor VARCHAR, seen_at TIMESTAMP, arm VARCHAR)")
        connection.executemany(
            "INSERT INTO views VALUES (?, ?, ?)",
            [
                (f"{place}-{n}", (START + timedelta(hours=6 * n)).replace(tzinfo=None), arm)
                for place, arm in enumerate(arms)
                for n in range(EACH)
            ],
        )
    file = folder / "sources.yaml"
    file.write_text(MAPPING)
    return file


@pytest.mark.parametrize(
    ("arms", "units", "sentence"),
    [
        (["control", "free"], EACH, ""),
        (
            ["control", "free", "Free", "Free", "\x1b[31mold"],
            EACH,
            "120 visitors are left out: this campaign has no variant Free or  [31mold. Check how "
            "the sources file maps variants.",
        ),
        (
            ["A", "B"],
            0,
            "80 visitors are left out: this campaign has no variant A or B. Check how the sources "
            "file maps variants.",
        ),
    ],
)
async def test_variants_that_the_campaign_does_not_have_are_named(
    tmp_path: Path, arms: list[str], units: int, sentence: str
) -> None:
    file = warehouse(tmp_path, arms)
    async with running(tmp_path, analysis_tables=f"sources:{file}") as caller:
        await start(caller, shop.campaign(planned_units=90_000))
        caller.clock.ahead = timedelta()
        request = pb.GetResultsRequest(name=NAME)
        report = await caller.results.GetResults(request, timeout=120)

    checks = {check.name: check for check in report.health.checks}
    assert ("unknown_variants" in checks) is bool(sentence)
    if sentence:
        assert checks["unknown_variants"].sentence == sentence
        assert checks["unknown_variants"].status == pb.HEALTH_STATUS_WARNING
    assert [total.units for total in report.totals] == [units, units]


ORDERS = """\
orders:
  from: sales
  columns: {order: id, unit: client, time: placed, revenue: total, coupons: code, channel: source}
"""


async def test_visitors_of_such_a_variant_are_no_sign_against_the_data(tmp_path: Path) -> None:
    """They bought more before, by one channel, with a coupon; one opened the page all day."""
    file = warehouse(tmp_path, ["control", "free", "Free"])
    with closing(duckdb.connect(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE sales AS SELECT 'b' || visitor AS id, visitor AS client, "
            "min(seen_at) - INTERVAL 2 DAYS AS placed, 900 AS total, '' AS code, '' AS source "
            "FROM views WHERE arm = 'Free' GROUP BY visitor"
        )
        connection.execute(
            "INSERT INTO sales SELECT 'o' || visitor, visitor, seen_at + INTERVAL 1 HOUR, "
            "if(arm = 'Free' AND visitor LIKE '%-7', 90000, 20), if(arm = 'Free', 'OLD10', ''), "
            "if(arm = 'Free', 'app', 'shop') FROM views"
        )
        connection.execute("INSERT INTO views SELECT v.* FROM views v, range(250) WHERE arm='Free'")
    file.write_text(f"{MAPPING}{ORDERS}")
    plan = shop.campaign(metric="revenue_per_visitor", planned_units=90_000, covariate_days=7)
    async with running(tmp_path, analysis_tables=f"sources:{file}") as caller:
        await start(caller, plan)
        caller.clock.ahead = timedelta()
        report = await caller.results.GetResults(pb.GetResultsRequest(name=NAME), timeout=120)

    checks = {check.name: check for check in report.health.checks}
    assert checks["unknown_variants"].value == EACH
    assert not checks.keys() & {"busy_units", "large_orders", "one_channel"}
    # Of the campaign's own variants nobody bought before.
    assert checks["before_exposure"].status == pb.HEALTH_STATUS_OK
    assert not report.coupons
    assert [total.orders for total in report.totals] == [EACH, EACH]

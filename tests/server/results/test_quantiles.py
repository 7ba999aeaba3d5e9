"""Quantiles, through gRPC: order statistics of all units, decided, kept and cut like any metric."""

import random
from pathlib import Path

import numpy as np
import pytest
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_stats import QuantileArm
from fairlift_stats.methods.quantiles import compare_quantiles
from scipy import stats

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import crowd, metric, results, send, start

UNITS = 200


def planned(primary: str, **asked: float) -> Campaign:
    """A campaign with a quantile of revenue by each of these names."""
    campaign = shop.campaign(metric=primary, planned_units=2 * UNITS, segments=["country"])
    for name, at in asked.items():
        quantile = campaign.plan.metrics.add(name=name)
        quantile.quantile.of.order = plan_pb2.ORDER_MEASURE_REVENUE
        quantile.quantile.at = at
        if name != primary:
            campaign.plan.secondary.add(metric=name)
    return campaign


def tickets(seed: int, buyers: int, scale: float) -> list[float]:
    rng = random.Random(seed)
    return [round(rng.lognormvariate(3.5, 0.8) * scale, 2) for _ in range(buyers)]


async def test_a_median_decides_and_outlives_a_restart(tmp_path: Path) -> None:
    # given: three in four units buy, so the median unit does, too
    spent = {"control": tickets(1, 150, 1.0), "free": tickets(2, 160, 1.6)}
    async with running(tmp_path) as caller:
        await start(caller, planned("middle", middle=0.5, most=0.9))
        for variant, amounts in spent.items():
            await send(caller, crowd(variant, UNITS, amounts))
        report = await results(caller)
    async with running(tmp_path) as caller:
        again = await results(caller)

    values = {arm: [*amounts, *[0.0] * (UNITS - len(amounts))] for arm, amounts in spent.items()}
    for name, at in (("middle", 0.5), ("most", 0.9)):
        found = metric(report, name)
        (comparison,) = found.comparisons
        arms = [QuantileArm.of(values[arm], at) for arm in ("control", "free")]
        expected = compare_quantiles(arms[1], arms[0])
        quantiles = [float(np.quantile(values[arm], at)) for arm in ("control", "free")]
        assert [arm.estimate for arm in found.arms] == pytest.approx(quantiles)
        assert [arm.units for arm in found.arms] == [UNITS, UNITS]
        assert comparison.difference == pytest.approx(expected.difference)
        assert comparison.difference_interval.lower == pytest.approx(expected.interval.low)
        assert comparison.p_value == pytest.approx(expected.p_value, rel=1e-9)
        assert comparison.lift == pytest.approx(expected.lift)
        assert comparison.method == pb.METHOD_QUANTILE
    assert report.verdict.kind == pb.VERDICT_KIND_SHIP
    (primary,) = (each for each in report.look.comparisons if each.metric == "middle")
    assert primary.z == pytest.approx(
        stats.norm.isf(metric(report, "middle").comparisons[0].p_value / 2)
    )
    # A median of a segment does not follow from sums: segments are cut by what does.
    assert len(report.segments) == 1
    assert again.metrics == report.metrics
    assert again.look == report.look


async def test_too_few_units_have_no_tail(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned("conversion_rate", most=0.99))
        for variant in ("control", "free"):
            await send(caller, crowd(variant, 40, tickets(3, 20, 1.0)))
        report = await results(caller)

    found = metric(report, "most")
    (comparison,) = found.comparisons
    assert not comparison.HasField("difference")
    assert comparison.cannot_say
    assert comparison.cannot_say_reason == pb.CANNOT_SAY_REASON_TOO_FEW_UNITS
    assert not any(arm.HasField("estimate") for arm in found.arms)


async def test_a_quantile_over_visitors_without_orders_says_that_both_are_at_zero(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned("conversion_rate", middle=0.5))
        for variant in ("control", "free"):
            await send(caller, crowd(variant, 40, []))
        report = await results(caller)

    (comparison,) = metric(report, "middle").comparisons
    assert comparison.cannot_say_reason == pb.CANNOT_SAY_REASON_NO_EVENTS
    assert "zero" in comparison.cannot_say
    assert [arm.units for arm in metric(report, "middle").arms] == [40, 40]

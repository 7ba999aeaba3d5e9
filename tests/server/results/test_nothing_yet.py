"""Where there is nothing to measure a report says so, and shows no zero in its place."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_cli.__main__ import main

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import crowd, metric, results, send, start

ACTIONS = ["action_rate(newsleter)", "micro_value(newsleter)", "path", "nps"]


def planned(**plan: object) -> Campaign:
    return shop.campaign(
        metric="conversion_rate",
        secondary=[plan_pb2.PlannedMetric(metric=name) for name in ACTIONS],
        metrics=[
            plan_pb2.Metric(
                name="path",
                funnel=plan_pb2.FunnelMetric(
                    steps=[
                        plan_pb2.Measure(action=plan_pb2.ActionMeasure(name="viewed")),
                        plan_pb2.Measure(order=plan_pb2.ORDER_MEASURE_ORDERS),
                    ]
                ),
            )
        ],
        **plan,  # type: ignore[arg-type]  # fields of a plan
    )


async def test_an_action_that_never_came_is_named_and_shown_without_a_zero(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned(segments=["country"]))
        await send(caller, crowd("control", 60, [20.0] * 20))
        await send(caller, crowd("free", 60, [20.0] * 25))
        found = await results(caller)

    for name, action in zip(ACTIONS, ("newsleter", "newsleter", "viewed", "nps"), strict=True):
        row = metric(found, name)
        assert row.error.startswith(f"No visitor has done {action} yet"), row
        assert not any(arm.HasField("estimate") for arm in row.arms)
        assert not any(arm.HasField("provisional_estimate") for arm in row.arms)
        assert not row.comparisons
        assert [arm.variant for arm in row.arms] == ["control", "free"]
    # The others are as ever.
    assert metric(found, "conversion_rate").arms[0].estimate == pytest.approx(1 / 3, abs=0.05)


def of_products(*products: str) -> plan_pb2.Measure:
    return plan_pb2.Measure(
        lines=plan_pb2.LineMeasure(of=plan_pb2.LineMeasure.OF_ORDERS, products=products)
    )


async def test_a_category_or_products_that_no_order_has_are_named_and_shown_without_a_zero(
    tmp_path: Path,
) -> None:
    orders = plan_pb2.Measure(order=plan_pb2.ORDER_MEASURE_ORDERS)
    metrics = [
        plan_pb2.Metric(
            name=name,
            ratio=plan_pb2.RatioMetric(numerator=of_products(*products), denominator=orders),
        )
        for name, products in (("bought", ("sku-1",)), ("unknown", ("sku-x", "sku-y")))
    ]
    names = ["category_revenue(scarfs)", "unknown", "bought", "upsell_rate"]
    async with running(tmp_path) as caller:
        plan = shop.campaign(
            metric="conversion_rate",
            secondary=[plan_pb2.PlannedMetric(metric=name) for name in names],
            metrics=metrics,
        )
        await start(caller, plan)
        events = [*crowd("control", 60, [20.0] * 20), *crowd("free", 60, [20.0] * 25)]
        for line in (line for event in events for line in event.order.lines):
            line.product_id, line.category = "sku-1", "Scarves"
        await send(caller, iter(events))
        found = await results(caller)

    assert metric(found, names[0]).error.startswith("No order that counts has a line of scarfs yet")
    assert metric(found, names[1]).error.startswith(
        "No order that counts has a line of sku-x or sku-y yet"
    )
    for name in names[:2]:
        assert not any(arm.HasField("estimate") for arm in metric(found, name).arms)
    # Every order has the product; and that no order is an upsell is a figure as any other.
    assert [arm.estimate for arm in metric(found, "bought").arms] == [1.0, 1.0]
    assert not metric(found, "upsell_rate").error
    assert [arm.estimate for arm in metric(found, "upsell_rate").arms] == [0.0, 0.0]


async def test_a_campaign_without_a_visitor_has_a_report_without_figures(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        micro_values = [
            plan_pb2.MicroValue(action="newsleter", calibrated=plan_pb2.MicroValue.Calibrated())
        ]
        await start(caller, planned(micro_values=micro_values, segments=["new_or_returning"]))
        found = await results(caller)
        shown = await asyncio.to_thread(
            CliRunner().invoke, main, ["results", found.campaign, "--server", caller.address]
        )

    assert found.verdict.kind == pb.VERDICT_KIND_KEEP_GOING
    assert found.verdict.sentence == ("Nothing to judge yet: no visitors have seen this campaign.")
    assert "[TOO EARLY]" in shown.output
    assert not any(arm.HasField("estimate") for row in found.metrics for arm in row.arms)
    assert not found.segments
    assert not found.channels
    assert {check.name for check in found.health.checks} >= {"exposures"}

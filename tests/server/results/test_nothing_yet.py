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

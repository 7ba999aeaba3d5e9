"""Looks, through gRPC: when they are made, what survives, and the verdicts they end in."""

import asyncio
import math
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from scipy import stats

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, arrivals, crowd, results, send


async def test_a_look_is_made_when_enough_has_come_and_not_before(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(planned_units=10_000))
        nobody = await results(caller)
        await send(caller, crowd("control", 300, [30.0] * 30))
        await send(caller, crowd("free", 300, [30.0] * 33))
        first = await results(caller)
        # 99 more units are less than 1 % of what was planned
        await send(caller, (shop.exposure(f"late-{n}", "free", at=START) for n in range(99)))
        same = await results(caller)
        await send(caller, (shop.exposure(f"late-{n}", "free", at=START) for n in range(99, 101)))
        second = await results(caller)
        looks = (await caller.results.ListLooks(pb.ListLooksRequest(name=NAME))).looks

    assert nobody.verdict.cause == pb.VERDICT_CAUSE_NO_UNITS
    # Of nobody it cannot be said that they fall on the variants as planned.
    assert [each.name for each in nobody.health.checks] == ["minimum_days", "exposures"]
    assert not nobody.HasField("look")
    assert (first.look.number, first.look.units, first.next_look_units) == (1, 600, 700)
    # Live counts beside the last look's figures.
    assert same.look == first.look
    assert same.metrics == first.metrics
    assert [total.units for total in same.totals] == [300, 399]
    assert (second.look.number, second.look.units) == (2, 701)
    assert list(looks) == [first.look, second.look]
    # Hwang-Shih-DeCani, gamma -4: what may be spent of 2.5 % on each side by 6 % of the units.
    spent = 0.025 * math.expm1(4 * 0.06) / math.expm1(4)
    assert looks[0].comparisons[0].boundary == pytest.approx(stats.norm.isf(spent), abs=1e-6)


async def test_looks_survive_a_restart_and_give_the_same_report(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(planned_units=1_000, segments=["country"]))
        await send(caller, crowd("control", 200, [25.0, 35.0] * 20))
        await send(caller, crowd("free", 200, [25.0, 45.0] * 24))
        before = await results(caller)
    async with running(tmp_path) as caller:
        after = await results(caller)

    for report in (before, after):
        report.ClearField("create_time")
        report.ClearField("next_look_time")
    assert after == before


async def test_nobody_looked_until_the_plan_was_over(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(planned_units=400))
        await send(caller, crowd("control", 300, [20.0] * 40))
        await send(caller, crowd("free", 300, [20.0] * 40))

        report = await results(caller)

    # The sample is who came while the plan still ran; those who came later are counted only.
    assert (report.look.units, report.look.information) == (400, 1.0)
    assert sum(total.units for total in report.totals) == 600
    assert "200 who came later" in report.notes[0]
    assert report.next_look_units == 0


@pytest.mark.parametrize(
    ("stopping", "buyers", "kind", "cause"),
    [
        ({}, 12, pb.VERDICT_KIND_SHIP, pb.VERDICT_CAUSE_WON),
        ({}, 5, pb.VERDICT_KIND_STOP_FUTILE, pb.VERDICT_CAUSE_ENDED),
        (
            {"fixed_horizon": plan_pb2.FixedHorizon()},
            12,
            pb.VERDICT_KIND_SHIP,
            pb.VERDICT_CAUSE_WON,
        ),
        ({"yeast": plan_pb2.Yeast()}, 12, pb.VERDICT_KIND_STOP_FUTILE, pb.VERDICT_CAUSE_ENDED),
        (
            {"always_valid": plan_pb2.AlwaysValid()},
            5,
            pb.VERDICT_KIND_STOP_FUTILE,
            pb.VERDICT_CAUSE_ENDED,
        ),
    ],
)
async def test_a_campaign_whose_days_are_over_looks_once_more_and_decides(
    tmp_path: Path, stopping: dict[str, object], buyers: int, kind: int, cause: int
) -> None:
    campaign = shop.campaign(
        metric="conversion_rate", planned_units=200_000, minimum_days=7, maximum_days=14
    )
    if stopping:
        # The kind of rule is a parameter of the test.
        campaign.plan.stopping.CopyFrom(plan_pb2.Stopping(**stopping))  # type: ignore[arg-type]
    async with running(tmp_path) as caller:
        await caller.start(campaign)
        for days in (range(14), range(14, 15)):
            await send(caller, arrivals("control", days, buyers=5))
            await send(caller, arrivals("free", days, buyers=buyers))
            last = await results(caller)
        # Who comes later is counted; neither a look nor the report's answer changes.
        arms = ("control", "free")
        await send(caller, (shop.exposure(f"late-{n}", arms[n % 2]) for n in range(3_000)))
        after = await results(caller)
        looks = (await caller.results.ListLooks(pb.ListLooksRequest(name=NAME))).looks

    first, closing = looks
    assert (first.units, first.verdict) == (1_400, pb.VERDICT_KIND_KEEP_GOING)
    # A hundred new units are 0.05 % of the plan: enough, for they are the last.
    assert closing == last.look == after.look
    assert closing.units == 1_500
    assert (last.verdict.kind, last.verdict.cause) == (kind, cause)
    assert (after.verdict, after.metrics) == (last.verdict, last.metrics)
    assert last.next_look_units == after.next_look_units == 0
    assert not after.HasField("next_look_time")
    assert "3000 who came later" in after.notes[0].replace(",", "")
    if not stopping or "fixed_horizon" in stopping:
        # Next to nothing was spent by the first look: the last is a plain test at 5 %.
        boundary = closing.comparisons[0].boundary
        assert boundary == pytest.approx(stats.norm.isf(0.025), abs=0.01)


async def test_a_running_campaign_s_next_look_comes_with_its_last_day_at_the_latest(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as caller:
        await caller.start(
            shop.campaign(metric="conversion_rate", planned_units=200_000, maximum_days=21)
        )
        await send(caller, arrivals("control", range(15), buyers=5))
        await send(caller, arrivals("free", range(15), buyers=5))
        report = await results(caller)

    # At the pace so far a hundredth of the units would take ten days.
    due = report.next_look_time.ToDatetime() - report.create_time.ToDatetime()
    assert due / timedelta(days=1) == pytest.approx(7, abs=1e-3)


async def test_a_broken_split_forbids_a_verdict(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(planned_units=4_000))
        await send(caller, crowd("control", 1_200, [20.0] * 120))
        await send(caller, crowd("free", 900, [20.0] * 160))

        health = await caller.results.GetHealth(pb.GetHealthRequest(name=NAME), timeout=120)
        spanish = await caller.results.GetHealth(
            pb.GetHealthRequest(name=NAME, language="es"), timeout=120
        )
        unseen = await caller.results.ListLooks(pb.ListLooksRequest(name=NAME))
        report = await results(caller)

    ratio = next(check for check in health.checks if check.name == "sample_ratio")
    assert ratio.status == pb.HEALTH_STATUS_BROKEN
    assert ratio.value == pytest.approx(stats.chisquare([1_200, 900]).pvalue)
    # Evidence beyond 100 blocks; of an even split it stays below 1.
    assert ratio.evidence > 100
    assert "no coincide con el plan" in spanish.checks[0].sentence
    assert not unseen.looks  # asking for health is no look
    assert report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert report.verdict.cause == pb.VERDICT_CAUSE_SPLIT


@pytest.mark.parametrize(
    "stopping",
    [
        {"fixed_horizon": plan_pb2.FixedHorizon()},
        {"always_valid": plan_pb2.AlwaysValid()},
        {"yeast": plan_pb2.Yeast()},
        {"exact_conversion": plan_pb2.ExactConversion()},
        {"expected_loss": plan_pb2.ExpectedLoss(threshold=0.01, prior_sd=0.5)},
        {"group_sequential": plan_pb2.GroupSequential(
            success=plan_pb2.Spending(pocock=plan_pb2.LanDeMetsPocock()),
            harm=plan_pb2.Spending(power=plan_pb2.PowerSpending(rho=2)),
            futility=plan_pb2.Spending(obrien_fleming=plan_pb2.LanDeMetsOBrienFleming()))},
    ],
    ids=lambda stopping: next(iter(stopping)),
)  # fmt: skip
async def test_every_rule_of_stopping_gives_a_verdict(
    tmp_path: Path, stopping: dict[str, object]
) -> None:
    campaign = shop.campaign(metric="conversion_rate", planned_units=800)
    # The kind of rule is a parameter of the test.
    campaign.plan.stopping.CopyFrom(plan_pb2.Stopping(**stopping))  # type: ignore[arg-type]
    campaign.plan.secondary.add(metric="average_ticket")
    async with running(tmp_path) as caller:
        await caller.start(campaign)
        await send(caller, crowd("control", 400, [20.0, 30.0] * 20))
        await send(caller, crowd("free", 400, [20.0, 30.0] * 60))

        report = await results(caller)

    assert report.verdict.kind == pb.VERDICT_KIND_SHIP
    assert report.verdict.variant == "free"
    assert report.verdict.sentence
    roles = {each.metric: each.role for each in report.metrics}
    assert roles["conversion_rate"] == pb.METRIC_ROLE_PRIMARY
    assert roles["average_ticket"] == pb.METRIC_ROLE_SECONDARY
    assert roles["revenue_per_visitor"] == pb.METRIC_ROLE_DESCRIPTIVE


async def test_a_watcher_hears_of_new_looks(tmp_path: Path) -> None:
    async with running(tmp_path, keep_alive_s=0.2) as caller:
        await caller.start(shop.campaign())
        watched = caller.results.WatchResults(pb.WatchResultsRequest(name=NAME))
        nobody = await asyncio.wait_for(watched.read(), 120)
        await send(caller, crowd("control", 100, [20.0] * 10))
        await send(caller, crowd("free", 100, [20.0] * 10))
        heard = await asyncio.wait_for(watched.read(), 120)
        watched.cancel()

    assert isinstance(nobody, pb.Report)
    assert isinstance(heard, pb.Report)
    assert not nobody.HasField("look")
    assert heard.look.number >= 1

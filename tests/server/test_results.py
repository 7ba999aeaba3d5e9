"""What the data say, through gRPC; expected figures worked out by hand or by scipy."""

import asyncio
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import numpy as np
import pytest
from fairlift.v1 import campaign_service_pb2, plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event
from scipy import stats

from tests.server import shop
from tests.server.client import Caller, details, running

NAME = "campaigns/free-shipping"
START = shop.now() - timedelta(days=15)


async def results(caller: Caller, language: str = "", epoch: int = 0) -> pb.Report:
    request = pb.GetResultsRequest(name=NAME, language=language, epoch=epoch)
    return await caller.results.GetResults(request, timeout=120)


def metric(report: pb.Report, name: str) -> pb.MetricResult:
    return next(each for each in report.metrics if each.metric == name)


def totals(report: pb.Report) -> dict[str, tuple[int, int, int, float, float]]:
    return {
        each.variant: (
            each.units,
            each.buyers,
            each.orders,
            each.revenue_micros / shop.EURO,
            each.net_revenue_micros / shop.EURO,
        )
        for each in report.totals
    }


def crowd(
    variant: str, units: int, tickets: list[float], *, start: datetime = START
) -> Iterator[Event]:
    """Units spread evenly over 14 days, the first of them buying one minute later."""
    for number in range(units):
        unit = f"{variant}-{number}"
        at = start + timedelta(days=14) * (number / units)
        yield shop.exposure(unit, variant, at=at)
        if number < len(tickets):
            yield shop.order(
                unit,
                f"order-{unit}",
                shop.line(tickets[number]),
                at=at + timedelta(minutes=1),
            )


async def send(caller: Caller, events: Iterator[Event]) -> None:
    waiting = list(events)
    for first in range(0, len(waiting), 500):
        await caller.accepted(waiting[first : first + 500])


async def test_a_little_ledger_by_hand(tmp_path: Path) -> None:
    at = START
    later = at + timedelta(hours=1)
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(identity_policy=plan_pb2.IDENTITY_POLICY_AS_ASSIGNED))
        await caller.accepted(
            [
                # control: a buys for 100 - 10; b buys twice, 20 and 30, and gives 5 back
                *(shop.exposure(unit, "control", at=at) for unit in ("a", "b", "c")),
                shop.order("a", "o1", shop.line(50, quantity=2, cost=20), discount=10, at=later),
                shop.order("b", "o2", shop.line(20), at=later),
                shop.order("b", "o3", shop.line(30), at=later),
                shop.refund("o3", 5),
                # free: d buys 10 dollars at 0.9; e's order is cancelled; f bought before
                *(shop.exposure(unit, "free", at=at) for unit in ("d", "e", "f")),
                shop.exchange_rate("USD", 0.9, at=at),
                shop.order("d", "o4", shop.line(10), currency="USD", at=later),
                shop.order("e", "o5", shop.line(99), at=later),
                shop.cancellation("o5"),
                shop.order("f", "o6", shop.line(77), at=at - timedelta(hours=1)),
                # x met both, so nobody may learn from it; y met none
                shop.exposure("x", "free", at=at),
                shop.exposure("x", "control", at=later),
                shop.order("x", "o7", shop.line(500), at=later),
                shop.order("y", "o8", shop.line(500), at=later),
            ]
        )

        report = await results(caller)

    assert totals(report) == {
        "control": (3, 2, 3, 140.0, 135.0),
        "free": (3, 1, 1, 9.0, 9.0),
    }
    assert [total.contaminated_units for total in report.totals] == [0, 1]
    assert [total.refunded_orders for total in report.totals] == [1, 0]
    rpv = metric(report, "revenue_per_visitor")
    assert [arm.estimate for arm in rpv.arms] == pytest.approx([140 / 3, 9 / 3])
    ticket = metric(report, "average_ticket")
    assert [arm.estimate for arm in ticket.arms] == pytest.approx([140 / 3, 9.0])
    assert ticket.role == pb.METRIC_ROLE_DESCRIPTIVE
    conversion = metric(report, "conversion_rate")
    assert [arm.estimate for arm in conversion.arms] == pytest.approx([2 / 3, 1 / 3])
    health = {check.name: check for check in report.health.checks}
    assert health["contamination"].status == pb.HEALTH_STATUS_WARNING
    assert health["contamination"].value == pytest.approx(1 / 7)


async def test_a_customer_s_orders_count_for_the_visitor_they_were(tmp_path: Path) -> None:
    at = START
    later = at + timedelta(hours=1)
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(identity_policy=plan_pb2.IDENTITY_POLICY_FIRST_SEEN))
        await caller.accepted(
            [
                shop.exposure("phone", "free", at=at),
                shop.exposure("laptop", "control", at=later),
                shop.exposure("stranger", "control", at=at),
                shop.identity("phone", "ana"),
                shop.identity("laptop", "ana"),
                shop.order("ana", "o1", shop.line(40), at=later),
            ]
        )

        report = await results(caller)

    assert totals(report) == {"control": (1, 0, 0, 0.0, 0.0), "free": (1, 1, 1, 40.0, 40.0)}


async def test_estimates_agree_with_scipy(tmp_path: Path) -> None:
    rng = random.Random(7)
    tickets = {
        variant: [round(rng.lognormvariate(3.6, 0.7), 2) for _ in range(buyers)]
        for variant, buyers in (("control", 60), ("free", 85))
    }
    units = 700
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign(planned_units=1_400))
        for variant, paid in tickets.items():
            await send(caller, crowd(variant, units, paid))

        report = await results(caller)
        again = await results(caller)
        looks = await caller.results.ListLooks(pb.ListLooksRequest(name=NAME))

    rows = {v: np.array(paid + [0.0] * (units - len(paid))) for v, paid in tickets.items()}
    welch = stats.ttest_ind(rows["free"], rows["control"], equal_var=False)
    interval = welch.confidence_interval(0.95)
    (found,) = metric(report, "revenue_per_visitor").comparisons
    assert found.difference == pytest.approx(rows["free"].mean() - rows["control"].mean())
    assert found.p_value == pytest.approx(welch.pvalue, rel=1e-9)
    assert found.difference_interval.lower == pytest.approx(interval.low, rel=1e-9)
    assert found.difference_interval.upper == pytest.approx(interval.high, rel=1e-9)
    ticket = metric(report, "average_ticket")
    assert [arm.estimate for arm in ticket.arms] == pytest.approx(
        [np.mean(tickets["control"]), np.mean(tickets["free"])]
    )
    # One order per buyer: the ratio is a mean over orders.
    assert metric(report, "conversion_rate").comparisons[0].lift == pytest.approx(85 / 60 - 1)
    (decomposition,) = report.decompositions
    assert sum(f.contribution for f in decomposition.factors) == pytest.approx(found.difference)
    (look,) = looks.looks
    assert look == report.look == again.look
    assert look.information == pytest.approx(1.0)
    primary = next(c for c in look.comparisons if c.metric == "revenue_per_visitor")
    assert primary.z == pytest.approx(stats.norm.isf(welch.pvalue / 2), rel=1e-6)
    assert again.metrics == report.metrics


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

    assert nobody.verdict.reason_codes == ["no_units"]
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
    assert "200 later ones" in report.notes[0]
    assert report.next_look_units == 0


def arrivals(variant: str, days: range, *, buyers: int) -> Iterator[Event]:
    """Fifty units at the end of each of these days, the first of them buying at once."""
    for day in days:
        for number in range(50):
            unit, at = f"{variant}-{day}-{number}", START + timedelta(days=day)
            yield shop.exposure(unit, variant, at=at)
            if number < buyers:
                yield shop.order(unit, f"order-{unit}", shop.line(20.0), at=at)


@pytest.mark.parametrize(
    ("stopping", "buyers", "kind", "cause"),
    [
        ({}, 12, pb.VERDICT_KIND_SHIP, "won"),
        ({}, 5, pb.VERDICT_KIND_STOP_FUTILE, "ended"),
        ({"fixed_horizon": plan_pb2.FixedHorizon()}, 12, pb.VERDICT_KIND_SHIP, "won"),
        ({"yeast": plan_pb2.Yeast()}, 12, pb.VERDICT_KIND_STOP_FUTILE, "ended"),
        ({"always_valid": plan_pb2.AlwaysValid()}, 5, pb.VERDICT_KIND_STOP_FUTILE, "ended"),
    ],
)
async def test_a_campaign_whose_days_are_over_looks_once_more_and_decides(
    tmp_path: Path, stopping: dict[str, object], buyers: int, kind: int, cause: str
) -> None:
    campaign = shop.campaign(
        metric="conversion_rate", planned_units=200_000, minimum_days=7, maximum_days=14
    )
    if stopping:
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
    assert (last.verdict.kind, last.verdict.reason_codes[0]) == (kind, cause)
    assert (after.verdict, after.metrics) == (last.verdict, last.metrics)
    assert last.next_look_units == after.next_look_units == 0
    assert not after.HasField("next_look_time")
    assert "3000 later ones" in after.notes[0].replace(",", "")
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


async def test_an_epoch_is_analysed_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        campaign = await caller.start(shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 10, []))
        campaign.variants[1].weight = 3
        await caller.campaigns.UpdateCampaign(
            campaign_service_pb2.UpdateCampaignRequest(campaign=campaign, new_epoch=True)
        )
        await caller.accepted([shop.exposure("new", "free", epoch=2)])

        first, second = await results(caller, epoch=1), await results(caller)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await results(caller, epoch=3)

    assert [total.units for total in first.totals] == [20, 10]
    assert [total.units for total in second.totals] == [0, 1]
    assert (first.epoch, second.epoch) == (1, 2)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_sentences_come_in_the_reader_s_language(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 20, []))

        english, spanish, romanian = [await results(caller, code) for code in ("", "es-MX", "ro")]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await results(caller, "klingon")

    assert len({r.verdict.sentence for r in (english, spanish, romanian)}) == 3
    assert english.verdict.kind == spanish.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert metric(spanish, "average_ticket").display_name == "ticket medio"
    assert details(caught.value)[1].field_violations[0].field == "language"


async def test_health_comes_in_the_reader_s_language_too(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 20, []))

        english, spanish, romanian = [await results(caller, code) for code in ("en", "es", "ro")]

    said = [
        [check.sentence for check in each.health.checks] for each in (english, spanish, romanian)
    ]
    assert said[0][1] == "No visitor met more than one variant."
    assert said[1][1] == "Ningún visitante vio más de una variante."
    assert all(len(set(sentences)) == 3 for sentences in zip(*said, strict=True))


async def test_over_a_control_that_has_none_there_is_no_lift(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign())
        await send(caller, crowd("control", 40, []))
        await send(caller, crowd("free", 40, [10.0] * 8))

        report = await results(caller)

    (found,) = metric(report, "conversion_rate").comparisons
    assert found.difference == pytest.approx(0.2)
    assert not found.HasField("lift")
    assert not found.HasField("lift_interval")
    assert found.cannot_say == "no lift, the control has none."


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
    assert "no se reparten según lo previsto" in spanish.checks[0].sentence
    assert not unseen.looks  # asking for health is no look
    assert report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert "split" in report.verdict.reason_codes


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


async def test_a_funnel_decides_by_its_last_step_and_shows_them_all(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="checkout", planned_units=400)
    funnel = campaign.plan.metrics.add(name="checkout", display_name="Checkout")
    funnel.funnel.steps.add().action.name = "view"
    funnel.funnel.steps.add().order = plan_pb2.ORDER_MEASURE_ORDERS
    quantile = campaign.plan.metrics.add(name="middle")
    quantile.quantile.of.order = plan_pb2.ORDER_MEASURE_REVENUE
    quantile.quantile.at = 0.5
    campaign.plan.secondary.add(metric="middle")
    async with running(tmp_path) as caller:
        await caller.start(campaign)
        for variant, buyers in (("control", 10), ("free", 30)):
            await send(caller, crowd(variant, 100, [20.0] * buyers))
            await send(caller, (shop.action(f"{variant}-{n}", "view") for n in range(60)))

        report = await results(caller)

    estimates = {m.metric: [arm.estimate for arm in m.arms] for m in report.metrics}
    assert estimates["checkout"] == pytest.approx([0.1, 0.3])
    steps = [name for name in estimates if name.startswith("checkout.")]
    assert len(steps) == 3
    assert estimates[steps[0]] == pytest.approx([0.6, 0.6])
    assert metric(report, "checkout").display_name == "Checkout"
    assert any("quantiles" in note for note in report.notes)


async def test_a_small_segment_is_drawn_towards_the_whole(tmp_path: Path) -> None:
    rng = random.Random(3)
    campaign = shop.campaign(metric="conversion_rate", planned_units=4_000, segments=["country"])
    async with running(tmp_path) as caller:
        await caller.start(campaign)
        events = []
        for number in range(2_000):
            variant = ("control", "free")[number % 2]
            country = "AD" if number < 24 else ("ES", "RO")[number // 2 % 2]
            unit = f"u-{number}"
            events.append(shop.exposure(unit, variant, at=START, country=country))
            if rng.random() < 0.1 or (country == "AD" and variant == "free"):
                events.append(shop.order(unit, f"o-{number}", at=START + timedelta(hours=1)))
        await send(caller, iter(events))

        report = await results(caller)

    (cut,) = report.segments
    rows = {segment.value: segment for segment in cut.segments}
    assert sum(segment.units for segment in rows.values()) == 2_000
    tiny = rows["AD"]
    assert tiny.units == 24
    assert tiny.raw_lift > 1
    assert abs(math.log1p(tiny.lift)) < abs(math.log1p(tiny.raw_lift)) / 2


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


async def test_a_draft_has_no_results(caller: Caller) -> None:
    await caller.campaigns.CreateCampaign(
        campaign_service_pb2.CreateCampaignRequest(campaign=shop.campaign())
    )

    with pytest.raises(grpc.aio.AioRpcError) as draft:
        await results(caller)
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await caller.results.GetResults(pb.GetResultsRequest(name="campaigns/none"))

    assert draft.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "never started" in (draft.value.details() or "")
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND

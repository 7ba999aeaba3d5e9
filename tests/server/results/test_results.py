"""What the data say, through gRPC; expected figures worked out by hand or by scipy."""

import math
import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from scipy import stats

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, crowd, metric, results, send, start, totals


async def test_a_little_ledger_by_hand(tmp_path: Path) -> None:
    at = START
    later = at + timedelta(hours=1)
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(identity_policy=plan_pb2.IDENTITY_POLICY_AS_ASSIGNED))
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
        await start(caller, shop.campaign(identity_policy=plan_pb2.IDENTITY_POLICY_FIRST_SEEN))
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
        await start(caller, shop.campaign(planned_units=1_400))
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
    look = looks.looks[-1]
    assert look == report.look == again.look
    assert look.information == pytest.approx(1.0)
    primary = next(c for c in look.comparisons if c.metric == "revenue_per_visitor")
    assert primary.z == pytest.approx(stats.norm.isf(welch.pvalue / 2), rel=1e-6)
    assert again.metrics == report.metrics


async def test_over_a_control_that_has_none_there_is_no_lift(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign())
        await send(caller, crowd("control", 40, []))
        await send(caller, crowd("free", 40, [10.0] * 8))

        report = await results(caller)

    (found,) = metric(report, "conversion_rate").comparisons
    assert found.difference == pytest.approx(0.2)
    assert not found.HasField("lift")
    assert not found.HasField("lift_interval")
    assert found.cannot_say == "no lift, because the control is at zero."


async def test_a_funnel_decides_by_its_last_step_and_shows_them_all(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="checkout", planned_units=400)
    funnel = campaign.plan.metrics.add(name="checkout", display_name="Checkout")
    funnel.funnel.steps.add().action.name = "view"
    funnel.funnel.steps.add().order = plan_pb2.ORDER_MEASURE_ORDERS
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        for variant, buyers in (("control", 10), ("free", 30)):
            await send(caller, crowd(variant, 100, [20.0] * buyers))
            # The first 60 units of each variant look at a product when they come.
            moments = [START + timedelta(days=14) * (n / 100) for n in range(60)]
            views = (shop.action(f"{variant}-{n}", "view", at=at) for n, at in enumerate(moments))
            await send(caller, views)

        report = await results(caller)

    checkout = metric(report, "checkout")
    assert [arm.estimate for arm in checkout.arms] == pytest.approx([0.1, 0.3])
    view, orders = checkout.steps
    assert (view.name, orders.name) == ("view", "orders")
    assert [(arm.variant, arm.units) for arm in view.arms] == [("control", 60), ("free", 60)]
    assert [arm.share for arm in view.arms] == [0.6, 0.6]
    assert not any(arm.HasField("share_of_previous") for arm in view.arms)
    assert [(arm.units, arm.share) for arm in orders.arms] == [(10, 0.1), (30, 0.3)]
    assert [arm.share_of_previous for arm in orders.arms] == pytest.approx([10 / 60, 30 / 60])
    assert checkout.display_name == "Checkout"


async def test_units_that_skip_a_step_stop_there_and_the_report_stands(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="conversion_rate", planned_units=400)
    campaign.plan.secondary.add(metric="checkout")
    funnel = campaign.plan.metrics.add(name="checkout")
    funnel.funnel.steps.add().action.name = "view"
    funnel.funnel.steps.add().order = plan_pb2.ORDER_MEASURE_ORDERS
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        # Ten units of each variant buy and never viewed anything.
        for variant in ("control", "free"):
            await send(caller, crowd(variant, 40, [20.0] * 10))

        report = await results(caller)

    assert [arm.estimate for arm in metric(report, "conversion_rate").arms] == [0.25, 0.25]
    checkout = metric(report, "checkout")
    assert [arm.estimate for arm in checkout.arms] == [0.0, 0.0]
    for step in checkout.steps:
        assert [(arm.units, arm.share) for arm in step.arms] == [(0, 0.0), (0, 0.0)]
    # Nobody viewed: of nobody it cannot be said how many went on.
    assert not any(arm.HasField("share_of_previous") for arm in checkout.steps[1].arms)


async def test_a_small_segment_is_drawn_towards_the_whole(tmp_path: Path) -> None:
    rng = random.Random(3)
    campaign = shop.campaign(metric="conversion_rate", planned_units=4_000, segments=["country"])
    async with running(tmp_path) as caller:
        await start(caller, campaign)
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

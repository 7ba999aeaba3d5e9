"""No lift below −100 % of a figure that is never negative: in the table, the verdict and a look."""

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    MeanMetric,
    Metric,
    OrderMeasure,
    catalogue_metric,
)
from fairlift_stats import Analysis, Effect, Mean, Summary
from fairlift_stats.effects import Interval, Posterior, possible_lift
from fairlift_stats.sequential.evidence import evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.sequential.sealed_plan import plan_from_json, plan_to_json
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.look_figures import look_figures

UNITS = 300
# One buyer in the treatment: the mean is one standard error above zero, its limit far below.
ARMS = {
    "control": Summary.from_rows({"m": [20.0, 30.0] * 45 + [0.0] * (UNITS - 90)}),
    "coupon": Summary.from_rows({"m": [25.0] + [0.0] * (UNITS - 1)}),
}
ROLE = ("primary", "guardrail")


def lowest_lifts(*, never_negative: bool, role: str) -> dict[str, float]:
    """The lower limits of all lifts that pages print of this comparison."""
    metric = Mean("revenue_per_visitor", "m", is_never_negative=never_negative)
    judged = SequentialMetric(
        metric.name, unit="money", needs="orders", is_never_negative=never_negative
    )
    metrics: tuple[SequentialMetric, ...] = (judged,)
    if role == "guardrail":
        rail = replace(judged, role="guardrail", margin=0.05)
        metrics = (SequentialMetric("conversion_rate"), rail)
    plan = SequentialPlan(("control", "coupon"), metrics, 2 * UNITS, maximum_days=28)
    result = Analysis(primary=(metric,)).report(ARMS)[metric.name, "coupon"]
    found = evidence_of(result, metric, ARMS["control"], ARMS["coupon"], events=(500, 500))
    assert found is not None
    counts = tuple(ArmCount(arm, UNITS, 200, 200) for arm in plan.arms)
    at = (date(2026, 11, 2) + timedelta(days=27)).isoformat()
    log = LookLog.begin(plan).add(plan, Look(at, 28, counts, (found,)))
    facts = decide(plan, log).facts
    standings = facts.guardrails if role == "guardrail" else facts.arms
    raws = [each.raw for each in standings if each.metric == metric.name]
    estimates = [*raws, *(each.estimate for each in look_figures(plan, log)[-1])]
    lows = {
        f"verdict {number}": each.lift_interval.low
        for number, each in enumerate(estimates)
        if each is not None and each.lift_interval is not None
    }
    assert len(lows) == 2
    assert isinstance(result.lift, Effect)
    assert isinstance(result.posterior, Posterior)
    assert result.posterior.interval is not None
    return lows | {
        "table": result.lift.interval.low,
        "all arms": result.lift.simultaneous.low,
        "posterior": result.posterior.interval.low,
    }


@pytest.mark.parametrize("role", ROLE)
def test_of_a_figure_that_is_never_negative_no_lift_is_below_minus_100_percent(role: str) -> None:
    lows = lowest_lifts(never_negative=True, role=role)

    assert lows == dict.fromkeys(lows, -1.0)


@pytest.mark.parametrize("role", ROLE)
def test_of_a_figure_that_may_be_negative_the_limit_stays_where_it_is(role: str) -> None:
    """A treatment that makes a loss where the control makes a profit is below −100 %."""
    lows = lowest_lifts(never_negative=False, role=role)

    assert {name for name, low in lows.items() if not low < -1.0} == set()


def test_limits_above_and_limits_that_are_not_known_stay_as_they_are() -> None:
    assert possible_lift(-0.3) == -0.3
    assert possible_lift(-math.inf) == -math.inf
    assert Interval(-1.2, math.inf).possible() == Interval(-1.0, math.inf)


@pytest.mark.parametrize(
    ("metric", "is_never_negative"),
    [
        (catalogue_metric("revenue_per_visitor"), True),
        (catalogue_metric("average_ticket"), True),
        (catalogue_metric("profit_per_visitor"), False),
        (Metric("score", MeanMetric(ActionMeasure("nps", ActionOf.NPS))), False),
        # Whoever sends an action may give it any value.
        (Metric("points", MeanMetric(ActionMeasure("points", ActionOf.VALUE))), False),
        (Metric("views", MeanMetric(ActionMeasure("view", ActionOf.COUNT))), True),
        (Metric("refunds", MeanMetric(OrderMeasure.REFUNDED_ORDERS)), True),
    ],
    ids=lambda each: each.name if isinstance(each, Metric) else "",
)
def test_metrics_know_whether_they_are_never_negative(
    metric: Metric, is_never_negative: bool
) -> None:
    assert metric.is_never_negative is is_never_negative


def test_a_plan_that_was_sealed_before_says_nothing_of_it_and_keeps_its_seal() -> None:
    old = SequentialPlan(("control", "coupon"), (SequentialMetric("m"),), 1_000)
    new = replace(old, metrics=(SequentialMetric("m", is_never_negative=True),))

    assert "is_never_negative" not in plan_to_json(old)
    assert plan_from_json(plan_to_json(old)).metrics == old.metrics
    assert plan_from_json(plan_to_json(new)).metrics == new.metrics

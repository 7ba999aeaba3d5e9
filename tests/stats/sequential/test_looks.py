"""Plans that can be obeyed, and logs that follow their calendar."""

import math
import re
from dataclasses import replace

import pytest
from fairlift_stats.errors import BadSummary
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.errors import (
    BadLevel,
    BadLook,
    BadPlan,
    BeyondPlan,
    FlatPrior,
    LooksOutOfOrder,
    NotANumber,
    PlanChanged,
    UnknownArm,
    ZeroVariance,
)
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog, TrafficPart
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.sequential.sealed_plan import fingerprint
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import CR, RPV, daily, evidence, look, plan


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"alpha": 0.0}, BadLevel),
        ({"alpha": 1.0}, BadLevel),
        ({"alpha": math.nan}, BadLevel),
        ({"power": 80.0}, BadLevel),
        ({"sides": 3}, BadPlan),
        ({"arms": ("control",)}, BadPlan),
        ({"arms": ("a", "a")}, BadPlan),
        ({"engine": "guess"}, BadPlan),
        ({"decide": "hourly"}, BadPlan),
        ({"rule_version": 2}, BadPlan),
        ({"metrics": (CR, CR)}, BadPlan),
        ({"metrics": (RPV,)}, BadPlan),
        ({"metrics": ()}, BadPlan),
        ({"n_max": 1}, BadPlan),
        ({"shares": (0.5, 0.6)}, BadPlan),
        ({"shares": (1.5, -0.5)}, BadPlan),
        ({"shares": (1.0,)}, BadPlan),
        ({"looks": (0.5, 0.4, 1.0)}, BadPlan),
        ({"looks": (0.5,)}, BadPlan),
        ({"minimum_days": -1}, BadPlan),
        ({"minimum_days": 1.5}, BadPlan),
        ({"window_days": math.nan}, BadPlan),
        ({"minimum_days": 7, "maximum_days": 6}, BadPlan),
        ({"minimum_days": 0, "maximum_days": 0}, BadPlan),
        ({"maximum_days": math.nan}, BadPlan),
        ({"minimum_orders": -1}, BadPlan),
        ({"reserve_alpha": 0.05}, BadPlan),
        ({"reserve_alpha": 0.01, "engine": "yeast"}, BadPlan),
        ({"engine": "bayes_expected_loss", "prior_sd": None}, FlatPrior),
        ({"engine": "bayes_expected_loss", "prior_sd": math.inf}, FlatPrior),
        ({"prior_sd": 0.0}, BadPlan),
        ({"engine": "exact_conversion"}, BadPlan),
    ],
)
def test_a_plan_that_cannot_be_obeyed_is_refused(
    change: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"(is|are|sum|name|has|needs|only) ?"):
        plan(**change)


@pytest.mark.parametrize(
    "metric",
    [
        {"name": ""},
        {"name": "a", "margin": 0.1},
        {"name": "a", "absolute_margin": 0.1},
        {"name": "a", "role": "guardrail"},
        {"name": "a", "role": "guardrail", "margin": 2.0},
        {"name": "a", "role": "guardrail", "margin": 0.1, "absolute_margin": 0.1},
        {"name": "a", "role": "guardrail", "absolute_margin": 0.0},
        {"name": "a", "role": "guardrail", "absolute_margin": math.inf},
        {"name": "a", "minimum_effect": 0.0},
    ],
)
def test_a_metric_that_cannot_be_judged_is_refused(metric: dict[str, object]) -> None:
    with pytest.raises(BadPlan):
        SequentialMetric(**metric)  # type: ignore[arg-type]  # any value may be in a file


@pytest.mark.parametrize(
    "metric",
    [
        SequentialMetric("revenue_per_visitor", unit="money", needs="orders"),
        SequentialMetric("revenue_per_visitor", unit="money"),
        SequentialMetric("action_rate(wheel)", needs="nothing"),
    ],
)
def test_the_exact_conversion_test_judges_conversion_only(metric: SequentialMetric) -> None:
    with pytest.raises(BadPlan, match=re.escape(f"metric {metric.name}")):
        plan(engine="exact_conversion", planned_converters=800, metrics=(CR, metric))
    beside = replace(metric, role="guardrail", margin=0.1)
    assert plan(engine="exact_conversion", planned_converters=800, metrics=(CR, beside)).metrics


def test_planned_looks_follow_the_calendar() -> None:
    weekly = plan(decide="weekly", maximum_days=28)

    assert weekly.looks == (0.25, 0.5, 0.75, 1.0)
    assert replace(weekly, looks=(), minimum_days=10).looks == (0.5, 0.75, 1.0)
    assert replace(weekly, looks=(), maximum_days=None).looks == (0.25, 0.5, 0.75, 1.0)
    assert replace(weekly, looks=(), maximum_days=7).looks == (1.0,)
    assert plan().looks == pytest.approx([day / 14 for day in range(7, 15)])
    assert plan(decide="weekly", engine="yeast").looks == plan().looks


def test_a_log_follows_the_days() -> None:
    made = plan()
    log = daily(made, [0.0, 0.0, 0.0])

    for earlier in (2, 3):
        with pytest.raises(LooksOutOfOrder, match="never inserted"):
            log.add(made, look(made, earlier, per_day=9000))
    # Fewer units than before: some turned out to be mixed up. The look is made all the same.
    assert log.add(made, look(made, 4, per_day=1000)).looks[-1].units == 4000
    assert log.add(made, look(made, 9)).looks[-1].day == 9
    assert LookLog.begin(made).add(made, look(made, 1, per_day=0)).looks[0].units == 0


def test_no_look_follows_the_last() -> None:
    made = plan()
    by_days = daily(made, [0.0] * 14)
    by_units = LookLog.begin(made).add(made, look(made, 8, per_day=4000))
    by_hand = daily(made, [0.0] * 3).add(made, look(made, 5, closing="stopped"))

    for log, why in ((by_days, "planned"), (by_units, "planned"), (by_hand, "stopped")):
        assert log.is_closed
        assert log.looks[-1].closing == why
        with pytest.raises(BeyondPlan, match="the plan ends at"):
            log.add(made, look(made, 15))
    slow = plan(n_max=40_000)
    assert daily(slow, [0.0] * 14).looks[-1].closing == "days"
    assert not daily(slow, [0.0] * 13).is_closed
    assert not LookLog.begin(made).is_closed


def test_a_log_that_does_not_follow_the_calendar_is_refused() -> None:
    made = plan()
    log = daily(made, [0.0] * 14)
    open_end = replace(log, looks=(*log.looks[:-1], replace(log.looks[-1], closing=None)))
    early = replace(log, looks=(replace(log.looks[0], closing="days"),))

    for forged in (open_end, early):
        with pytest.raises(BadLook, match="the plan's calendar says"):
            forged.check(made)


def test_a_plan_changed_after_the_start_is_refused() -> None:
    log = daily(plan(), [0.0, 0.0])
    other = plan(n_max=56_000)

    with pytest.raises(PlanChanged, match="start a new epoch"):
        log.add(other, look(other, 3))
    assert log.plan == fingerprint(plan())


def test_arms_and_metrics_must_be_the_plans() -> None:
    made = plan()
    fits = look(made, 1)

    for wrong in (
        replace(fits, counts=fits.counts[:1]),
        replace(fits, parts=(TrafficPart("web", (1, 2, 3)),)),
        replace(fits, evidence=(evidence("guess", "coupon", 1.0, 1),)),
        replace(fits, evidence=(evidence("conversion_rate", "control", 1.0, 1),)),
    ):
        with pytest.raises(UnknownArm, match="look: "):
            LookLog.begin(made).add(made, wrong)


FLAT = Contrast(1.0, 1.1, 0.01, 0.01)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Evidence("m", "a", math.nan, FLAT, 10), NotANumber),
        (lambda: Evidence("m", "a", 1.0, Contrast(1.0, 1.1, 0.0, 0.0), 10), ZeroVariance),
        (lambda: Evidence("m", "a", 1.0, FLAT, -1), NotANumber),
        (lambda: Evidence("m", "a", 1.0, FLAT, 10, events=(-1, 2)), NotANumber),
        (lambda: Evidence("m", "a", 1.0, FLAT, 10, skew=math.nan), NotANumber),
        (lambda: Contrast(math.inf, 1.0, 0.1, 0.1), BadSummary),
        (lambda: Contrast(1.0, 1.0, -0.1, 0.1), BadSummary),
        (lambda: Contrast(1.0, 1.0, 0.1, 0.1, df=0.0), BadSummary),
        (lambda: ArmCount("a", -1), NotANumber),
        (lambda: ArmCount("a", 10, 11), NotANumber),
        (lambda: ArmCount("a", 10, alarm_units=3, alarm_converters=4), NotANumber),
        (lambda: ArmCount("a", 10, alarm_converters=1), NotANumber),
        (lambda: TrafficPart("web", (1, -1)), NotANumber),
        (lambda: Look("yesterday", 1, ()), BadLook),
        (lambda: Look("2026-11-02", 0, ()), BadLook),
    ],
)
def test_figures_that_are_none_are_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]  # each is a call


def test_figures_at_their_bounds_are_taken() -> None:
    none = ArmCount("a", 0, 0, 0, 0, 0, 0)
    all_bought = ArmCount("a", 10, 10, 25, 12, 3, 3)
    part = TrafficPart("web", (0, 3))

    assert none.exposed == 0
    assert (all_bought.converters, all_bought.alarm_converters, all_bought.exposed) == (10, 3, 12)
    assert ArmCount("a", 10).exposed == 10
    assert part.units == (0, 3)
    assert Look("2026-11-02", 1, (all_bought, replace(all_bought, arm="b"))).units == 20


@pytest.mark.parametrize(
    "name", ["units", "converters", "orders", "entered", "alarm_units", "alarm_converters"]
)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_count_is_finite_and_not_below_zero(name: str, value: float) -> None:
    with pytest.raises(NotANumber, match=f"a.{name}"):
        ArmCount(**{"arm": "a", "units": 10, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("units", [(), (1, -1), (1, math.inf)])
def test_a_part_of_the_traffic_has_a_count_for_each_arm(units: tuple[int, ...]) -> None:
    with pytest.raises(NotANumber, match="traffic part web"):
        TrafficPart("web", units)


@pytest.mark.parametrize(("units", "most"), [(None, 0), (0, 0), (5, 5)])
def test_buyers_of_one_day_are_at_most_the_units_that_had_one(units: int | None, most: int) -> None:
    with pytest.raises(NotANumber, match=rf"alarm_converters.*at most {most}\b"):
        ArmCount("control", 10, alarm_units=units, alarm_converters=most + 1)


def test_of_several_that_are_given_twice_the_first_is_named() -> None:
    made = plan(metrics=(CR, RPV))
    found = [evidence(name, "coupon", 1.0, 7) for name in ("conversion_rate", RPV.name)]

    with pytest.raises(BadLook, match=r"day 7: has evidence on conversion_rate of coupon twice"):
        LookLog.begin(made).add(made, look(made, 7, *found, *found))


def test_a_name_that_is_not_there_is_named_with_those_that_are() -> None:
    made = plan(metrics=(CR, RPV))
    day = look(made, 7, evidence("conversion_rate", "coupon", 1.0, 7))
    facts = decide(made, LookLog.begin(made).add(made, day)).facts

    with pytest.raises(UnknownArm, match=r"arm 'nobody'.*control.*coupon"):
        day.count("nobody")
    with pytest.raises(UnknownArm, match=r"metric 'nothing'.*conversion_rate.*revenue_per_visitor"):
        made.metric("nothing")
    with pytest.raises(UnknownArm, match=r"'nothing of coupon'.*conversion_rate of coupon"):
        facts.arm("coupon", "nothing")
    with pytest.raises(UnknownArm, match=r"'conversion_rate of coupon'.*revenue_per_visitor of"):
        facts.guardrail("coupon", "conversion_rate")
    assert facts.arm("coupon", "conversion_rate").metric == "conversion_rate"
    assert facts.guardrail("coupon", "revenue_per_visitor").arm == "coupon"

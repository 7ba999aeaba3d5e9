"""Plans and metrics on both sides of every bound, and what follows from a plan."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fairlift_stats.sequential.errors import BadLevel, BadPlan, FlatPrior
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.plan import (
    SequentialMetric,
    SequentialPlan,
    daily_level,
    guardrail_level,
    harm_side,
    success_side,
)

from tests.stats.sequential.shop import CR, RPV, plan

CART = SequentialMetric("cart_rate")
TICKET = SequentialMetric("average_ticket", role="guardrail", margin=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 1e-6},
        {"alpha": 0.999},
        {"power": 0.01},
        {"power": 0.999},
        {"loss_threshold": 1e-9},
        {"loss_threshold": 0.999},
        {"sides": 1},
        {"sides": 2},
        {"reserve_alpha": 0.0},
        {"reserve_alpha": 0.0499},
        {"prior_sd": None},
        {"prior_sd": 1e-9},
        {"n_max": 2},
        {"drift": 1e-6},
        {"shares": (0.5, 0.5 + 9e-7)},
        {"shares": (0.999, 0.001)},
        {"minimum_converters": 0},
        {"minimum_orders": 0},
        {"window_days": 0},
        {"window_days": 90},
        {"minimum_days": 0, "maximum_days": 1},
        {"minimum_days": 7, "maximum_days": 7},
        {"maximum_days": None},
        {"looks": (1.0,)},
        {"looks": (1e-6, 1.0)},
        {"engine": "exact_conversion", "planned_converters": 1},
    ],
    ids=str,
)
def test_a_plan_just_inside_its_bounds_is_taken(changes: dict[str, Any]) -> None:
    made = plan(**changes)

    assert {name: getattr(made, name) for name in changes} == changes


@pytest.mark.parametrize(
    ("changes", "error", "what"),
    [
        ({"alpha": 0.0}, BadLevel, "alpha"),
        ({"alpha": 1.0}, BadLevel, "alpha"),
        ({"power": 0.0}, BadLevel, "power"),
        ({"power": 1.0}, BadLevel, "power"),
        ({"loss_threshold": 0.0}, BadLevel, "loss_threshold"),
        ({"loss_threshold": 1.0}, BadLevel, "loss_threshold"),
        ({"sides": 0}, BadPlan, "sides: is 0"),
        ({"sides": 3}, BadPlan, "sides: is 3"),
        ({"reserve_alpha": -0.01}, BadPlan, "reserve_alpha: is -0.01"),
        ({"reserve_alpha": 0.05}, BadPlan, "reserve_alpha: is 0.05"),
        ({"reserve_alpha": 0.01, "engine": "fixed"}, BadPlan, "only a group sequential plan"),
        ({"prior_sd": 0.0}, BadPlan, "prior_sd: is 0.0"),
        ({"prior_sd": math.inf}, BadPlan, "prior_sd: is inf"),
        ({"prior_sd": 0.0, "engine": "bayes_expected_loss"}, FlatPrior, "prior_sd"),
        ({"n_max": 1}, BadPlan, "n_max: is 1"),
        ({"n_max": 2.5}, BadPlan, "n_max: is 2.5"),
        ({"n_max": math.inf}, BadPlan, "n_max: is inf"),
        ({"drift": 0.0}, BadPlan, "drift: is 0.0"),
        ({"drift": math.inf}, BadPlan, "drift: is inf"),
        ({"shares": (0.5, 0.5 + 2e-6)}, BadPlan, "must sum to 1"),
        ({"shares": (0.5, 0.5 - 2e-6)}, BadPlan, "must sum to 1"),
        ({"shares": (1.0, 0.0)}, BadPlan, "one positive share per arm"),
        ({"shares": (0.5, 0.25, 0.25)}, BadPlan, "one positive share per arm"),
        ({"minimum_converters": -1}, BadPlan, "minimum_converters: is -1"),
        ({"minimum_orders": math.inf}, BadPlan, "minimum_orders: is inf"),
        ({"window_days": -1}, BadPlan, "window_days: is -1"),
        ({"window_days": 0.5}, BadPlan, "window_days: is 0.5"),
        ({"minimum_days": math.inf}, BadPlan, "minimum_days: is inf"),
        ({"minimum_days": 0, "maximum_days": 0}, BadPlan, "must be at least 1"),
        ({"minimum_days": 8, "maximum_days": 7}, BadPlan, "must be at least 8"),
        ({"maximum_days": math.inf}, BadPlan, "maximum_days: is inf"),
        ({"looks": (0.0, 1.0)}, BadPlan, "must rise from above 0 to 1"),
        ({"looks": (0.5, 0.5, 1.0)}, BadPlan, "must rise from above 0 to 1"),
        ({"looks": (0.5, 0.99)}, BadPlan, "must rise from above 0 to 1"),
        ({"looks": (0.5, 1.01)}, BadPlan, "must rise from above 0 to 1"),
        ({"rule_version": 0}, BadPlan, "rule_version: is 0"),
        ({"rule_version": 2}, BadPlan, "rule_version: is 2"),
        ({"engine": "exact_conversion", "planned_converters": 0}, BadPlan, "planned_converters"),
        ({"arms": (), "n_max": 10}, BadPlan, "arms: are"),
        ({"arms": ("control",)}, BadPlan, "arms: are"),
        ({"arms": ("a", "b", "b")}, BadPlan, "arms: are"),
    ],
    ids=str,
)
def test_a_plan_just_outside_its_bounds_is_refused(
    changes: dict[str, Any], error: type[Exception], what: str
) -> None:
    with pytest.raises(error, match=what):
        plan(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "guardrail", "margin": 1e-9},
        {"role": "guardrail", "margin": 0.999},
        {"role": "guardrail", "absolute_margin": 1e-9},
        {"role": "guardrail", "absolute_margin": 500.0},
        {"minimum_effect": 1e-9},
        {"minimum_effect": 5.0},
        {"role": "secondary"},
    ],
    ids=str,
)
def test_a_metric_just_inside_its_bounds_is_taken(changes: dict[str, Any]) -> None:
    metric = SequentialMetric("m", **changes)

    assert {name: getattr(metric, name) for name in changes} == changes


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"role": "guardrail", "margin": 0.0}, r"margin is 0.0, must be in \(0, 1\)"),
        ({"role": "guardrail", "margin": 1.0}, r"margin is 1.0, must be in \(0, 1\)"),
        ({"role": "guardrail", "absolute_margin": 0.0}, "absolute_margin is 0.0"),
        ({"role": "guardrail", "absolute_margin": math.inf}, "absolute_margin is inf"),
        ({"role": "guardrail"}, "found 0"),
        ({"role": "guardrail", "margin": 0.1, "absolute_margin": 0.1}, "found 2"),
        ({"role": "secondary", "margin": 0.1}, "only a guardrail has a margin"),
        ({"role": "primary", "absolute_margin": 0.1}, "only a guardrail has a margin"),
        ({"minimum_effect": 0.0}, "minimum_effect is 0.0"),
        ({"minimum_effect": math.inf}, "minimum_effect is inf"),
    ],
    ids=str,
)
def test_a_metric_just_outside_its_bounds_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(BadPlan, match=what):
        SequentialMetric("m", **changes)


def test_a_plan_that_says_little_has_the_documented_values() -> None:
    made = SequentialPlan(("control", "b", "c"), (CR,), 9000)

    assert made.shares == pytest.approx((1 / 3,) * 3)
    assert (made.engine, made.decide, made.window_days, made.minimum_days) == (
        "group_sequential", "weekly", 0, 7,
    )  # fmt: skip
    assert (made.alpha, made.sides, made.power) == (0.05, 2, 0.8)
    assert (made.minimum_converters, made.minimum_orders) == (25, 100)
    assert (made.spending, made.futility) == (Spending("hsd", -4.0), Spending("hsd", -2.0))
    assert made.harm_spending == Spending("lan_demets_pocock")
    assert (made.reserve_alpha, made.prior_sd, made.loss_threshold) == (0.0, 0.03, 0.001)
    assert (made.maximum_days, made.planned_converters, made.drift) == (None, None, None)
    assert (made.currency, made.rule_version) == ("EUR", 1)
    metric = SequentialMetric("m")
    assert (metric.role, metric.direction, metric.unit, metric.needs, metric.among_buyers) == (
        "primary", "higher", "share", "converters", False,
    )  # fmt: skip


def test_the_arms_and_metrics_of_a_plan_have_their_parts() -> None:
    made = plan(arms=("control", "a", "b"), metrics=(CR, RPV, CART, TICKET), n_max=200)

    assert (made.control, made.treatments) == ("control", ("a", "b"))
    assert (made.primaries, made.guardrails) == ((CR, CART), (RPV, TICKET))
    assert made.comparisons == 4
    assert made.metric("cart_rate") is CART
    assert [made.information(units) for units in (0, 50, 200, 300)] == [0.0, 0.25, 1.0, 1.5]


def test_the_error_is_shared_as_the_rule_says() -> None:
    """Alpha .05 over two treatments, two primaries and two guardrails."""
    made = plan(arms=("control", "a", "b"), metrics=(CR, RPV, CART, TICKET))

    # Success .025 over 2 treatments times 2 primaries; harm 96 % of as much.
    assert made.level == pytest.approx(0.025 / 4)
    assert success_side(made) == Side(made.spending, made.level)
    assert harm_side(made) == Side(made.harm_spending, 0.96 * made.level)
    # Guardrails .025 over 2 treatments times 2 guardrails.
    assert guardrail_level(made) == pytest.approx(0.025 / 4)
    # Daily 4 % of .025, over 2 treatments times 2 primaries and the built-in alarm.
    assert daily_level(made) == pytest.approx(0.001 / 6)
    one_sided = plan(sides=1)
    assert (one_sided.level, harm_side(one_sided)) == (0.05, None)
    assert plan(reserve_alpha=0.01).level == pytest.approx(0.02)
    assert success_side(plan(engine="fixed")).spending == Spending("at_the_end")


@pytest.mark.parametrize(
    ("engine", "own", "by_units", "furthest"),
    [
        ("group_sequential", False, True, 1.0),
        ("fixed", False, True, 1.0),
        ("bayes_expected_loss", False, True, 1.0),
        ("yeast", True, True, 1.0),
        ("always_valid", True, False, math.inf),
        ("exact_conversion", True, False, math.inf),
    ],
)
def test_engines_differ_in_their_lines_and_their_end(
    engine: str, own: bool, by_units: bool, furthest: float
) -> None:
    made = plan(engine=engine, planned_converters=800)

    assert (made.has_own_lines, made.ends_by_units, made.furthest) == (own, by_units, furthest)
    assert plan(reserve_alpha=0.01).furthest == 2.0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"decide": "weekly", "maximum_days": 28}, (7, 14, 21, 28)),
        ({"decide": "weekly", "maximum_days": 27}, (7, 14, 21, 27)),
        ({"decide": "weekly", "maximum_days": 28, "minimum_days": 0}, (7, 14, 21, 28)),
        ({"decide": "weekly", "maximum_days": 28, "minimum_days": 8}, (14, 21, 28)),
        ({"decide": "weekly", "maximum_days": 28, "minimum_days": 14}, (14, 21, 28)),
        ({"decide": "weekly", "maximum_days": 28, "minimum_days": 15}, (21, 28)),
        ({"decide": "weekly", "maximum_days": None}, (7, 14, 21, 28)),
        ({"decide": "daily", "maximum_days": 4, "minimum_days": 0}, (1, 2, 3, 4)),
        ({"decide": "daily", "maximum_days": 4, "minimum_days": 2}, (2, 3, 4)),
        ({"decide": "daily", "maximum_days": 4, "minimum_days": 4}, (4,)),
        ({"decide": "weekly", "engine": "yeast", "maximum_days": 9}, (7, 8, 9)),
    ],
    ids=str,
)
def test_planned_looks_are_the_judging_days(
    changes: dict[str, Any], expected: tuple[int, ...]
) -> None:
    made = plan(**changes)

    days = made.maximum_days or 28
    assert made.looks == pytest.approx([day / days for day in expected])
    assert replace(made, looks=()).looks == made.looks

"""Engines without a line to give up at: the chance to win decides, by the book's formulas."""

import math
from typing import Any

import pytest
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.plan import SequentialPlan
from scipy.optimize import brentq
from scipy.stats import norm

from tests.stats.verdict.standings import N_MAX, plan, standing

DRIFT = 2.8
# YEAST's level for .05 on two sides; a fixed test's.
LEVEL = {"fixed": norm.isf(0.025), "yeast": norm.isf(0.0125)}


def race(engine: str, **changes: Any) -> SequentialPlan:
    return plan(engine=engine, drift=DRIFT, **changes)


def chance(engine: str, z: float, t: float) -> float:
    """To end above the level (fixed), or to reach it on the way (reflection principle)."""
    away, left = LEVEL[engine] - z * math.sqrt(t), 1 - t
    found = norm.cdf((DRIFT * left - away) / math.sqrt(left))
    if engine == "yeast":
        found += math.exp(2 * DRIFT * away) * norm.cdf((-away - DRIFT * left) / math.sqrt(left))
    return float(found)


def gives_up(engine: str, z: float, t: float, *, day: int = 7, **changes: Any) -> bool:
    return standing(race(engine, **changes), day, z, round(N_MAX * t)).gives_up


@pytest.mark.parametrize("engine", ["fixed", "yeast"])
@pytest.mark.parametrize("t", [0.05, 0.25, 0.6, 0.9, 0.97])
def test_a_race_is_given_up_below_a_tenth_of_a_chance_at_every_time(engine: str, t: float) -> None:
    def beyond_a_tenth(z: float) -> float:
        return chance(engine, z, t) - 0.1

    z = brentq(beyond_a_tenth, -15.0, LEVEL[engine] / math.sqrt(t))

    assert gives_up(engine, z - 1e-4, t)
    assert not gives_up(engine, z + 1e-4, t)


@pytest.mark.parametrize("engine", ["fixed", "yeast"])
def test_no_difference_late_is_hopeless_and_early_is_not(engine: str) -> None:
    for t in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert gives_up(engine, 0.0, t) == (chance(engine, 0.0, t) < 0.1)
    assert chance(engine, 0.0, 0.1) > 0.1 > chance(engine, 0.0, 0.9)


def test_a_huge_drift_does_not_overflow() -> None:
    """exp(2 drift away) alone is beyond the largest double; its product with the tail is not."""
    drift, t = 40.0, 0.5
    # First term and reflection together: Phi(-u) + exp(2 a d) Phi(-v), v^2 - u^2 = 4 a d.
    low, high = -40.0, 0.0

    def chance_of(z: float) -> float:
        away, left = LEVEL["yeast"] - z * math.sqrt(t), 1 - t
        u, v = ((away + sign * drift * left) / math.sqrt(left) for sign in (-1, 1))
        return float(norm.cdf(-u) + math.exp(2 * drift * away + norm.logcdf(-v)))

    z = brentq(lambda z: chance_of(z) - 0.1, low, high)

    assert 2 * drift * (LEVEL["yeast"] - z * math.sqrt(t)) > 710
    made = plan(engine="yeast", drift=drift)
    assert standing(made, 7, z - 1e-4, N_MAX // 2).gives_up
    assert not standing(made, 7, z + 1e-4, N_MAX // 2).gives_up


def test_one_that_is_near_its_level_is_not_given_up() -> None:
    for t in (0.25, 0.9, 0.999):
        near = (LEVEL["yeast"] - 0.01) / math.sqrt(t)
        assert not gives_up("yeast", near, t)
        assert not gives_up("yeast", near + 0.02, t)


@pytest.mark.parametrize("engine", ["fixed", "yeast"])
@pytest.mark.parametrize("t", [1.0, 1.25, 3.0])
def test_beyond_the_planned_units_nothing_is_left_to_hope_for_or_to_give_up(
    engine: str, t: float
) -> None:
    # In the middle of a week the planned units do not end the campaign.
    assert not gives_up(engine, -3.0, t, day=9)


@pytest.mark.parametrize("engine", ["fixed", "yeast"])
def test_what_has_ended_or_cannot_be_judged_is_not_given_up(engine: str) -> None:
    assert gives_up(engine, -3.0, 0.5)
    assert not gives_up(engine, -3.0, 0.5, futility=None)
    assert not gives_up(engine, -3.0, 0.5, day=28)
    few = standing(race(engine), 7, -3.0, N_MAX // 2, events=(500, 24))
    assert not few.gives_up
    metric = type(race(engine).metrics[0])("conversion_rate", needs="orders")
    uneven = race(engine, shares=(0.9, 0.1), metrics=(metric,))
    assert standing(uneven, 7, -2.0, N_MAX // 2, skew=0.05).gives_up
    assert not standing(uneven, 7, -2.0, N_MAX // 2, skew=0.07).gives_up


@pytest.mark.parametrize("engine", ["always_valid", "exact_conversion", "bayes_expected_loss"])
def test_other_engines_never_ask_for_it(engine: str) -> None:
    more = {"planned_converters": 400} if engine == "exact_conversion" else {}
    made = race(engine, **more)

    assert not standing(made, 9, -3.0, N_MAX // 2).gives_up


def test_the_drift_is_the_one_that_the_plan_is_sized_for() -> None:
    made = plan(engine="fixed", alpha=0.05, power=0.8)

    assert with_drift(made).drift == pytest.approx(norm.isf(0.025) + norm.ppf(0.8), abs=1e-3)

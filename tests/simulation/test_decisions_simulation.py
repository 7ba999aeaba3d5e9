"""The decision against its promises, in short; `make calibrate` runs the same at length."""

import numpy as np
import pytest
from scipy import stats

from tests.simulation.decision_sections import WEEKDAYS
from tests.simulation.decisions import (
    Shop,
    guardrail_verdicts,
    lift_coverage,
    outcomes,
    reversals,
    share,
    two_arms,
)


def bounds(rate: float, runs: int) -> tuple[float, float]:
    """Where a share lies in all but one of a thousand simulations, if this is the rate."""
    low, high = stats.binom.interval(0.999, runs, rate)
    return low / runs, high / runs


@pytest.mark.parametrize(("lift", "units"), [(0.0, 10_000), (1.0, 4_000), (-0.3, 10_000)])
def test_lifts_as_printed_hold_at_the_rate_that_is_promised(lift: float, units: int) -> None:
    runs = 150
    found = lift_coverage(lift, runs, np.random.default_rng(41), units=units)

    low, _ = bounds(0.95, runs)
    assert found.every_look >= low
    assert found.at_stop >= low
    least, most = bounds(0.5, runs)
    assert least <= found.below <= most


@pytest.mark.parametrize(
    ("harms", "expected"),
    # Without a difference: power of the safe line at a drift of 3.29 / sqrt((1 + 0.9^2) / 2), as
    # 10 % of the control is allowed for; by scipy's multivariate normal, at four equal looks.
    [(((1.0,),), 0.05), (((0.0,),), 0.963), (((1.0,), (1.0,)), 0.095)],
    ids=["at the margin", "no difference", "two treatments at the margin"],
)
def test_guardrails_ship_as_often_as_the_design_simulated(
    harms: tuple[tuple[float, ...], ...], expected: float
) -> None:
    runs = 800
    found = guardrail_verdicts(harms, runs, np.random.default_rng(42))

    low, high = bounds(expected, runs)
    assert low <= share(found, "ship") <= high


def test_guardrails_beyond_their_margin_ship_nothing_and_raise_the_alarm() -> None:
    twice = guardrail_verdicts(((2.0,),), 300, np.random.default_rng(43))
    half = guardrail_verdicts(((0.5,),), 300, np.random.default_rng(44))

    assert share(twice, "ship") <= 0.01
    assert share(twice, "stop_harm") >= bounds(0.86, 300)[0]
    # .005 in the design: a loss inside the margin is no harm.
    assert share(half, "stop_harm") <= bounds(0.005, 300)[1]


def test_nothing_is_shipped_or_stopped_more_often_than_promised() -> None:
    runs = 200
    found = outcomes(
        two_arms(window_days=3),
        Shop.steady(0.03, 0.0, a_day=500),
        runs,
        np.random.default_rng(45),
    )

    assert share(found, "ship") <= bounds(0.025, runs)[1]
    assert share(found, "stop_harm") <= bounds(0.025, runs)[1]
    assert {v.kind for v in found} <= {"ship", "stop_harm", "stop_futile", "inconclusive"}


def test_an_effect_of_weekdays_is_not_shipped_by_whole_weeks() -> None:
    runs = 150
    plan = two_arms(n_max=800_000, window_days=3)
    found = outcomes(plan, Shop(0.03, (WEEKDAYS,), 14_286), runs, np.random.default_rng(46))

    assert share(found, "ship") <= bounds(0.026, runs)[1]


def test_no_decision_is_ever_taken_back() -> None:
    rng = np.random.default_rng(47)
    plan = two_arms(window_days=3)

    assert reversals(plan, Shop.steady(0.1, 0.3, a_day=500), 8, rng) == 0
    assert reversals(plan, Shop.steady(0.03, -0.3, a_day=500), 8, rng) == 0

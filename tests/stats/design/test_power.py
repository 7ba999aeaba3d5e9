"""How many visitors and weeks a test needs, and the effect it could see."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats import BadQuestion, NoEstimate, Summary
from fairlift_stats.design.duration import Traffic, duration, mde_by_week
from fairlift_stats.design.power import (
    PowerDesign,
    Variability,
    cohen_h_units,
    mde,
    power_of_t,
    rate_power,
    rate_units,
    t_mde,
    t_units,
    units_needed,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

from tests.stats.strategies import shop


def test_power_of_t_agrees_with_statsmodels() -> None:
    for n, effect, ratio in ((20, 1.0, 1.0), (60, 0.3, 2.0), (15, 0.05, 0.5)):
        expected = TTestIndPower().power(effect, n, 0.05, ratio)
        design = PowerDesign(ratio=ratio)
        assert power_of_t(n, effect, 1.0, design) == pytest.approx(expected, abs=1e-9)
    one = TTestIndPower().power(0.5, 30, 0.05, 1.0, alternative="larger")
    assert power_of_t(30, 0.5, 1.0, PowerDesign(one_sided=True)) == pytest.approx(one, abs=1e-9)
    assert power_of_t(10_000, 1.0, 1.0) == 1.0


@given(st.floats(0.02, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 0.95))
def test_t_units_and_t_mde_undo_each_other(effect: float, ratio: float, power: float) -> None:
    design = PowerDesign(ratio=ratio, power=power)

    n = t_units(effect, 1.0, design)

    if n > 3 / (1 + ratio):
        assert power_of_t(n, effect, 1.0, design) == pytest.approx(power, abs=1e-6)
        assert t_mde(n, 1.0, design) == pytest.approx(effect, rel=1e-5)


def test_an_enormous_effect_needs_no_more_than_exists() -> None:
    assert t_units(50.0, 1.0, PowerDesign(power=0.3)) == 1.5


@given(st.floats(0.01, 5.0), st.floats(0.2, 5.0), st.floats(0.1, 0.95))
def test_units_and_mde_undo_each_other(effect: float, ratio: float, power: float) -> None:
    spread, design = Variability(10.0, 4.0), PowerDesign(ratio=ratio, power=power)

    assert mde(spread, units_needed(spread, effect, design), design) == pytest.approx(effect)


def test_rates_need_what_statsmodels_and_r_say() -> None:
    # R: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7.
    assert rate_units(0.5, 0.75, PowerDesign(power=0.9)) == pytest.approx(76.7, abs=0.05)
    n = rate_units(0.03, 0.033)
    assert rate_power(0.03, 0.033, n) == pytest.approx(0.8)
    for power in (0.2, 0.8):
        expected = NormalIndPower().solve_power(
            proportion_effectsize(0.033, 0.03), alpha=0.05, power=power
        )
        design = PowerDesign(power=power)
        assert cohen_h_units(0.03, 0.033, design) == pytest.approx(expected, rel=1e-6)


def test_one_sided_questions_need_less_and_more_arms_more() -> None:
    spread = Variability(10.0, 400.0)

    plain = units_needed(spread, 1.0)

    assert units_needed(spread, 1.0, PowerDesign(one_sided=True)) < plain
    assert plain < units_needed(spread, 1.0, PowerDesign(treatments=3))
    bonferroni = units_needed(spread, 1.0, PowerDesign(alpha=0.05 / 3))
    assert units_needed(spread, 1.0, PowerDesign(treatments=3)) < bonferroni
    assert cohen_h_units(0.03, 0.04, PowerDesign(one_sided=True)) < cohen_h_units(0.03, 0.04)


def test_a_margin_is_room_to_see() -> None:
    spread, design = Variability(10.0, 400.0), PowerDesign(one_sided=True)

    assert units_needed(spread, 0.0, design, margin=1.0) == pytest.approx(
        units_needed(spread, 1.0, design)
    )
    assert rate_units(0.1, 0.1, design, margin=0.01) == pytest.approx(
        (stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) ** 2 * 2 * 0.09 / 0.0001
    )
    with pytest.raises(BadQuestion, match="nothing is left to detect"):
        units_needed(spread, -1.0, design, margin=1.0)


def test_a_covariate_saves_what_it_explains() -> None:
    spread = Variability(10.0, 400.0)

    assert units_needed(spread.explained(0.6), 1.0) == pytest.approx(
        0.64 * units_needed(spread, 1.0)
    )
    assert spread.cv == 2.0
    assert Variability(0.0, 1.0).cv == math.inf


def test_spreads_come_from_history() -> None:
    rows = shop(2000, conversion=0.2)
    summary = Summary.from_rows(rows)

    mean = Variability.of_mean(summary, "revenue")
    ratio = Variability.of_ratio(summary, "revenue", "orders")

    assert mean.variance == pytest.approx(np.var(rows["revenue"], ddof=1))
    residual = rows["revenue"] - ratio.mean * rows["orders"]
    assert ratio.variance == pytest.approx(np.var(residual, ddof=1) / rows["orders"].mean() ** 2)
    with pytest.raises(NoEstimate, match="no ratio"):
        Variability.of_ratio(Summary.from_rows({"a": [1, 2], "b": [0, 0]}), "a", "b")


@pytest.mark.parametrize(
    "build",
    [
        lambda: PowerDesign(alpha=0),
        lambda: PowerDesign(power=0.01),
        lambda: PowerDesign(ratio=0),
        lambda: PowerDesign(treatments=0),
        lambda: Variability(math.nan, 1),
        lambda: Variability(1, 0),
        lambda: Variability(1, 1).explained(1.0),
        lambda: units_needed(Variability(1, 1), 0.0),
        lambda: units_needed(Variability(1, 1), math.nan),
        lambda: mde(Variability(1, 1), 0),
        lambda: rate_units(0.0, 0.1),
        lambda: power_of_t(0.5, 1.0, 1.0),
        lambda: Traffic(()),
        lambda: Traffic((0.0, 5.0)),
        lambda: Traffic((9.0, 5.0)),
        lambda: Traffic((9.0,), allocated=0.0),
        lambda: duration(0, Traffic((9.0,))),
        lambda: duration(5, Traffic((9.0,)), at_most=0),
        lambda: mde_by_week(Variability(0, 1), Traffic((9.0,)), [1]),
        lambda: mde_by_week(Variability(1, 1), Traffic((9.0,)), [0]),
    ],
)
def test_designs_that_cannot_be_are_refused(build: Any) -> None:
    with pytest.raises(BadQuestion):
        build()


CURVE = Traffic((10_000, 18_000, 25_000, 31_000), allocated=0.5)


def test_weeks_are_whole_and_at_least_two() -> None:
    assert duration(100, CURVE).weeks == 2
    assert duration(12_500, CURVE).weeks == 3
    assert duration(12_501, CURVE).weeks == 4


def test_one_week_is_allowed_with_a_warning() -> None:
    found = duration(100, CURVE, allow_one=True)

    assert found.weeks == 1
    assert "each weekday once" in found.warning


def test_beyond_the_curve_its_last_week_goes_on() -> None:
    assert CURVE.entered(6) == pytest.approx((31_000 + 2 * 6_000) / 2)
    assert Traffic((10_000,)).entered(3) == 30_000


def test_out_of_reach_says_what_to_do() -> None:
    found = duration(10**9, CURVE)

    assert found.weeks is None
    assert "use a covariate" in found.warning


def test_effects_to_be_seen_shrink_with_the_weeks() -> None:
    found = mde_by_week(Variability(3.0, 400.0), CURVE, [1, 2, 4, 8])

    assert list(found) == [1, 2, 4, 8]
    assert sorted(found.values(), reverse=True) == list(found.values())

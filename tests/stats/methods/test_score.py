"""Score intervals: the roots of the score equation, at every count, even where packages fail."""

import math

import numpy as np
import pytest
from fairlift_stats import BadQuestion, BadSummary, TooFewUnits
from fairlift_stats.methods import score
from fairlift_stats.methods.one_rate import critical_z
from fairlift_stats.methods.two_rates import (
    TwoRates,
    agresti_caffo,
    exact_p,
    katz,
    newcombe,
    rate_non_inferior,
    score_difference,
    score_p,
    score_ratio,
    wald,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from tests.stats.strategies import two_counts

Z = critical_z(0.95)


def _textbook_z(ratio: float, xt: int, nt: int, xc: int, nc: int) -> float:
    """Miettinen and Nurminen's statistic, written out as their paper does."""
    n = nt + nc
    a, b, c = n * ratio, -(nt * ratio + xt + nc + xc * ratio), xt + xc
    pc = (-b - math.sqrt(max(b * b - 4 * a * c, 0))) / (2 * a)
    pt = ratio * pc
    variance = (pt * (1 - pt) / nt + ratio**2 * pc * (1 - pc) / nc) * n / (n - 1)
    return (xt / nt - ratio * xc / nc) / math.sqrt(variance)


@given(two_counts())
@settings(max_examples=300)
@example((4, 4, 0, 3))  # every unit against none
@example((0, 41, 2, 2))
@example((3, 3, 0, 53))
@example((36, 40, 16, 80))
def test_limits_of_the_ratio_are_where_the_textbook_statistic_is_critical(
    counts: tuple[int, int, int, int],
) -> None:
    xt, _, xc, _ = counts
    interval = score_ratio(TwoRates(*counts))

    assert (interval.low == 0) == (xt == 0)
    assert math.isinf(interval.high) == (xc == 0)
    for limit, z in ((interval.low, Z), (interval.high, -Z)):
        if 0 < limit < math.inf:
            # The statistic jumps at the edge of the sample space: bracket rather than equate.
            below, above = (_textbook_z(limit * f, *counts) for f in (1 - 1e-6, 1 + 1e-6))
            assert below >= z - 1e-7
            assert above <= z + 1e-7


@given(two_counts())
@settings(max_examples=300)
@example((9, 9, 23, 23))
@example((0, 18, 55, 56))
@example((0, 10, 0, 20))
def test_limits_of_the_difference_are_where_the_farrington_manning_statistic_is_critical(
    counts: tuple[int, int, int, int],
) -> None:
    arrays = TwoRates(*counts).counts
    interval = score_difference(TwoRates(*counts))

    assert -1 <= interval.low < interval.high <= 1
    for limit, z in ((interval.low, Z), (interval.high, -Z)):
        if abs(limit) < 1:
            below, above = (
                float(score.difference_z(*arrays, np.array([limit + step]))[0])
                for step in (-1e-7, 1e-7)
            )
            assert below >= z - 1e-4
            assert above <= z + 1e-4


@given(two_counts())
def test_swapping_the_arms_mirrors_the_intervals(counts: tuple[int, int, int, int]) -> None:
    xt, nt, xc, nc = counts
    here, there = TwoRates(xt, nt, xc, nc), TwoRates(xc, nc, xt, nt)

    gap, back = score_difference(here), score_difference(there)
    assert (gap.low, gap.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    ratio, inverse = score_ratio(here), score_ratio(there)
    assert ratio.low * inverse.high == pytest.approx(1, rel=1e-9) or ratio.low == 0
    assert score_p(here)[1] == pytest.approx(score_p(there)[1], rel=1e-12)


@given(two_counts(most=2000), st.sampled_from([0.8, 0.95, 0.999]))
def test_both_intervals_leave_out_no_effect_exactly_when_p_is_small(
    counts: tuple[int, int, int, int], confidence: float
) -> None:
    rates = TwoRates(*counts)
    p = score_p(rates)[1]

    if abs(p - (1 - confidence)) < 1e-9:
        return  # a tie that rounding decides
    rejected = p < 1 - confidence
    assert (0 not in score_difference(rates, confidence=confidence)) == rejected
    assert (1 not in score_ratio(rates, confidence=confidence)) == rejected


@pytest.mark.parametrize(
    "counts", [(156, 2380, 120, 2400), (4, 20, 1, 20), (56, 70, 48, 80), (36, 40, 16, 80)]
)
def test_ratio_agrees_with_statsmodels(counts: tuple[int, int, int, int]) -> None:
    expected = confint_proportions_2indep(*counts, compare="ratio", method="score")

    interval = score_ratio(TwoRates(*counts))

    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-6)


def test_difference_is_right_where_statsmodels_is_wrong() -> None:
    # statsmodels issue 10269: `count0` stands for `nobs0` in its constrained maximum. Newcombe
    # (1998), table II, has 0.0528 and 0.3382 for 56/70 against 48/80.
    low, high = confint_proportions_2indep(56, 70, 48, 80, compare="diff", method="score")

    interval = score_difference(TwoRates(56, 70, 48, 80))

    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0528, 0.3382)
    assert abs(high - 0.3382) > 0.005, "statsmodels is mended: compare with it again"
    assert low == pytest.approx(interval.low, abs=1e-3)


def test_uncorrected_limits_are_koopmans() -> None:
    # Koopman (1984) gives (2.94, 7.15) for 36/40 against 16/80.
    interval = score_ratio(TwoRates(36, 40, 16, 80), corrected=False)

    assert (round(interval.low, 2), round(interval.high, 2)) == (2.94, 7.15)


def test_uncorrected_limits_of_the_difference_are_mees() -> None:
    # Newcombe (1998), table II, method 5: 9/10 against 3/10 has (0.1821, 0.8370).
    interval = score_difference(TwoRates(9, 10, 3, 10), corrected=False)

    assert (round(interval.low, 4), round(interval.high, 4)) == (0.1821, 0.8370)


def test_a_nearly_certain_arm_of_millions_still_has_limits() -> None:
    interval = score_difference(TwoRates(96_476, 96_477, 88_539, 88_540))

    assert interval.low < 0 < interval.high
    assert interval.width < 1e-3


def test_uncorrected_p_is_the_textbooks() -> None:
    z, p = score_p(TwoRates(156, 2380, 120, 2400), corrected=False)

    expected = proportions_ztest([156, 120], [2380, 2400])
    assert (z, p) == pytest.approx(expected)


def test_margin_zero_is_the_test_of_no_difference() -> None:
    rates = TwoRates(156, 2380, 120, 2400)
    z, _ = score_p(rates)

    assert rate_non_inferior(rates, difference=0.0) == pytest.approx(
        rate_non_inferior(rates, ratio=1.0)
    )
    assert float(score.ratio_z(*rates.counts, np.array([1.0]))[0]) == pytest.approx(z)


def test_a_margin_at_a_limit_is_just_not_passed() -> None:
    rates = TwoRates(430, 500, 445, 500)

    ratio, gap = score_ratio(rates).low, score_difference(rates).low

    assert rate_non_inferior(rates, ratio=ratio) == pytest.approx(0.025, abs=1e-9)
    assert rate_non_inferior(rates, difference=gap) == pytest.approx(0.025, abs=1e-9)


def test_a_margin_is_one_of_two_things() -> None:
    rates = TwoRates(430, 500, 445, 500)

    for margins in ({}, {"difference": -0.1, "ratio": 0.9}, {"difference": 1.5}, {"ratio": -1.0}):
        with pytest.raises(BadQuestion, match="give one of them"):
            rate_non_inferior(rates, **margins)  # type: ignore[arg-type]


def test_counts_that_no_arm_has_are_refused() -> None:
    with pytest.raises(BadSummary, match="between 0 and its n"):
        TwoRates(5, 4, 0, 3)
    with pytest.raises(TooFewUnits, match="at least one unit"):
        TwoRates(0, 0, 0, 3)


def test_other_intervals_agree_with_statsmodels() -> None:
    for counts in [(156, 2380, 120, 2400), (4, 20, 1, 20)]:
        rates = TwoRates(*counts)
        for ours, compare, method in [
            (wald(rates), "diff", "wald"),
            (agresti_caffo(rates), "diff", "agresti-caffo"),
            (newcombe(rates), "diff", "newcomb"),
            (katz(rates), "ratio", "log"),
            (katz(rates, adjusted=True), "ratio", "log-adjusted"),
        ]:
            expected = confint_proportions_2indep(*counts, compare=compare, method=method)
            assert (ours.low, ours.high) == pytest.approx(expected, rel=1e-9), method


def test_katz_has_nothing_to_say_at_zero() -> None:
    interval = katz(TwoRates(0, 20, 3, 20))

    assert (interval.low, interval.high) == (0.0, math.inf)
    assert katz(TwoRates(0, 20, 3, 20), adjusted=True).high < math.inf


def test_exact_tests_agree_with_the_lady_who_tasted_tea() -> None:
    # Fisher (1935): 3 of 4 against 1 of 4 has a one-sided p of 17/70.
    tea = TwoRates(3, 4, 1, 4)

    assert exact_p(tea, "fisher", alternative="greater") == pytest.approx(17 / 70)
    assert exact_p(tea, "barnard") <= exact_p(tea, "fisher")
    assert exact_p(tea, "boschloo") <= exact_p(tea, "fisher")
    assert exact_p(TwoRates(0, 5, 0, 6), "barnard") == 1.0


def test_exact_tests_refuse_what_would_take_minutes() -> None:
    with pytest.raises(BadQuestion, match="takes at most 500"):
        exact_p(TwoRates(3, 400, 1, 400), "barnard")
    with pytest.raises(BadQuestion, match="must be fisher"):
        exact_p(TwoRates(3, 4, 1, 4), "mid-p")  # type: ignore[arg-type]


def test_the_constrained_rates_of_the_difference_maximise_the_likelihood() -> None:
    # Independent of the multiplier: the maximum is found by search.
    xt, nt, xc, nc, gap = 5, 56, 2, 29, 0.11

    def slope(p: float) -> float:
        pt = p + gap
        return xt / pt - (nt - xt) / (1 - pt) + xc / p - (nc - xc) / (1 - p)

    pc = brentq(slope, 1e-9, 1 - gap - 1e-9)
    variance = ((pc + gap) * (1 - pc - gap) / nt + pc * (1 - pc) / nc) * (nt + nc) / (nt + nc - 1)
    expected = (xt / nt - xc / nc - gap) / math.sqrt(variance)

    found = score.difference_z(*TwoRates(xt, nt, xc, nc).counts, np.array([gap]))

    assert float(found[0]) == pytest.approx(expected, rel=1e-9)

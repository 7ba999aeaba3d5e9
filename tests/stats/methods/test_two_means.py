"""Two means: Welch, Fieller, margins, equivalence and trimming against independent sources."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from fairlift_stats import BadQuestion, NoEstimate, TooFewUnits
from fairlift_stats.methods.fieller import log_lift_limits
from fairlift_stats.methods.two_means import (
    ArmMoments,
    equivalent,
    lift,
    mean_non_inferior,
    posterior,
    welch,
    yuen,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.weightstats import ttost_ind

A = np.array([19.5, 17.2, 16.8, 22.1, 30.4, 18.8, 15.1, 95.0])
B = np.array([14.2, 13.9, 16.1, 12.7, 18.8, 15.5, 11.9])


def _group(rows: npt.NDArray[np.float64]) -> ArmMoments:
    return ArmMoments(float(rows.mean()), float(rows.var(ddof=1)) / len(rows), len(rows))


groups = st.builds(
    ArmMoments,
    st.floats(0.5, 1e6),
    st.floats(1e-6, 1e6),
    st.integers(2, 10_000),
)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_welch_agrees_with_scipy(confidence: float) -> None:
    expected = stats.ttest_ind(A, B, equal_var=False)

    found = welch(_group(A), _group(B), confidence=confidence)

    assert found.t == pytest.approx(expected.statistic)
    assert found.df == pytest.approx(expected.df)
    assert found.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(confidence)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(interval))


def test_a_group_from_sums_is_the_group_of_rows() -> None:
    found = ArmMoments.of(len(A), A.sum(), (A**2).sum())

    assert found.mean == pytest.approx(A.mean())
    assert found.variance == pytest.approx(A.var(ddof=1) / len(A))


@given(groups, groups)
def test_fieller_limits_invert_the_t_statistic(t: ArmMoments, c: ArmMoments) -> None:
    df = welch(t, c).df
    k = float(stats.t.ppf(0.975, df))
    assume(k * k * c.variance < 0.9 * c.mean**2)

    interval = lift(t, c)

    for limit in (interval.low, interval.high):
        ratio = 1 + limit
        distance = abs(t.mean - ratio * c.mean)
        error = math.sqrt(t.variance + ratio**2 * c.variance)
        assert distance == pytest.approx(k * error, rel=1e-6, abs=1e-9 * c.mean)


@given(groups, groups)
def test_lift_leaves_zero_out_exactly_when_welch_rejects(t: ArmMoments, c: ArmMoments) -> None:
    found = welch(t, c)
    assume(abs(found.p_value - 0.05) > 1e-9)
    try:
        interval = lift(t, c)
    except NoEstimate:
        return

    assert (0 not in interval) == (found.p_value < 0.05)


def test_a_control_that_may_be_zero_has_no_lift() -> None:
    with pytest.raises(NoEstimate, match="no finite lift"):
        lift(ArmMoments(5, 1, 100), ArmMoments(1, 1, 100))
    with pytest.raises(NoEstimate, match="no finite lift"):
        lift(ArmMoments(5, 0.01, 100), ArmMoments(-3, 0.01, 100))


def test_huge_values_with_a_tiny_variance_keep_their_digits() -> None:
    found = lift(ArmMoments(1e9 + 3, 1e-4, 1000), ArmMoments(1e9, 1e-4, 1000))

    assert found.low == pytest.approx(3e-9 - 2.77e-11, rel=1e-2)
    assert found.high == pytest.approx(3e-9 + 2.77e-11, rel=1e-2)


def test_non_inferiority_is_where_fiellers_lower_limit_meets_the_margin() -> None:
    t, c = ArmMoments(4.9, 0.01, 400), ArmMoments(5.0, 0.012, 380)

    margin = brentq(lambda m: mean_non_inferior(t, c, margin=m) - 0.025, 0.0, 0.5)

    assert -margin == pytest.approx(lift(t, c).low, abs=1e-9)


@given(groups, groups, st.floats(0.01, 0.4))
def test_a_wider_margin_is_easier_to_keep(t: ArmMoments, c: ArmMoments, margin: float) -> None:
    assume(t.mean > 0)

    assert (
        mean_non_inferior(t, c, margin=margin + 0.1)
        <= mean_non_inferior(t, c, margin=margin) + 1e-12
    )


def test_equivalence_agrees_with_statsmodels() -> None:
    expected, _, _ = ttost_ind(A[:7], B, -9, 9, usevar="unequal")

    assert equivalent(_group(A[:7]), _group(B), low=-9, high=9) == pytest.approx(expected)


def test_trimming_agrees_with_scipy() -> None:
    for trim in (0.0, 0.1, 0.2):
        expected = stats.ttest_ind(A, B, trim=trim, equal_var=False)

        found = yuen(A, B, trim=trim)

        assert found.t == pytest.approx(expected.statistic)
        assert found.p_value == pytest.approx(expected.pvalue)


def test_posterior_of_a_mean_agrees_with_scipy() -> None:
    expected = stats.bayes_mvs(A, alpha=0.9)[0]

    mean, interval = posterior(_group(A), confidence=0.9)

    assert mean == pytest.approx(expected.statistic)
    assert (interval.low, interval.high) == pytest.approx(expected.minmax)


def test_questions_without_an_answer_are_refused() -> None:
    same, some = ArmMoments(5, 0, 10), ArmMoments(5, 1, 10)

    with pytest.raises(NoEstimate, match="the same"):
        welch(same, same)
    with pytest.raises(TooFewUnits, match="needs 2"):
        ArmMoments(5, 1, 1)
    with pytest.raises(TooFewUnits, match="needs 2"):
        ArmMoments.of(1, 5, 25)
    with pytest.raises(BadQuestion, match="must be finite"):
        ArmMoments(math.nan, 1, 10)
    with pytest.raises(BadQuestion, match="below high"):
        equivalent(some, some, low=1, high=1)
    with pytest.raises(BadQuestion, match="margin"):
        mean_non_inferior(some, some, margin=1.0)
    with pytest.raises(NoEstimate, match="not positive"):
        mean_non_inferior(some, ArmMoments(0, 1, 10), margin=0.1)
    with pytest.raises(BadQuestion, match="trim"):
        yuen(A, B, trim=0.5)
    with pytest.raises(TooFewUnits, match="after trimming"):
        yuen([1.0, 2, 3], B, trim=0.4)


def test_limits_on_the_log_scale_are_the_delta_methods() -> None:
    low, high = log_lift_limits(*(np.array(x) for x in (5.5, 5.0, 0.04, 0.03, 1.96)))

    error = math.sqrt(0.04 / 5.5**2 + 0.03 / 5.0**2)
    assert [float(low), float(high)] == pytest.approx(
        [1.1 * math.exp(s * 1.96 * error) - 1 for s in (-1, 1)]
    )

"""Quantiles of skewed values: limits that cover the truth."""

import math

import numpy as np
import pytest
from fairlift_stats import BadQuestion, BadSummary, NoEstimate, Summary, TooFewUnits
from fairlift_stats.methods.quantiles import QuantileArm, compare_quantiles, ranks
from scipy import stats


def test_a_median_and_its_limits_cover_the_truth() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        x = rng.lognormal(0, 1, 300)
        low, high = np.quantile(x, ranks(300, 0.5))
        arm = QuantileArm(300, 0.5, float(np.median(x)), float(low), float(high))
        hits += abs(arm.value - 1) < 1.96 * math.sqrt(arm.variance)
    assert stats.binomtest(hits, 400, 0.95).pvalue > 1e-3


def test_orders_of_one_visitor_count_as_one_cluster() -> None:
    # Every value twice: independent values would seem twice as many as they are.
    rng = np.random.default_rng(9)
    once = rng.lognormal(0, 1, 500)
    below = (once <= np.median(once)).astype(int)
    clusters = Summary.from_rows({"below": 2 * below, "values": np.full(500, 2)})
    low, high = np.quantile(once, ranks(1000, 0.5))

    twice = QuantileArm(
        1000, 0.5, float(np.median(once)), float(low), float(high), clusters=clusters
    )
    naive = QuantileArm(1000, 0.5, float(np.median(once)), float(low), float(high))

    assert twice.variance == pytest.approx(2 * naive.variance, rel=0.01)


def test_quantiles_are_compared_by_difference_and_lift() -> None:
    a, b = QuantileArm(1000, 0.9, 110.0, 104.0, 118.0), QuantileArm(1000, 0.9, 100.0, 95.0, 106.0)

    found = compare_quantiles(a, b)

    assert found.lift == pytest.approx(0.1)
    assert found.lift_interval is not None
    assert found.lift_interval.low < 0.1 < found.lift_interval.high
    assert found.interval.low < 10 < found.interval.high
    assert (found.p_value < 0.05) == (0 not in found.interval)
    assert compare_quantiles(a, QuantileArm(1000, 0.9, 0.0, -1.0, 6.0)).lift is None


def test_quantiles_without_an_answer_are_refused() -> None:
    arm = QuantileArm(1000, 0.9, 1.0, 1.0, 1.0)

    with pytest.raises(TooFewUnits, match="needs more than"):
        ranks(10, 0.9)
    with pytest.raises(BadQuestion, match="level"):
        ranks(10, 1.0)
    with pytest.raises(BadSummary, match="must rise"):
        QuantileArm(1000, 0.5, 1.0, 2.0, 3.0)
    with pytest.raises(BadQuestion, match="cannot be compared"):
        compare_quantiles(arm, QuantileArm(1000, 0.5, 1.0, 0.9, 1.1))
    with pytest.raises(TooFewUnits, match="the same"):
        compare_quantiles(arm, arm)


def test_a_quantile_at_a_price_that_many_share_has_the_error_of_its_further_limit() -> None:
    # Given a control whose quantile equals a limit of it, as where prices are few
    control = QuantileArm(1000, 0.5, 19.99, 9.99, 19.99)
    treatment = QuantileArm(1000, 0.5, 21.0, 20.0, 22.0)

    found = compare_quantiles(treatment, control)

    # 10.00 down to the limit that is further away, and half of 2.00.
    half = math.hypot(10.0, 1.0) * math.sqrt(999 / 1000)
    assert found.interval.low == pytest.approx(1.01 - half)
    assert found.interval.high == pytest.approx(1.01 + half)


def test_one_price_in_each_arm_cannot_be_compared() -> None:
    control = QuantileArm(1000, 0.5, 19.99, 19.99, 19.99)
    treatment = QuantileArm(1000, 0.5, 29.99, 29.99, 29.99)

    with pytest.raises(NoEstimate, match=r"compare the shares at or below 19\.99"):
        compare_quantiles(treatment, control)

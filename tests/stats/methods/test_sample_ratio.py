"""A broken split is found, whatever its size; contamination has limits."""

import math
from typing import Any

import pytest
from fairlift_stats import BadQuestion, BadSummary
from fairlift_stats.methods.sample_ratio import contamination, sample_ratio
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


def test_split_agrees_with_scipy() -> None:
    observed, weights = {"a": 5020, "b": 4880, "c": 10_250}, {"a": 25, "b": 25, "c": 50}

    found = sample_ratio(observed, weights)

    expected = stats.chisquare(
        list(observed.values()), [20_150 * w / 100 for w in weights.values()]
    )
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert not found.alarm


def test_a_variant_of_weight_nothing_is_not_counted() -> None:
    with_it = sample_ratio({"a": 60, "b": 40, "off": 0}, {"a": 1, "b": 1, "off": 0})
    without = sample_ratio({"a": 60, "b": 40}, {"a": 1, "b": 1})

    assert (with_it.df, with_it.p_value) == (without.df, without.p_value)


@given(st.integers(0, 40), st.floats(0.1, 0.9))
def test_few_units_are_judged_exactly(a: int, weight: float) -> None:
    found = sample_ratio({"a": a, "b": 40 - a}, {"a": weight, "b": 1 - weight})

    assert found.method == "exact multinomial"
    assert found.p_value == pytest.approx(stats.binomtest(a, 40, weight).pvalue, abs=1e-9)


def test_three_arms_of_few_units_are_summed_over_all_tables() -> None:
    observed, share = {"a": 7, "b": 1, "c": 0}, [0.5, 0.3, 0.2]
    law = stats.multinomial(8, share)
    seen = law.pmf(list(observed.values()))
    tables = [(i, j, 8 - i - j) for i in range(9) for j in range(9 - i)]
    expected = sum(p for t in tables if (p := law.pmf(t)) <= seen * (1 + 1e-9))

    found = sample_ratio(observed, dict(zip(observed, share, strict=True)))

    assert found.p_value == pytest.approx(expected)


def test_many_arms_of_few_units_fall_back_to_chi_square() -> None:
    arms = {str(i): 3 for i in range(12)}

    assert sample_ratio(arms, dict.fromkeys(arms, 1.0)).method == "χ²"


def test_nobody_raises_no_alarm() -> None:
    assert sample_ratio({"a": 0, "b": 0}, {"a": 1, "b": 1}).p_value == 1.0


@pytest.mark.parametrize(
    ("observed", "weights", "error"),
    [
        ({"a": 1}, {"a": 1, "b": 1}, BadQuestion),
        ({"a": -1, "b": 1}, {"a": 1, "b": 1}, BadSummary),
        ({"a": 1.5, "b": 1}, {"a": 1, "b": 1}, BadSummary),
        ({"a": 1, "b": 1}, {"a": 1, "b": -1}, BadQuestion),
        ({"a": 1, "b": 1}, {"a": 1, "b": math.inf}, BadQuestion),
        ({"a": 1, "b": 1}, {"a": 1, "b": 0}, BadSummary),
        ({"a": 1, "b": 0}, {"a": 1, "b": 0}, BadQuestion),
    ],
)
def test_splits_that_cannot_be_checked_are_refused(
    observed: Any, weights: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sample_ratio(observed, weights)


def test_contamination_is_a_rate_with_limits() -> None:
    found = contamination(3, 1000)

    assert found.rate == 0.003
    assert found.interval.low < 0.003 < found.interval.high

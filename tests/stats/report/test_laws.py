"""Laws of every report: intervals and p agree, units and order of the arms change nothing."""

import pytest
from fairlift_stats import (
    CannotSay,
    Effect,
    compare,
)
from fairlift_stats.data.metrics import Metric
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.stats.reports import CONVERSION, METRICS, REVENUE, TICKET, result_of
from tests.stats.strategies import Rows, shop_rows, summary_of


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@given(control=shop_rows(), treatment=shop_rows(), confidence=st.sampled_from([0.8, 0.95]))
@settings(max_examples=40)
def test_intervals_leave_zero_out_exactly_when_p_is_below_alpha(
    metric: Metric, control: Rows, treatment: Rows, confidence: float
) -> None:
    result = result_of(control, treatment, metric, confidence)
    if result.p_value is None:
        assert isinstance(result.difference, CannotSay)
        assert isinstance(result.lift, CannotSay)
        return
    assume(abs(result.p_value - (1 - confidence)) > 1e-9)
    rejected = result.p_value < 1 - confidence

    assert isinstance(result.difference, Effect)
    assert (0 not in result.difference.interval) == rejected
    if isinstance(result.lift, Effect):
        assert (0 not in result.lift.interval) == rejected


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@given(control=shop_rows(), treatment=shop_rows())
@settings(max_examples=30)
def test_swapping_the_arms_changes_the_sign_and_nothing_else(
    metric: Metric, control: Rows, treatment: Rows
) -> None:
    here, there = result_of(control, treatment, metric), result_of(treatment, control, metric)

    assert (here.p_value is None) == (there.p_value is None)
    if isinstance(here.difference, Effect) and isinstance(there.difference, Effect):
        assert here.p_value == pytest.approx(there.p_value, rel=1e-6, abs=1e-12)
        a, b = here.difference, there.difference
        size = 1e-7 * (abs(a.interval.low) + abs(a.interval.high))
        assert a.value == pytest.approx(-b.value, abs=size)
        assert a.interval.low == pytest.approx(-b.interval.high, abs=size)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@given(control=shop_rows(), treatment=shop_rows(), factor=st.sampled_from([1e-6, 100.0]))
@settings(max_examples=30)
def test_the_unit_of_money_changes_no_lift_and_no_p(
    metric: Metric, control: Rows, treatment: Rows, factor: float
) -> None:
    a, b = summary_of(control), summary_of(treatment)
    scale = {"revenue": factor, "pre_revenue": factor}

    micros, euros = compare(metric, a, b), compare(metric, a.scaled(scale), b.scaled(scale))

    assert type(micros.lift) is type(euros.lift)
    if micros.p_value is None:
        assert euros.p_value is None
        return
    assert micros.p_value == pytest.approx(euros.p_value, rel=1e-6, abs=1e-9)
    if isinstance(micros.lift, Effect) and isinstance(euros.lift, Effect):
        assert micros.lift.interval.low == pytest.approx(
            euros.lift.interval.low, rel=1e-5, abs=1e-9
        )
    assert [f.code for f in micros.flags] == [f.code for f in euros.flags]


@given(st.integers(1, 60), st.integers(60, 200), st.integers(2, 20))
def test_more_of_the_same_data_never_raises_a_warning(x: int, n: int, times: int) -> None:
    rows = {"converted": [1] * x + [0] * n, "orders": [1] * x + [0] * n,
            "revenue": [7.0 + k % 5 for k in range(x)] + [0.0] * n}  # fmt: skip
    once = summary_of(rows)
    often = sum([once] * (times - 1), once)

    for metric in (CONVERSION, REVENUE, TICKET):
        first = compare(metric, once, once)
        if first.p_value is None:  # then it says so, and warns of nothing else
            continue
        few = {f.code for f in first.flags}
        many = {f.code for f in compare(metric, often, often).flags}
        assert many <= few

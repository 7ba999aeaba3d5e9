"""The report: one shape for every metric, coherent in itself."""

import copy
import math
import pickle

import pytest
from fairlift_stats import (
    Analysis,
    CannotSay,
    CannotSayCode,
    Effect,
    Funnel,
    Guardrail,
    Interval,
    Mean,
    Posterior,
    Quantile,
    QuantileArm,
    Rate,
    Summary,
    compare,
)
from scipy import stats

from tests.stats.reports import (
    CONVERSION,
    METRICS,
    REVENUE,
    result_of,
    three_arms,
)
from tests.stats.strategies import THIRDS, shop, summary_of


def test_every_metric_answers_in_the_same_fields() -> None:
    report = Analysis(primary=METRICS).report(three_arms())

    assert [(r.metric, r.variant) for r in report.results] == [
        (m.name, v) for m in METRICS for v in ("b", "c")
    ]
    for result in report.results:
        assert isinstance(result.difference, Effect)
        assert isinstance(result.lift, Effect)
        assert isinstance(result.posterior, Posterior)
        assert result.p_value is not None
        assert result.adjusted_p is not None
        assert result.adjusted_p >= result.p_value
        assert result.control.variant == "control"
        assert result.n == result.control.n + result.treatment.n
        assert result.method
        for effect in (result.difference, result.lift):
            assert effect.simultaneous.low < effect.interval.low < effect.value
            assert effect.value < effect.interval.high < effect.simultaneous.high


def test_welch_and_the_score_test_are_what_scipy_says() -> None:
    control, treatment = shop(3000, seed=4), shop(2500, conversion=0.07, seed=5)
    revenue = result_of(control, treatment, REVENUE)
    rate = result_of(control, treatment, CONVERSION)

    expected = stats.ttest_ind(treatment["revenue"], control["revenue"], equal_var=False)
    assert revenue.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert isinstance(revenue.difference, Effect)
    assert revenue.difference.interval == Interval(pytest.approx(low), pytest.approx(high))  # type: ignore[arg-type]
    # Pearson's χ² of the table is the squared z without the factor (N−1)/N.
    table = [[x.sum(), len(x) - x.sum()] for x in (treatment["converted"], control["converted"])]
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    assert rate.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(chi2 * 5499 / 5500)))


def test_one_query_serves_all_metrics() -> None:
    analysis = Analysis(primary=METRICS, guardrails=(Guardrail(Mean("o", "orders"), 0.05),))

    assert analysis.columns == ("converted", "revenue", "pre_revenue", "orders")
    assert ("revenue", "pre_revenue") in analysis.products
    assert len({frozenset(p) for p in analysis.products}) == len(analysis.products)
    assert {tuple(sorted(t)) for t in THIRDS} <= set(analysis.thirds)


def test_a_rate_is_a_share() -> None:
    assert CONVERSION.unit == "share"


def test_a_count_needs_no_product() -> None:
    assert Analysis(primary=(CONVERSION,)).products == ()


def test_a_funnel_is_its_steps_and_the_ways_between_them() -> None:
    rows = {"view": [1, 1, 1, 1, 0], "cart": [1, 1, 0, 0, 0], "order": [1, 0, 0, 0, 0]}
    arm = Summary.from_rows(rows)

    report = Analysis(primary=(Funnel("path", ("view", "cart", "order")),)).report(
        {"control": arm, "b": arm}
    )

    rates = {r.metric: r.treatment.estimate for r in report.results}
    assert rates == {
        "path.view": 0.8, "path.cart": 0.4, "path.order": 0.2,
        "path.view>cart": 0.5, "path.cart>order": 0.5,
    }  # fmt: skip


def test_holm_runs_over_primary_metrics_and_bh_over_secondary_ones() -> None:
    arms = {k: v for k, v in three_arms().items() if k != "c"}
    primary, secondary = METRICS[:2], METRICS[2:]
    report = Analysis(primary=primary, secondary=secondary).report(arms)

    raw = {r.metric: r.p_value or 0.0 for r in report.results}
    adjusted = {r.metric: r.adjusted_p for r in report.results}
    first, second = sorted(primary, key=lambda m: raw[m.name])
    assert adjusted[first.name] == pytest.approx(2 * raw[first.name])
    assert adjusted[second.name] == pytest.approx(max(raw[second.name], 2 * raw[first.name]))
    expected = stats.false_discovery_control([raw[m.name] for m in secondary])
    assert [adjusted[m.name] for m in secondary] == pytest.approx(expected)


def test_summaries_may_hold_more_than_is_asked_and_lack_what_is_not() -> None:
    partial = Summary.from_sums(
        100, {"noise": 5.0, "revenue": 300.0}, {("revenue", "revenue"): 2500.0}
    )

    result = compare(Mean("m", "revenue"), partial, partial)

    assert result.p_value == 1.0


def test_results_travel_between_processes() -> None:
    result = compare(REVENUE, summary_of(shop(500, conversion=0.2)), summary_of(shop(400, seed=1)))

    there = pickle.loads(pickle.dumps(result))

    assert there == result
    assert there.posterior == result.posterior
    assert copy.copy(result) == result


def test_a_lift_that_is_unbounded_for_all_arms_together_is_not_given_for_one() -> None:
    arms = {v: Summary.from_rows({"o": rows}) for v, rows in (
        ("control", [1, 2, 2, 3]), ("b", [0, 1]), ("c", [1, 2, 5]))}  # fmt: skip

    lift = Analysis(primary=(Mean("m", "o"),)).report(arms)["m", "b"].lift

    assert isinstance(lift, CannotSay)
    assert lift.reason is CannotSayCode.CONTROL_NEAR_ZERO


def test_a_treatment_that_cannot_be_compared_costs_the_other_metrics_nothing() -> None:
    rate, median = Rate("conversion_rate", "converted"), Quantile("order", 0.5)
    summaries = {
        "control": Summary.from_sums(2000, {"converted": 100}, {}),
        "b": Summary.from_sums(2000, {"converted": 130}, {}),
        "c": Summary.from_sums(2000, {"converted": 120}, {}),
    }
    # In b the median is surely higher; c has too few orders for one.
    quantiles = {
        "control": {"order": QuantileArm(500, 0.5, 50.0, 48.0, 52.0)},
        "b": {"order": QuantileArm(500, 0.5, 90.0, 88.0, 92.0)},
        "c": {},
    }

    both = Analysis(primary=(rate, median)).report(summaries, quantiles)
    alone = Analysis(primary=(rate,)).report(summaries)

    # Every testable arm of the median is rejected, so that the rate is tested at the whole level.
    for variant in ("b", "c"):
        with_median, without = (r["conversion_rate", variant].adjusted_p for r in (both, alone))
        assert with_median == pytest.approx(without)

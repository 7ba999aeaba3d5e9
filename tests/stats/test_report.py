"""The report: one shape for every metric, coherent in itself, honest where there is no answer."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from fairlift_stats import (
    SCEPTICAL,
    Analysis,
    BadQuestion,
    BadSummary,
    CannotSay,
    Effect,
    FlagCode,
    Funnel,
    Guardrail,
    Interval,
    LiftPrior,
    Mean,
    MissingColumn,
    Posterior,
    Rate,
    Ratio,
    Reason,
    Result,
    Summary,
    UnknownVariant,
    compare,
)
from fairlift_stats.metrics import Direction, Metric
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.stats.strategies import THIRDS, Rows, shop, shop_rows, summary_of

CONVERSION = Rate("conversion_rate", "converted")
REVENUE = Mean("revenue_per_visitor", "revenue", buyers="converted")
TICKET = Ratio("average_ticket", "revenue", "orders", buyers="converted")
METRICS: tuple[Metric, ...] = (
    CONVERSION,
    REVENUE,
    Mean("adjusted_revenue", "revenue", covariates=("pre_revenue",)),
    Rate("adjusted_conversion", "converted", covariates=("pre_revenue",)),
    TICKET,
    Ratio("frequency", "orders", "converted"),
)


def _three_arms(**changes: Any) -> dict[str, Summary]:
    return {
        "control": summary_of(shop(4000, seed=1, **changes)),
        "b": summary_of(shop(4000, conversion=0.06, seed=2)),
        "c": summary_of(shop(3900, ticket=75, seed=3)),
    }


def _result(rows_c: Rows, rows_t: Rows, metric: Metric, confidence: float = 0.95) -> Result:
    return compare(metric, summary_of(rows_c), summary_of(rows_t), confidence=confidence)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@given(control=shop_rows(), treatment=shop_rows(), confidence=st.sampled_from([0.8, 0.95]))
@settings(max_examples=40)
def test_intervals_leave_zero_out_exactly_when_p_is_below_alpha(
    metric: Metric, control: Rows, treatment: Rows, confidence: float
) -> None:
    result = _result(control, treatment, metric, confidence)
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
    here, there = _result(control, treatment, metric), _result(treatment, control, metric)

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


def test_every_metric_answers_in_the_same_fields() -> None:
    report = Analysis(primary=METRICS).report(_three_arms())

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
    revenue = _result(control, treatment, REVENUE)
    rate = _result(control, treatment, CONVERSION)

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
    arms = {k: v for k, v in _three_arms().items() if k != "c"}
    primary, secondary = METRICS[:2], METRICS[2:]
    report = Analysis(primary=primary, secondary=secondary).report(arms)

    raw = {r.metric: r.p_value or 0.0 for r in report.results}
    adjusted = {r.metric: r.adjusted_p for r in report.results}
    first, second = sorted(primary, key=lambda m: raw[m.name])
    assert adjusted[first.name] == pytest.approx(2 * raw[first.name])
    assert adjusted[second.name] == pytest.approx(max(raw[second.name], 2 * raw[first.name]))
    expected = stats.false_discovery_control([raw[m.name] for m in secondary])
    assert [adjusted[m.name] for m in secondary] == pytest.approx(expected)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("name", ["rate", "mean"])
def test_a_guardrail_holds_when_the_loss_is_surely_below_its_margin(
    name: str, direction: Direction
) -> None:
    metric: Metric = (
        Rate("g", "converted", direction=direction)
        if name == "rate"
        else Mean("g", "orders", direction=direction)
    )
    arms = {v: summary_of(shop(20_000, seed=s)) for v, s in (("control", 1), ("b", 2))}

    def holds(margin: float) -> tuple[bool, float]:
        report = Analysis(primary=(REVENUE,), guardrails=(Guardrail(metric, margin),)).report(arms)
        answer = report["g", "b"].non_inferiority
        assert answer is not None
        assert answer.p_value is not None
        return answer.holds, answer.p_value

    assert report_primary_has_no_guard(arms)
    tight, wide = holds(0.001), holds(0.5)
    assert not tight[0]
    assert wide[0]
    assert wide[1] < 0.05 < tight[1]


def report_primary_has_no_guard(arms: dict[str, Summary]) -> bool:
    return Analysis(primary=(REVENUE,)).report(arms).results[0].non_inferiority is None


def test_a_guardrail_and_the_interval_of_its_lift_agree() -> None:
    arms = {v: summary_of(shop(20_000, seed=s)) for v, s in (("control", 1), ("b", 2))}
    for metric in (
        CONVERSION,
        Mean("m", "orders"),
        Mean("a", "orders", covariates=("pre_orders",)),
    ):
        analysis = Analysis(primary=(metric,), confidence=0.9)
        lift = analysis.report(arms).results[0].lift
        assert isinstance(lift, Effect)
        for margin, holds in (
            (-lift.interval.low + 1e-6, True),
            (-lift.interval.low - 1e-6, False),
        ):
            guarded = Analysis(
                primary=(REVENUE,), guardrails=(Guardrail(metric, margin),), confidence=0.95
            )
            answer = guarded.report(arms)[metric.name, "b"].non_inferiority
            assert answer is not None
            assert answer.holds == holds, metric.name


def _arm(n: int, x: int, revenue: float = 0.0, square: float = 0.0) -> Summary:
    return Summary.from_sums(
        n,
        {"converted": x, "orders": x, "revenue": revenue},
        {
            ("converted", "converted"): x, ("orders", "orders"): x,
            ("revenue", "revenue"): square, ("revenue", "orders"): revenue,
        },
    )  # fmt: skip


GOOD = _arm(100, 10, 600.0, 40_000.0)


@pytest.mark.parametrize(
    ("metric", "control", "treatment", "reason"),
    [
        (CONVERSION, _arm(0, 0), GOOD, Reason.NO_UNITS),
        (REVENUE, GOOD, _arm(0, 0), Reason.NO_UNITS),
        (Rate("r", "orders", of="converted"), _arm(9, 0), GOOD, Reason.NO_DENOMINATOR),
        (TICKET, _arm(50, 0), GOOD, Reason.NO_DENOMINATOR),
        (REVENUE, _arm(1, 1, 5.0, 25.0), GOOD, Reason.TOO_FEW_UNITS),
        (TICKET, GOOD, _arm(50, 1, 5.0, 25.0), Reason.TOO_FEW_UNITS),
        (REVENUE, _arm(50, 0), _arm(60, 0), Reason.NO_VARIATION),
    ],
)
def test_no_answer_says_why(
    metric: Metric, control: Summary, treatment: Summary, reason: Reason
) -> None:
    report = Analysis(
        primary=(metric,), secondary=(Rate("other", "converted"),),
        guardrails=(Guardrail(Mean("g", "revenue"), 0.1),),
    ).report({"control": control, "b": treatment})  # fmt: skip

    result = report[metric.name, "b"]

    for answer in (result.difference, result.lift):
        assert isinstance(answer, CannotSay)
        assert answer.reason is reason
        assert answer.sentence.startswith(metric.name)
    assert result.p_value is None
    assert result.adjusted_p is None
    assert result.flags == ()


def test_a_posterior_that_cannot_be_says_why() -> None:
    nobody, one = _arm(0, 0), _arm(50, 3, 30.0, 500.0)

    few = compare(REVENUE, GOOD, one).posterior
    same = compare(Mean("m", "revenue"), _arm(50, 0), _arm(50, 0)).posterior

    assert isinstance(few, CannotSay)
    assert few.reason is Reason.TOO_FEW_UNITS
    assert isinstance(same, CannotSay)
    assert same.reason is Reason.NO_VARIATION
    for metric in (CONVERSION, REVENUE, TICKET):  # the prior alone would look like an answer
        empty = compare(metric, GOOD, nobody).posterior
        assert isinstance(empty, CannotSay)
        assert empty.reason is Reason.NO_UNITS


def test_a_control_near_zero_has_no_posterior_of_a_lift() -> None:
    near = Summary.from_rows({"revenue": [50.1, -49.9] * 15 + [0.0] * 170})

    result = compare(Mean("m", "revenue"), near, GOOD)

    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is Reason.CONTROL_NEAR_ZERO
    assert result.posterior == result.lift


def test_a_treatment_of_zeros_has_a_difference_and_no_certain_lift() -> None:
    result = compare(Mean("m", "revenue"), GOOD, _arm(50, 0))

    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is Reason.NO_VARIATION


def test_zero_conversions_still_have_limits() -> None:
    result = compare(CONVERSION, _arm(20, 0), _arm(20, 3))
    neither = compare(CONVERSION, _arm(20, 0), _arm(30, 0))

    assert isinstance(result.lift, Effect)
    assert result.lift.value == math.inf
    assert -0.2 < result.lift.interval.low < 0
    assert result.lift.interval.high == math.inf
    assert isinstance(neither.lift, CannotSay)
    assert neither.lift.reason is Reason.NO_EVENTS
    assert neither.lift.interval == Interval(-1.0, math.inf)
    assert isinstance(neither.difference, Effect)
    assert neither.difference.interval.low < 0 < neither.difference.interval.high
    assert neither.p_value == 1.0


def test_refunds_that_outweigh_the_sales_leave_only_the_difference() -> None:
    minus = Summary.from_rows({"revenue": [-30.0, 5.0, -20.0, 0.0, 0.0]})
    plus = Summary.from_rows({"revenue": [30.0, 5.0, 20.0, 0.0, 0.0]})
    analysis = Analysis(
        primary=(Mean("m", "revenue"),), guardrails=(Guardrail(Mean("g", "revenue"), 0.1),)
    )

    report = analysis.report({"control": minus, "b": plus})

    result = report["m", "b"]
    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is Reason.NOT_POSITIVE
    guard = report["g", "b"].non_inferiority
    assert guard is not None
    assert (guard.p_value, guard.holds) == (None, False)


def test_a_control_near_zero_has_no_lift() -> None:
    shaky = Summary.from_rows({"revenue": [0.0] * 50 + [100.0]})
    firm = Summary.from_rows({"revenue": [9.0, 10.0, 11.0] * 20})

    result = compare(Mean("m", "revenue"), shaky, firm)

    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is Reason.CONTROL_NEAR_ZERO
    assert isinstance(result.difference, Effect)


def test_flags_name_what_is_wrong() -> None:
    def codes(metric: Metric, control: Rows, treatment: Rows) -> set[FlagCode]:
        return {f.code for f in _result(control, treatment, metric).flags}

    small, big = shop(400, seed=7), shop(8000, seed=8)
    assert FlagCode.FEW_BUYERS in codes(REVENUE, big, small)
    assert FlagCode.FEW_BUYERS not in codes(REVENUE, big, shop(8000, seed=9))
    assert FlagCode.FEW_BUYERS in codes(REVENUE, shop(60, seed=1), shop(60, seed=2))
    assert FlagCode.CONDITIONAL_ON_BUYING in codes(TICKET, big, big)
    assert FlagCode.FEW_EVENTS in codes(CONVERSION, {**small, "converted": [0] * 400}, big)
    assert FlagCode.FEW_EVENTS not in codes(CONVERSION, big, big)
    wild = {**small, "revenue": np.where(np.arange(400) == 0, 90_000.0, small["revenue"])}
    assert FlagCode.TOO_SKEWED in codes(REVENUE, big, wild)
    assert FlagCode.TOO_SKEWED in codes(TICKET, big, {**wild, "orders": np.ones(400, int)})
    mild = {**big, "revenue": np.where(np.arange(8000) == 0, 1_600.0, big["revenue"])}
    assert FlagCode.SKEWED in codes(REVENUE, shop(9000, seed=10), mild)
    assert codes(Mean("plain", "orders"), big, big) == set()
    assert codes(METRICS[2], big, big) == {FlagCode.ADJUSTED}


def test_without_third_moments_nothing_is_said_of_skewness() -> None:
    rows = shop(400, seed=7)
    wild = {**rows, "revenue": np.where(np.arange(400) == 0, 90_000.0, rows["revenue"])}
    bare, full = Summary.from_rows(wild), summary_of(rows)
    only_mean = Summary.from_rows(rows, thirds=[("revenue",) * 3])

    assert FlagCode.TOO_SKEWED not in {f.code for f in compare(REVENUE, full, bare).flags}
    assert {f.code for f in compare(TICKET, only_mean, only_mean).flags} == {
        FlagCode.CONDITIONAL_ON_BUYING
    }


def test_questions_that_no_report_answers_are_refused() -> None:
    arms = _three_arms()

    with pytest.raises(UnknownVariant, match="as the control"):
        Analysis(primary=(CONVERSION,), control="a").report(arms)
    with pytest.raises(UnknownVariant, match="another one"):
        Analysis(primary=(CONVERSION,)).report({"control": GOOD})
    with pytest.raises(UnknownVariant, match="not in the report"):
        Analysis(primary=(CONVERSION,)).report(arms)["conversion_rate", "z"]
    with pytest.raises(MissingColumn, match="'items'"):
        Analysis(primary=(Mean("m", "items"),)).report(arms)
    bare = Summary.from_sums(9, {"revenue": 9, "pre": 9}, {("revenue", "revenue"): 30})
    with pytest.raises(MissingColumn, match="revenue × pre"):
        compare(Mean("m", "revenue", covariates=("pre",)), bare, bare)
    with pytest.raises(BadSummary, match="counts each unit once"):
        compare(CONVERSION, Summary.from_sums(5, {"converted": 9}, {}), GOOD)
    with pytest.raises(BadQuestion, match="between 0 and 1"):
        Analysis(primary=(CONVERSION,), confidence=95)
    with pytest.raises(BadQuestion, match="rope"):
        Analysis(primary=(CONVERSION,), rope=-0.1)
    with pytest.raises(BadQuestion, match="at least one primary"):
        Analysis(primary=())
    with pytest.raises(BadQuestion, match="repeat a name"):
        Analysis(primary=(CONVERSION, CONVERSION))
    with pytest.raises(BadQuestion, match="margin"):
        Guardrail(CONVERSION, 0.0)
    with pytest.raises(BadQuestion, match="two or more"):
        Funnel("f", ("a",))
    with pytest.raises(BadQuestion, match="no covariates"):
        Rate("r", "a", of="b", covariates=("c",))


def test_summaries_may_hold_more_than_is_asked_and_lack_what_is_not() -> None:
    partial = Summary.from_sums(
        100, {"noise": 5.0, "revenue": 300.0}, {("revenue", "revenue"): 2500.0}
    )

    result = compare(Mean("m", "revenue"), partial, partial)

    assert result.p_value == 1.0


@pytest.mark.parametrize("prior", [None, SCEPTICAL], ids=["flat", "sceptical"])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_posteriors_add_up(prior: LiftPrior | None, direction: Direction) -> None:
    metrics: tuple[Metric, ...] = (
        Rate("r", "converted", direction=direction),
        Mean("m", "revenue", buyers="converted", direction=direction),
        Ratio("t", "revenue", "orders", buyers="converted", direction=direction),
    )
    report = Analysis(primary=metrics, prior=prior).report(_three_arms())

    for metric in metrics:
        b, c = (report[metric.name, v].posterior for v in ("b", "c"))
        assert isinstance(b, Posterior)
        assert isinstance(c, Posterior)
        assert b.control_p_best + b.p_best + c.p_best == pytest.approx(1)
        for posterior in (b, c):
            assert posterior.interval.low < posterior.lift < posterior.interval.high
            assert 0 <= posterior.p_equivalent <= 1
            assert posterior.expected_loss > 0
            assert 0 < posterior.p_positive < 1
            control = report[metric.name, "b"].control.estimate
            assert control is not None
            assert posterior.expected_loss_relative == pytest.approx(
                posterior.expected_loss / control, rel=0.01
            )
            assert ("flat" in posterior.prior) == (prior is None)


def test_a_sceptical_prior_draws_lifts_towards_nothing() -> None:
    arms = _three_arms()
    flat = Analysis(primary=(CONVERSION,)).report(arms)["conversion_rate", "b"].posterior
    shrunk = (
        Analysis(primary=(CONVERSION,), prior=SCEPTICAL)
        .report(arms)["conversion_rate", "b"]
        .posterior
    )

    assert isinstance(flat, Posterior)
    assert isinstance(shrunk, Posterior)
    assert 0 < shrunk.lift < flat.lift
    assert shrunk.interval.width < flat.interval.width


def test_a_prior_on_lifts_needs_positive_estimates_that_vary() -> None:
    def posterior(control: Summary) -> Posterior | CannotSay:
        analysis = Analysis(primary=(Mean("m", "revenue"),), prior=SCEPTICAL)
        return analysis.report({"control": control, "b": GOOD}).results[0].posterior

    loss = posterior(_arm(100, 10, -600.0, 40_000.0))
    same = posterior(_arm(100, 10, 100.0, 100.0))
    shaky = compare(
        Mean("m", "revenue"), Summary.from_rows({"revenue": [-5.0, 1.0, 2.0, -9.0]}), GOOD
    ).posterior

    assert isinstance(loss, CannotSay)
    assert loss.reason is Reason.NOT_POSITIVE
    assert isinstance(same, CannotSay)
    assert same.reason is Reason.NO_VARIATION
    assert isinstance(shaky, CannotSay)
    assert shaky.reason is Reason.NOT_POSITIVE


def test_results_travel_between_processes() -> None:
    result = compare(REVENUE, summary_of(shop(500, conversion=0.2)), summary_of(shop(400, seed=1)))

    there = pickle.loads(pickle.dumps(result))

    assert there == result
    assert there.posterior == result.posterior
    assert copy.copy(result) == result


def test_a_lift_that_is_bounded_alone_may_be_unbounded_together() -> None:
    arms = {v: Summary.from_rows({"o": rows}) for v, rows in (
        ("control", [1, 2, 2, 3]), ("b", [0, 1]), ("c", [1, 2, 5]))}  # fmt: skip

    lift = Analysis(primary=(Mean("m", "o"),)).report(arms)["m", "b"].lift

    assert isinstance(lift, Effect)
    assert math.isfinite(lift.interval.low)
    assert lift.simultaneous == Interval(-math.inf, math.inf)


def test_an_arm_without_a_past_is_not_adjusted_and_not_lost() -> None:
    past, none = shop(300, conversion=0.5), shop(300, conversion=0.5, seed=1)
    none = {**none, "pre_revenue": np.zeros(300), "pre_orders": np.zeros(300, int)}
    metric = Ratio("t", "revenue", "orders", covariates=(("pre_revenue", "pre_orders"),))

    result = compare(metric, Summary.from_rows(past), Summary.from_rows(none))

    assert isinstance(result.difference, Effect)
    assert result.treatment.estimate == pytest.approx(none["revenue"].sum() / none["orders"].sum())
    nobody = Summary.from_rows({name: [] for name in past})
    assert isinstance(compare(metric, Summary.from_rows(past), nobody).difference, CannotSay)
    assert isinstance(compare(metric, nobody, nobody).difference, CannotSay)


def test_posteriors_of_all_arms_wait_for_the_last_one() -> None:
    few, loss, same = (
        _arm(1, 1, 60.0, 3_600.0),
        _arm(100, 10, -600.0, 40_000.0),
        _arm(50, 50, 100.0, 200.0),
    )
    for third, prior, reason in (
        (few, None, Reason.TOO_FEW_UNITS),
        (loss, SCEPTICAL, Reason.CONTROL_NEAR_ZERO),
        (same, SCEPTICAL, Reason.NO_VARIATION),
    ):
        analysis = Analysis(primary=(Mean("m", "revenue"),), prior=prior)
        result = analysis.report({"control": GOOD, "b": GOOD, "c": third})["m", "b"]
        assert isinstance(result.difference, Effect)
        assert isinstance(result.posterior, CannotSay)
        assert result.posterior.reason is reason

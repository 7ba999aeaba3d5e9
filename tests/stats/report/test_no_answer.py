"""A report is honest where there is no answer: it says why, warns, or refuses."""

import math

import numpy as np
import pytest
from fairlift_stats import (
    Analysis,
    BadQuestion,
    BadSummary,
    CannotSay,
    CannotSayCode,
    Effect,
    FlagCode,
    Funnel,
    Guardrail,
    Interval,
    Mean,
    MissingColumn,
    Posterior,
    Rate,
    Ratio,
    Summary,
    UnknownVariant,
    compare,
)
from fairlift_stats.data.metrics import Metric
from fairlift_stats.methods.skewness import difference_skewness, third_of_ratio

from tests.stats.reports import (
    CONVERSION,
    GOOD,
    METRICS,
    REVENUE,
    TICKET,
    arm_of,
    result_of,
    three_arms,
)
from tests.stats.strategies import Rows, shop, summary_of


@pytest.mark.parametrize(
    ("metric", "control", "treatment", "reason"),
    [
        (CONVERSION, arm_of(0, 0), GOOD, CannotSayCode.NO_UNITS),
        (REVENUE, GOOD, arm_of(0, 0), CannotSayCode.NO_UNITS),
        (Rate("r", "orders", of="converted"), arm_of(9, 0), GOOD, CannotSayCode.NO_DENOMINATOR),
        (TICKET, arm_of(50, 0), GOOD, CannotSayCode.NO_DENOMINATOR),
        (REVENUE, arm_of(1, 1, 5.0, 25.0), GOOD, CannotSayCode.TOO_FEW_UNITS),
        (TICKET, GOOD, arm_of(50, 1, 5.0, 25.0), CannotSayCode.TOO_FEW_UNITS),
        (REVENUE, arm_of(50, 0), arm_of(60, 0), CannotSayCode.NO_VARIATION),
    ],
)
def test_no_answer_says_why(
    metric: Metric, control: Summary, treatment: Summary, reason: CannotSayCode
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


def test_a_guardrail_holds_of_nobody() -> None:
    guarded = Guardrail(REVENUE, 0.1)
    report = Analysis(primary=(CONVERSION,), guardrails=(guarded,)).report(
        {"control": GOOD, "b": arm_of(0, 0)}
    )

    guard = report[REVENUE.name, "b"].non_inferiority

    assert guard is not None
    assert (guard.p_value, guard.holds) == (None, False)


def test_a_treatment_of_zeros_has_a_difference_and_no_certain_lift() -> None:
    result = compare(Mean("m", "revenue"), GOOD, arm_of(50, 0))

    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is CannotSayCode.TREATMENT_ZERO


def test_zero_conversions_still_have_limits() -> None:
    result = compare(CONVERSION, arm_of(20, 0), arm_of(20, 3))
    neither = compare(CONVERSION, arm_of(20, 0), arm_of(30, 0))

    assert isinstance(result.lift, CannotSay)  # but its lower limit says something
    assert result.lift.reason is CannotSayCode.CONTROL_ZERO
    assert -0.2 < result.lift.interval.low < 0
    assert result.lift.interval.high == math.inf
    assert isinstance(result.posterior, Posterior)
    assert isinstance(neither.lift, CannotSay)
    assert neither.lift.reason is CannotSayCode.NO_EVENTS
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
    assert result.lift.reason is CannotSayCode.NOT_POSITIVE
    guard = report["g", "b"].non_inferiority
    assert guard is not None
    assert (guard.p_value, guard.holds) == (None, False)


def test_a_control_near_zero_has_no_lift() -> None:
    shaky = Summary.from_rows({"revenue": [0.0] * 50 + [100.0]})
    firm = Summary.from_rows({"revenue": [9.0, 10.0, 11.0] * 20})

    result = compare(Mean("m", "revenue"), shaky, firm)

    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is CannotSayCode.CONTROL_NEAR_ZERO
    assert isinstance(result.difference, Effect)


def test_flags_name_what_is_wrong() -> None:
    def codes(metric: Metric, control: Rows, treatment: Rows) -> set[FlagCode]:
        return {f.code for f in result_of(control, treatment, metric).flags}

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
    (adjusted,) = result_of(big, big, METRICS[2]).flags
    assert adjusted.sentence.startswith("covariates removed ")


def test_without_third_moments_nothing_is_said_of_skewness() -> None:
    rows = shop(400, seed=7)
    wild = {**rows, "revenue": np.where(np.arange(400) == 0, 90_000.0, rows["revenue"])}
    bare, full = Summary.from_rows(wild), summary_of(rows)
    only_mean = Summary.from_rows(rows, thirds=[("revenue",) * 3])

    assert FlagCode.TOO_SKEWED not in {f.code for f in compare(REVENUE, full, bare).flags}
    assert {f.code for f in compare(TICKET, only_mean, only_mean).flags} == {
        FlagCode.CONDITIONAL_ON_BUYING
    }


def test_of_values_whose_third_powers_are_no_numbers_no_skewness_is_known() -> None:
    """The smallest double is 5e-324, the largest 1.8e308."""
    rows = shop(400, seed=7)
    tiny = {**rows, "revenue": rows["revenue"] * 1e-160}
    result = compare(Mean("tiny", "revenue"), summary_of(tiny), summary_of(tiny))

    assert difference_skewness(0.0, 0.0, 200, 200, 1e-300) is None
    assert result.flags == ()
    top_heavy = summary_of({**rows, "orders": np.full(400, 1e-160)})
    assert third_of_ratio(top_heavy, "revenue", "orders") is None
    steep = summary_of({**rows, "orders": np.full(400, 1e-101)})
    assert third_of_ratio(steep, "revenue", "orders") is None


def test_questions_that_no_report_answers_are_refused() -> None:
    arms = three_arms()

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
    with pytest.raises(BadQuestion, match="has a name twice"):
        Analysis(primary=(CONVERSION, CONVERSION))
    with pytest.raises(BadQuestion, match="margin"):
        Guardrail(CONVERSION, 0.0)
    with pytest.raises(BadQuestion, match="two or more"):
        Funnel("f", ("a",))
    with pytest.raises(BadQuestion, match="no covariates"):
        Rate("r", "a", of="b", covariates=("c",))


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


def test_a_control_of_zeros_has_no_lift_of_its_mean() -> None:
    result = compare(Mean("m", "revenue"), arm_of(50, 0), GOOD)

    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is CannotSayCode.CONTROL_ZERO
    # Fifty zeros leave nothing to judge their spread by.
    assert isinstance(result.posterior, CannotSay)


def test_one_price_for_all_orders_leaves_nothing_to_judge_chance_by() -> None:
    def priced(price: float, seed: int) -> Summary:
        orders = np.random.default_rng(seed).integers(0, 4, 1000)
        return Summary.from_rows({"revenue": price * orders, "orders": orders})

    result = compare(Ratio("average_ticket", "revenue", "orders"), priced(9.9, 1), priced(10.9, 2))

    assert result.treatment.estimate == pytest.approx(10.9)
    assert isinstance(result.difference, CannotSay)
    assert result.difference.reason is CannotSayCode.NO_VARIATION


def test_a_past_that_tells_everything_leaves_nothing_to_judge_chance_by() -> None:
    def foreseen(gain: float, seed: int) -> Summary:
        before = np.random.default_rng(seed).random(100) * 10
        return Summary.from_rows({"revenue": before + gain, "pre": before})

    result = compare(Mean("m", "revenue", covariates=("pre",)), foreseen(0, 1), foreseen(1, 2))

    assert result.p_value is None
    assert isinstance(result.difference, CannotSay)
    assert result.difference.reason is CannotSayCode.NO_VARIATION


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_a_unit_of_money_however_odd_changes_no_lift(unit: float) -> None:
    def limits(unit: float) -> tuple[float, float]:
        control, treatment = (
            Summary.from_rows({"revenue": unit * (np.arange(50.0) + more)}) for more in (0, 3)
        )
        lift = compare(Mean("m", "revenue"), control, treatment).lift
        assert isinstance(lift, Effect)
        return lift.interval.low, lift.interval.high

    assert limits(unit) == pytest.approx(limits(1.0), rel=1e-9)

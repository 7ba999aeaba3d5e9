"""Quantiles in a report: the same fields as any metric, from three percentiles an arm."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from fairlift_stats import (
    Analysis,
    BadSummary,
    CannotSay,
    CannotSayCode,
    Effect,
    FlagCode,
    Guardrail,
    MissingColumn,
    Posterior,
    Quantile,
    QuantileArm,
    Rate,
    Ratio,
    Result,
    Summary,
)
from fairlift_stats.errors import BadQuestion
from fairlift_stats.methods.quantiles import Z, compare_quantiles
from scipy import stats

MEDIAN = Quantile("median_order", 0.5)
NOTHING = Summary.from_sums(400, {}, {})


def orders(n: int, *, seed: int, ticket: float = 50.0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(np.log(ticket), 0.8, n)


def reported(arms: Mapping[str, QuantileArm | None], *, units: int = 400) -> Mapping[str, Result]:
    analysis = Analysis(primary=(MEDIAN,))
    summaries = {name: Summary.from_sums(units, {}, {}) for name in arms}
    given = {name: {MEDIAN.name: arm} if arm else {} for name, arm in arms.items()}
    return {result.variant: result for result in analysis.report(summaries, given).results}


def test_a_median_is_answered_in_the_same_fields_as_any_metric() -> None:
    control, treatment = (
        QuantileArm.of(orders(400, seed=1), 0.5),
        QuantileArm.of(orders(400, seed=2, ticket=70), 0.5),
    )

    result = reported({"control": control, "b": treatment})["b"]

    expected = compare_quantiles(treatment, control)
    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, Effect)
    assert result.difference.value == pytest.approx(expected.difference)
    assert result.difference.interval.low == pytest.approx(expected.interval.low)
    assert result.p_value == result.adjusted_p == pytest.approx(expected.p_value)
    assert result.lift.value == pytest.approx(expected.lift)
    assert result.control.estimate == control.value
    assert result.control.interval is not None
    assert result.control.interval.width == pytest.approx(
        2 * 1.96 * control.variance**0.5, rel=1e-4
    )
    assert isinstance(result.posterior, Posterior)
    assert result.posterior.p_positive == pytest.approx(1 - expected.p_value / 2, abs=1e-3)
    assert result.method.startswith("quantile")
    assert FlagCode.FEW_BUYERS not in {flag.code for flag in result.flags}


def test_one_test_decides_the_p_value_and_both_intervals_of_a_median() -> None:
    for seed in range(60):
        arms = {
            "control": QuantileArm.of(orders(60, seed=seed), 0.5),
            "b": QuantileArm.of(orders(60, seed=1000 + seed, ticket=65), 0.5),
        }
        result = reported(arms)["b"]
        assert isinstance(result.difference, Effect)
        assert isinstance(result.lift, Effect)
        assert result.p_value is not None
        assert (0 not in result.difference.interval) == (result.p_value < 0.05)
        assert (0 not in result.lift.interval) == (result.p_value < 0.05)


def test_orders_of_the_same_units_give_no_more_false_alarms() -> None:
    # Two or three orders a unit, alike within it: as independent values they alarm far too often.
    def arm(rng: np.random.Generator, *, clustered: bool) -> QuantileArm:
        whose = np.repeat(np.arange(120), rng.integers(1, 5, 120))
        values = np.exp(rng.normal(0, 0.8, 120)[whose] + rng.normal(0, 0.2, len(whose)))
        return QuantileArm.of(values, 0.5, units=whose if clustered else None)

    alarms = {True: 0, False: 0}
    for clustered in alarms:
        rng = np.random.default_rng(5)
        for _ in range(300):
            arms = {name: arm(rng, clustered=clustered) for name in ("control", "b")}
            p = reported(arms)["b"].p_value
            assert p is not None
            alarms[clustered] += p < 0.05

    assert stats.binomtest(alarms[True], 300, 0.05).pvalue > 1e-3
    assert stats.binomtest(alarms[False], 300, 0.05).pvalue < 1e-6


def test_several_arms_and_a_guardrail_are_judged_as_for_other_metrics() -> None:
    tail = Quantile("slow_tail", 0.9, direction="lower")
    analysis = Analysis(
        primary=(MEDIAN, Rate("conversion_rate", "converted")), guardrails=(Guardrail(tail, 0.25),)
    )
    summaries = {
        name: Summary.from_sums(400, {"converted": 40}, {}) for name in ("control", "b", "c")
    }
    quantiles = {
        name: {m.name: QuantileArm.of(orders(400, seed=i), m.at) for m in (MEDIAN, tail)}
        for i, name in enumerate(summaries)
    }

    report = analysis.report(summaries, quantiles)

    first = report["median_order", "b"]
    assert first.p_value is not None
    assert first.adjusted_p is not None
    assert first.adjusted_p > first.p_value
    guard = report["slow_tail", "c"].non_inferiority
    assert guard is not None
    assert guard.p_value is not None
    assert guard.holds == (guard.p_value < 0.05)
    assert [family.metric for family in analysis.segments({"es": summaries, "ro": summaries})] == [
        "conversion_rate", "conversion_rate",
    ]  # fmt: skip


def test_a_quantile_without_an_answer_says_why() -> None:
    arm, same = QuantileArm.of(orders(400, seed=1), 0.5), QuantileArm(400, 0.5, 9.9, 9.9, 9.9)

    few = reported({"control": arm, "b": None})["b"].difference
    one_price = reported({"control": same, "b": same})["b"].difference
    nobody = reported({"control": arm, "b": None}, units=0)["b"].difference

    for found, reason in (
        (few, CannotSayCode.TOO_FEW_UNITS),
        (one_price, CannotSayCode.NO_VARIATION),
        (nobody, CannotSayCode.NO_UNITS),
    ):
        assert isinstance(found, CannotSay)
        assert found.reason is reason


def test_an_arm_that_cannot_be_compared_does_not_silence_the_others() -> None:
    arms = {"control": QuantileArm.of(orders(400, seed=1), 0.5),
            "b": QuantileArm.of(orders(400, seed=2, ticket=70), 0.5)}  # fmt: skip
    ratio = Ratio("ticket", "revenue", "orders")

    for absent in ({"c": None}, {"c": None, "d": None}):
        found = reported({**arms, **absent})
        assert found["b"].adjusted_p is not None
        assert 0 < found["b"].adjusted_p < 0.05
        assert all(found[name].adjusted_p is None for name in absent)

    nobody = Summary.from_rows({"revenue": [0, 0], "orders": [0, 0]})
    some = {v: Summary.from_rows({"revenue": [0, 4, k], "orders": [0, 1, 2]})
            for k, v in ((5, "control"), (9, "b"))}  # fmt: skip
    report = Analysis(primary=(ratio,)).report({**some, "c": nobody})
    assert report["ticket", "b"].p_value is not None
    assert report["ticket", "c"].p_value is None


def test_quantiles_that_nobody_gave_are_asked_for() -> None:
    arms = {"control": NOTHING, "b": NOTHING}
    with pytest.raises(MissingColumn, match="'control' has none"):
        Analysis(primary=(MEDIAN,)).report(arms)
    with pytest.raises(MissingColumn, match="'b' has none"):
        Analysis(primary=(MEDIAN,)).report(arms, {"control": {}})
    with pytest.raises(BadQuestion, match="between 0 and 1"):
        Quantile("middle", 50)
    tail = QuantileArm.of(orders(400, seed=1), 0.9)
    with pytest.raises(BadQuestion, match=r"is the quantile at 0\.5, an arm's is at 0\.9"):
        reported({"control": tail, "b": tail})


PRICES, SHARES = [9.99, 19.99, 29.99, 49.99], [0.3, 0.2, 0.3, 0.2]
Draw = Callable[[np.random.Generator, int], np.ndarray]


def at_price_points(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice(PRICES, n, p=SHARES)


def one_of(prices: int) -> Draw:
    """So many prices, each equally likely."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return 5 + rng.integers(0, prices, n) * 1.5

    return draw


def with_zeros(buyers: float) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.where(rng.random(n) < buyers, rng.lognormal(np.log(50), 0.8, n), 0.0)

    return draw


def rounded_to(step: float) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.round(rng.lognormal(np.log(50), 0.8, n) / step) * step

    return draw


@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize("n", [800, 8000])
@pytest.mark.parametrize(
    "draw",
    [at_price_points, one_of(60), one_of(200), with_zeros(0.5), with_zeros(0.52), with_zeros(0.1),
     with_zeros(0.12),
     rounded_to(0.01), rounded_to(1), rounded_to(5), rounded_to(10)],
)  # fmt: skip
def test_quantiles_of_equal_prices_give_no_false_alarms(draw: Draw, n: int, level: float) -> None:
    rng, runs, alarms, answered = np.random.default_rng(17), 400, 0, 0
    metric = Quantile("order", level)
    summaries = dict.fromkeys(("control", "b"), NOTHING)
    analysis = Analysis(primary=(metric,))
    for _ in range(runs):
        arms = {name: {"order": QuantileArm.of(draw(rng, n), level)} for name in summaries}
        difference = analysis.report(summaries, arms).results[0].difference
        answered += isinstance(difference, Effect)
        alarms += isinstance(difference, Effect) and 0 not in difference.interval

    # Of the pairs that have an answer: which ones do is no excuse.
    assert not answered or (
        stats.binomtest(alarms, answered, 0.05, alternative="greater").pvalue > 1e-3
    )


def test_a_quantile_between_two_prices_is_not_a_difference() -> None:
    metric = Quantile("order", 0.85)
    control = QuantileArm.of(np.repeat([9.99, 19.99], [852, 148]), 0.85)
    treatment = QuantileArm.of(np.repeat([9.99, 19.99], [848, 152]), 0.85)

    result = Analysis(primary=(metric,)).report(
        {"control": NOTHING, "b": NOTHING},
        {"control": {"order": control}, "b": {"order": treatment}},
    )["order", "b"]

    assert isinstance(result.difference, Effect)
    assert 0 in result.difference.interval
    assert result.p_value is not None
    assert result.p_value > 0.05


@pytest.mark.parametrize(
    ("values", "code"),
    [((9.99, 19.99), CannotSayCode.TIED_VALUES), ((9.99, 9.99), CannotSayCode.NO_VARIATION),
     ((0.0, 0.0), CannotSayCode.NO_EVENTS)],
)  # fmt: skip
def test_one_value_in_each_arm_has_no_answer(
    values: tuple[float, float], code: CannotSayCode
) -> None:
    arms = {
        name: {"order": QuantileArm.of(np.repeat([value, 99.0], [900, 100]), 0.5)}
        for name, value in zip(("control", "b"), values, strict=True)
    }
    report = Analysis(primary=(Quantile("order", 0.5),)).report(
        dict.fromkeys(("control", "b"), NOTHING), arms
    )

    difference = report["order", "b"].difference
    assert isinstance(difference, CannotSay)
    assert difference.reason is code
    if code is CannotSayCode.TIED_VALUES:
        assert difference.sentence == (
            "order: many values are equal (9.99), so the quantile jumps from one to the next; "
            "compare the share of values at or below 9.99 instead."
        )


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_prices_in_cents_are_answered(level: float) -> None:
    rng = np.random.default_rng(18)
    for n in (100, 800, 8000):
        arms = [QuantileArm.of(rounded_to(0.01)(rng, n), level) for _ in range(50)]
        assert not any(arm.is_tied for arm in arms)


def test_ties_are_counted_or_seen_in_the_limits() -> None:
    # 62 values lie between the limits: a tenth of them is 6.2.
    counted = QuantileArm(1000, 0.5, 20.0, 19.5, 21.0, largest_tie=7)

    assert counted.is_tied
    assert not replace(counted, largest_tie=6).is_tied
    assert not replace(counted, largest_tie=None).is_tied
    assert replace(counted, largest_tie=None, lower=20.0).is_tied
    assert replace(counted, largest_tie=1, upper=20.0).is_tied
    # Where values are tied the further limit counts, not half of the width.
    assert counted.variance == pytest.approx((1.0 / Z) ** 2, rel=2e-3)
    assert replace(counted, largest_tie=6).variance == pytest.approx((0.75 / Z) ** 2, rel=2e-3)
    with pytest.raises(BadSummary, match="largest_tie: is 0, must be 1 or more"):
        replace(counted, largest_tie=0)

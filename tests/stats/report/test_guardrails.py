"""A guardrail holds when the loss is surely below its margin, as its interval says."""

import pytest
from fairlift_stats import (
    Analysis,
    Effect,
    Guardrail,
    Mean,
    Rate,
    Summary,
)
from fairlift_stats.data.metrics import Direction, Metric

from tests.stats.reports import CONVERSION, REVENUE
from tests.stats.strategies import shop, summary_of


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

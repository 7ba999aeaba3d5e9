"""Differences of rates are told in percentage points, and never look like lifts."""

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval

from tests.cli.reports import report, shown

PP = "\N{NO-BREAK SPACE}pp"


def with_difference(metric: int, low: float, value: float, high: float) -> pb.Report:
    """The report, one of its comparisons with a difference and no lift."""
    found = report()
    comparison = found.metrics[metric].comparisons[0]
    for field in ("lift", "lift_interval", "sequential_lift_interval"):
        comparison.ClearField(field)
    comparison.difference = value
    comparison.difference_interval.CopyFrom(Interval(lower=low, upper=high, confidence=0.95))
    return found


def test_without_a_lift_the_table_has_the_difference_of_a_rate_in_points() -> None:
    text = shown(with_difference(1, 0.005, 0.012, 0.019))

    assert f"+1.20{PP}" in text
    assert f"+0.50{PP} … +1.90{PP}" in text


def test_without_a_lift_the_table_has_a_difference_of_money_in_money() -> None:
    text = shown(with_difference(0, -0.02, 0.07, 0.16))

    assert "+€0.07" in text
    assert "-€0.02 … +€0.16" in text


def test_a_difference_that_holds_at_every_look_is_the_one_that_is_shown() -> None:
    found = with_difference(1, 0.005, 0.012, 0.019)
    wider = Interval(lower=0.001, confidence=0.95)
    found.metrics[1].comparisons[0].sequential_difference_interval.CopyFrom(wider)

    assert f"+0.10{PP} … +∞" in shown(found)


@pytest.mark.parametrize(
    ("metric", "margin", "difference", "says"),
    [
        (1, 0.005, -0.003, f"within the margin of 0.50{PP} (difference -0.30{PP})"),
        (0, 0.6, -0.48, "within the margin of €0.60 (difference -€0.48)"),
        (2, 5.0, -1.5, "within the margin of 5.00 (difference -1.50)"),
    ],
)
def test_an_absolute_margin_stands_beside_the_difference_in_one_unit(
    metric: int, margin: float, difference: float, says: str
) -> None:
    found = report()
    comparison = found.metrics[metric].comparisons[0]
    comparison.guardrail = pb.GUARDRAIL_STANDING_SAFE
    comparison.absolute_margin = margin
    comparison.difference = difference

    assert says in shown(found, width=200)
    comparison.ClearField("difference")
    assert "(difference" not in shown(found, width=200)

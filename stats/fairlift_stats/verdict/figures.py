"""The figures of an estimate as sentences use them: a lift, or else the metric's own unit."""

import math
from datetime import datetime
from typing import assert_never

from fairlift_stats.messages import Amount, Day, Figure, Number, Percent, Points, Verbatim
from fairlift_stats.methods.contrast import Margin
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Estimate

__all__ = ["day_of", "in_unit", "margin_share", "sizes"]


def day_of(at: str) -> Day:
    """The day of a look's date or moment."""
    return Day(datetime.fromisoformat(at).date().isoformat())


def sizes(plan: SequentialPlan, metric: str, estimate: Estimate | None) -> dict[str, Figure]:
    """The estimate and its two limits, as `lift`, `low` and `high`; a dash where there is none.

    A guardrail with a margin in its own unit is told in that unit, so that the two can be compared.
    """
    if estimate is None:
        return {"lift": Verbatim("–")}
    in_own_unit = plan.metric(metric).absolute_margin is not None
    if in_own_unit or estimate.lift is None or estimate.lift_interval is None:
        values = (estimate.value, estimate.interval.low, estimate.interval.high)
        figures = [in_unit(plan, metric, value) for value in values]
    else:
        lifts = (estimate.lift, estimate.lift_interval.low, estimate.lift_interval.high)
        figures = [Percent(value, 1, signed=True) for value in lifts]
    return dict(zip(("lift", "low", "high"), figures, strict=True))


def margin_share(margin: Margin) -> Percent:
    """A relative margin, with a digit only where it has one."""
    return Percent(
        margin.size, 0 if math.isclose(margin.size * 100, round(margin.size * 100)) else 1
    )


def in_unit(plan: SequentialPlan, metric: str, value: float, *, signed: bool = True) -> Figure:
    """A difference of this metric: money, percentage points of a share, or a number."""
    match plan.metric(metric).unit:
        case "money":
            return Amount(value, plan.currency, signed=signed)
        case "share":
            return Points(value, 2, signed=signed)
        case "count":
            return Number(value, 2, signed=signed)
        case unreachable:
            assert_never(unreachable)

"""From a comparison to what a look keeps of it."""

import math
from typing import assert_never

from scipy.special import ndtri

from fairlift_stats.metrics import Mean, Metric, Quantile, Rate, Ratio
from fairlift_stats.results import CannotSay, Result
from fairlift_stats.sequential.looks import Evidence
from fairlift_stats.skewness import difference_skewness, third_of_ratio
from fairlift_stats.summary import Summary

__all__ = ["evidence_of"]


def evidence_of(
    result: Result,
    metric: Metric,
    control: Summary,
    treatment: Summary,
    *,
    confidence: float,
    capped: bool = False,
) -> Evidence | None:
    """What a look says of this comparison; None when the comparison cannot say yet.

    z is the normal deviate with the comparison's own two-sided p-value, so that a look can never
    disagree with the table beside it. The standard error is that of the interval.

    Args:
        result: the comparison of these two groups.
        metric: what was compared.
        control: the group, for the skewness of the difference.
        treatment: the same.
        confidence: of the result's intervals.
        capped: whether tickets were cut at a cap that was fixed before the start.
    """
    if isinstance(result.difference, CannotSay) or result.p_value is None:
        return None
    value, interval = result.difference.value, result.difference.interval
    se = interval.width / (2 * -float(ndtri((1 - confidence) / 2)))
    if not (math.isfinite(se) and se > 0) or result.control.estimate is None:
        return None
    # Below the smallest double a p-value is 0, and its deviate infinite.
    z = abs(value) / se if result.p_value == 0 else -float(ndtri(result.p_value / 2))
    return Evidence(
        metric=result.metric,
        arm=result.variant,
        z=math.copysign(z, value),
        estimate=value,
        se=se,
        control=result.control.estimate,
        skew=_skew(metric, control, treatment, se**2),
        capped=capped,
    )


def _skew(metric: Metric, control: Summary, treatment: Summary, variance: float) -> float | None:
    treated, kept = _third(metric, treatment), _third(metric, control)
    if treated is None or kept is None:
        return None
    return difference_skewness(treated, kept, treatment.n, control.n, variance)


def _third(metric: Metric, group: Summary) -> float | None:
    """Third central moment per unit; None for rates and quantiles, whose tests need none."""
    match metric:
        case Rate() | Quantile():
            return None
        case Mean(column=column):
            return group.third(column)
        case Ratio(numerator=top, denominator=base):
            return third_of_ratio(group, top, base)
        case unreachable:
            assert_never(unreachable)

"""From a comparison to what a look keeps of it."""

import math

from scipy.special import ndtri

from fairlift_stats.metrics import Mean, Metric, Rate, Ratio
from fairlift_stats.results import CannotSay, Result
from fairlift_stats.sequential.looks import Evidence
from fairlift_stats.skewness import difference_skewness, third_of_mean, third_of_ratio
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
        control, treatment: the groups, for the skewness of the difference.
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
        skew=_skew(metric, control, treatment),
        capped=capped,
    )


def _skew(metric: Metric, control: Summary, treatment: Summary) -> float | None:
    thirds = [_third(metric, group) for group in (treatment, control)]
    if thirds[0] is None or thirds[1] is None:
        return None
    (kt, vt), (kc, vc) = thirds
    skew = float(difference_skewness(kt, kc, treatment.n, control.n, vt, vc))  # type: ignore[arg-type]  # whole numbers serve as arrays here
    return skew if math.isfinite(skew) else None


def _third(metric: Metric, group: Summary) -> tuple[float, float] | None:
    """Third central moment per unit, and the variance of the estimate."""
    match metric:
        case Rate():
            return None
        case Mean(column=column):
            third = third_of_mean(group, column)
            return None if third is None else (third, group.variance(column) / group.n)
        case Ratio(numerator=top, denominator=base):
            third = third_of_ratio(group, top, base)
            if third is None:
                return None
            ratio, scale = group.mean(top) / group.mean(base), group.mean(base)
            spread = (
                group.variance(top)
                - 2 * ratio * group.covariance(top, base)
                + ratio**2 * group.variance(base)
            )
            return third, spread / scale**2 / group.n

"""From a comparison to what a look keeps of it."""

import math
from dataclasses import dataclass
from typing import assert_never

from scipy.special import ndtri

from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSay
from fairlift_stats.methods.skewness import difference_skewness, third_of_ratio
from fairlift_stats.report.result import Result
from fairlift_stats.sequential.errors import NotANumber, ZeroVariance

__all__ = ["Evidence", "evidence_of"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look says of one metric in one treatment arm: always treatment minus control.

    Attributes:
        metric: its name in the plan.
        arm: the treatment.
        z: the test statistic; positive means the treatment's figure is higher, good or bad.
        estimate: difference per unit, in the metric's own unit (currency units for money).
        se: its standard error.
        control: the control's figure, to form the lift.
        skew: skewness of the difference from third moments, if known.
        capped: True when tickets were winsorised at a cap fixed before the start.
    """

    metric: str
    arm: str
    z: float
    estimate: float
    se: float
    control: float
    skew: float | None = None
    capped: bool = False

    def __post_init__(self) -> None:
        """Refuse figures that are none."""
        where = f"{self.metric} of {self.arm}"
        for name in ("z", "estimate", "control"):
            if not math.isfinite(getattr(self, name)):
                raise NotANumber(f"{where}: {name}", "finite", getattr(self, name))
        if not (math.isfinite(self.se) and self.se > 0):
            raise ZeroVariance(f"{where}: standard error", self.se)
        if self.skew is not None and not math.isfinite(self.skew):
            raise NotANumber(f"{where}: skew", "finite", self.skew)


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

"""From a comparison to what a look keeps of it."""

import math
from dataclasses import dataclass
from typing import assert_never

from scipy.special import ndtri

from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSay
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.skewness import difference_skewness, third_of_ratio
from fairlift_stats.report.result import Result
from fairlift_stats.sequential.errors import NotANumber, ZeroVariance

__all__ = ["Evidence", "evidence_of"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look knows of one metric in one treatment arm: always treatment against control.

    Attributes:
        metric: its name in the plan.
        arm: the treatment.
        z: the test statistic; positive means the treatment's figure is higher, good or bad.
        contrast: both figures with their variances, and the counts behind rates.
        units: units of all arms together that are mature for this metric.
        events: converters or orders, whichever the metric needs, of the control and the treatment;
            None for a metric that needs nothing.
        skew: skewness of the difference from third moments, if known.
        capped: True when tickets were winsorised at a cap fixed before the start.
    """

    metric: str
    arm: str
    z: float
    contrast: Contrast
    units: int
    events: tuple[int, int] | None = None
    skew: float | None = None
    capped: bool = False

    def __post_init__(self) -> None:
        """Refuse figures that are none."""
        where = f"{self.metric} of {self.arm}"
        if not math.isfinite(self.z):
            raise NotANumber(f"{where}: z", "finite", self.z)
        is_certain = self.contrast.rates is not None and self.z == 0  # two equal rates of 0 or 1
        if not (math.isfinite(self.contrast.se) and (self.contrast.se > 0 or is_certain)):
            raise ZeroVariance(f"{where}: standard error", self.contrast.se)
        if self.skew is not None and not math.isfinite(self.skew):
            raise NotANumber(f"{where}: skew", "finite", self.skew)
        counts = (self.units, *(self.events or ()))
        if not all(math.isfinite(count) and count >= 0 for count in counts):
            raise NotANumber(f"{where}: units and events", "finite and 0 or more", counts)

    @property
    def estimate(self) -> float:
        """Difference per unit, in the metric's own unit (currency units for money)."""
        return self.contrast.difference

    @property
    def se(self) -> float:
        """Standard error of the difference."""
        return self.contrast.se


def evidence_of(
    result: Result,
    metric: Metric,
    control: Summary,
    treatment: Summary,
    *,
    units: int | None = None,
    events: tuple[int, int] | None = None,
    capped: bool = False,
) -> Evidence | None:
    """What a look knows of this comparison; None when the comparison cannot say yet.

    A guardrail in which nothing happens in either arm (no refund at all) has no test of a
    difference, but it can be held against its margin, as in the table: its z is 0.

    z is the normal deviate with the comparison's own two-sided p-value, so that a look can never
    disagree with the table beside it.

    Args:
        result: the comparison of these two groups.
        metric: what was compared.
        control: the group, for the skewness of the difference.
        treatment: the same.
        units: mature units of all arms together; by default those of the report.
        events: converters or orders of the control and of the treatment, where the metric needs
            them.
        capped: whether tickets were cut at a cap that was fixed before the start.
    """
    if isinstance(result.difference, CannotSay):
        return None
    contrast = result.contrast
    value = contrast.difference
    if result.p_value is None or not contrast.se > 0:
        # Two rates of 0 or of 1 do not differ, but can be held against a margin.
        if result.role != "guardrail" or contrast.rates is None:
            return None
        z = 0.0
    elif result.p_value == 0:
        # Below the smallest double a p-value is 0, and its deviate infinite.
        z = abs(value) / contrast.se
    else:
        z = -float(ndtri(result.p_value / 2))
    return Evidence(
        metric=result.metric,
        arm=result.variant,
        z=math.copysign(z, value),
        contrast=contrast,
        units=result.units_of_all_arms if units is None else units,
        events=events,
        skew=_skew(metric, control, treatment, contrast.se**2),
        capped=capped,
    )


def _skew(metric: Metric, control: Summary, treatment: Summary, variance: float) -> float | None:
    treated, untreated = _third(metric, treatment), _third(metric, control)
    if treated is None or untreated is None:
        return None
    return difference_skewness(treated, untreated, treatment.n, control.n, variance)


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

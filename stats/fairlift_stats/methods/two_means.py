"""Two means from their moments: Welch, Fieller, non-inferiority, equivalence, trimmed means."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import LARGEST
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary, NoEstimate, TooFewUnits
from fairlift_stats.methods import fieller
from fairlift_stats.methods.one_rate import checked_confidence

__all__ = [
    "ArmMoments",
    "TTest",
    "equivalent",
    "lift",
    "mean_non_inferior",
    "posterior",
    "welch",
    "yuen",
]


@dataclass(frozen=True, slots=True)
class ArmMoments:
    """Mean of an arm, variance of that mean, and the units it is estimated from.

    Raises:
        TooFewUnits: fewer than two units.
        BadQuestion: the variance is negative, or a number is not finite, or beyond 1e75.
    """

    mean: float
    variance: float
    units: float

    def __post_init__(self) -> None:
        """Refuse moments without a variance."""
        if not self.units >= 2:
            raise TooFewUnits(f"units: are {self.units}, a variance needs 2 or more")
        if not (abs(self.mean) <= LARGEST and 0 <= self.variance <= LARGEST**2):
            raise BadQuestion(
                f"mean {self.mean}, variance {self.variance}: must be finite, not beyond "
                f"{LARGEST:g}, and the variance 0 or more"
            )

    @classmethod
    def of(cls, n: int, total: float, squares: float) -> "ArmMoments":
        """Moments from Σx and Σx² of n units.

        Raises:
            TooFewUnits: fewer than two units.
            BadSummary: no data have these sums, or the variance is lost in their rounding.
        """
        summary = Summary.from_sums(n, {"x": total}, {("x", "x"): squares})
        return cls(summary.mean("x") if n else 0.0, summary.variance("x") / max(n, 1), n)


@dataclass(frozen=True, slots=True)
class TTest:
    """A t statistic with its degrees of freedom, p-value, and the interval of the difference."""

    difference: float
    t: float
    df: float
    p_value: float
    interval: Interval


def welch(treatment: ArmMoments, control: ArmMoments, *, confidence: float = 0.95) -> TTest:
    """Difference of two means, treatment minus control, variances not assumed equal.

    Raises:
        NoEstimate: nothing varies, so chance cannot be judged.

    Source: Welch (1947); checked against R's t.test and scipy.
    """
    gap, error, df = _difference(treatment, control)
    k = float(stdtrit(df, (1 + checked_confidence(confidence)) / 2))
    t = gap / error
    return TTest(
        gap, t, df, float(2 * stdtr(df, -abs(t))), Interval(gap - k * error, gap + k * error)
    )


def lift(treatment: ArmMoments, control: ArmMoments, *, confidence: float = 0.95) -> Interval:
    """Fieller's interval of treatment ÷ control − 1, from Welch's test.

    Raises:
        NoEstimate: nothing varies, the treatment is zero throughout, or the control's mean is
            too close to zero.

    Source: Fieller (1954); checked by inverting the t statistic numerically.
    """
    _, _, df = _difference(treatment, control)
    k = np.array(float(stdtrit(df, (1 + checked_confidence(confidence)) / 2)))
    low, high = (
        float(limit)
        for limit in fieller.lift_limits(
            np.array(treatment.mean),
            np.array(control.mean),
            np.array(treatment.variance),
            np.array(control.variance),
            k,
        )
    )
    if control.mean <= 0 or math.isnan(low):
        raise NoEstimate(
            f"the control's mean {control.mean:g} ± {math.sqrt(control.variance):g} is too close "
            "to zero, or below it: there is no finite lift; use the difference"
        )
    if low == high:
        raise NoEstimate("all units of the treatment are zero: chance cannot be judged in its lift")
    return Interval(low, high)


def mean_non_inferior(treatment: ArmMoments, control: ArmMoments, *, margin: float) -> float:
    """One-sided p-value that the treatment keeps more than 1 − margin of the control's mean.

    Raises:
        BadQuestion: the margin is not within [0, 1).
        NoEstimate: nothing varies, or the control's mean is not positive.

    Source: Fieller's t at the margin; it is below α when Fieller's lower limit is above −margin.
    """
    if not 0 <= margin < 1:
        raise BadQuestion(f"margin: is {margin}, must be 0 or more and below 1, e.g. 0.02")
    if control.mean <= 0:
        raise NoEstimate(
            f"the control's mean {control.mean:g} is not positive, so a share of it has no meaning"
        )
    _, _, df = _difference(treatment, control)
    ratio = 1 - margin
    error = math.sqrt(treatment.variance + ratio * ratio * control.variance)
    return float(stdtr(df, -(treatment.mean - ratio * control.mean) / error))


def equivalent(treatment: ArmMoments, control: ArmMoments, *, low: float, high: float) -> float:
    """p-value that the difference of means lies within (low, high): two one-sided tests.

    Raises:
        BadQuestion: low is not below high.
        NoEstimate: nothing varies.

    Source: Schuirmann (1987); checked against statsmodels' ttost_ind.
    """
    if not low < high:
        raise BadQuestion(f"low {low} must be below high {high}")
    gap, error, df = _difference(treatment, control)
    return float(max(stdtr(df, -(gap - low) / error), stdtr(df, (gap - high) / error)))


def posterior(group: ArmMoments, *, confidence: float = 0.95) -> tuple[float, Interval]:
    """Posterior mean and central interval of a mean under the reference prior.

    Raises:
        NoEstimate: nothing varies.

    Source: mean + t·√variance; checked against scipy.stats.bayes_mvs.
    """
    if group.variance == 0:
        raise NoEstimate("all units are the same: chance cannot be judged")
    k = float(stdtrit(group.units - 1, (1 + checked_confidence(confidence)) / 2))
    half = k * math.sqrt(group.variance)
    return group.mean, Interval(group.mean - half, group.mean + half)


def yuen(
    treatment: npt.ArrayLike, control: npt.ArrayLike, *, trim: float = 0.2, confidence: float = 0.95
) -> TTest:
    """Difference of trimmed means, for values with heavy tails.

    Raises:
        BadQuestion: the share to trim is not within [0, 0.5).
        TooFewUnits: fewer than two values are left in a group.
        BadSummary: a value is not finite, or a group not flat.

    Source: Yuen (1974); checked against scipy's ttest_ind(trim=…).
    """
    if not 0 <= trim < 0.5:
        raise BadQuestion(f"trim: is {trim}, must be 0 or more and below 0.5")
    return welch(_trimmed(treatment, trim), _trimmed(control, trim), confidence=confidence)


def _trimmed(values: npt.ArrayLike, trim: float) -> ArmMoments:
    ordered = np.sort(np.asarray(values, dtype=float), axis=None)
    if np.ndim(values) != 1 or not np.isfinite(ordered).all():
        raise BadSummary("values: must be flat, and each of them finite")
    n, cut = len(ordered), int(trim * len(ordered))
    left = n - 2 * cut
    if left < 2:
        raise TooFewUnits(f"values: {left} are left after trimming, needs 2 or more")
    winsorised = np.clip(ordered, ordered[cut], ordered[n - cut - 1])
    squares = float(np.sum((winsorised - winsorised.mean()) ** 2))
    return ArmMoments(float(ordered[cut : n - cut].mean()), squares / (left * (left - 1)), left)


def _difference(treatment: ArmMoments, control: ArmMoments) -> tuple[float, float, float]:
    variance = treatment.variance + control.variance
    if variance == 0:
        raise NoEstimate("all units of both groups are the same: chance cannot be judged")
    df = fieller.satterthwaite(
        np.array(treatment.variance),
        np.array(control.variance),
        np.array(float(treatment.units)),
        np.array(float(control.units)),
    )
    return treatment.mean - control.mean, math.sqrt(variance), float(df)

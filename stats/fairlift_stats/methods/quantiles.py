"""Quantiles of values, from three percentiles per arm."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from fairlift_stats.data.moments import stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary, NoEstimate, TooFewUnits
from fairlift_stats.methods.delta_method import linearised
from fairlift_stats.methods.one_rate import checked_confidence

__all__ = ["QuantileArm", "QuantileComparison", "Quantiles", "compare_quantiles", "ranks"]

Z = -float(ndtri(0.025))
# The largest share of the values between the limits that may be equal before they count as tied.
MOST_TIED = 0.1


@dataclass(frozen=True, slots=True)
class QuantileArm:
    """A quantile of one arm, with the values at its 95 % order-statistic ranks.

    Attributes:
        n: values, e.g. units, or orders of which a unit may have several.
        level: which quantile, within (0, 1).
        value, lower, upper: the quantile, and the values at the ranks that `ranks` names.
        n_at_ranks: the n that the ranks were computed for; n if they are exact.
        clusters: for values that come in units: a summary of two counts per unit, of
            values at or below the quantile and of all values.
        largest_tie: how often the most frequent value from lower to upper occurs; None if unknown.

    Raises:
        BadQuestion: the level is outside (0, 1).
        TooFewUnits: n is too small for the ranks to exist.
        BadSummary: the three values are out of order, or not finite, or the clusters are not of
            these values.
        MissingColumn: the clusters lack a product.
    """

    n: int
    level: float
    value: float
    lower: float
    upper: float
    n_at_ranks: int | None = None
    clusters: Summary | None = None
    largest_tie: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that have no interval."""
        ranks(self.n, self.level)
        if not -math.inf < self.lower <= self.value <= self.upper < math.inf:
            raise BadSummary(
                f"lower {self.lower}, value {self.value}, upper {self.upper}: must rise, and be "
                "finite"
            )
        if self.n_at_ranks is not None and not 1 <= self.n_at_ranks < math.inf:
            raise BadSummary(f"n_at_ranks: is {self.n_at_ranks}, must be 1 or more")
        if self.largest_tie is not None and self.largest_tie < 1:
            raise BadSummary(f"largest_tie: is {self.largest_tie}, must be 1 or more")
        if self.clusters is not None:
            below, values = self.clusters.columns
            for pair in ((below, below), (below, values), (values, values)):
                self.clusters.covariance(*pair)
            if self.clusters.sum(values) != self.n:
                raise BadSummary(
                    f"clusters: hold {self.clusters.sum(values)} values, the arm has {self.n}"
                )

    @classmethod
    def of(
        cls, values: npt.ArrayLike, level: float, *, units: npt.ArrayLike | None = None
    ) -> "QuantileArm":
        """The quantile of these values.

        Args:
            values: of one arm.
            level: which quantile.
            units: the unit of each value, if a unit may have several values.

        Raises:
            BadSummary: a value is not finite, the values are not flat, or a value has no unit.
            BadQuestion, TooFewUnits: as for the class.

        >>> arm = QuantileArm.of([10, 20, 30, 40, 50, 60], 0.5)
        >>> arm.value, arm.lower < 35 < arm.upper
        (35.0, True)
        """
        x = np.asarray(values, dtype=float)
        owners = x if units is None else np.asarray(units)
        if x.ndim != 1 or not np.isfinite(x).all() or owners.shape != x.shape:
            raise BadSummary("values: must be flat and finite, and units, if any, one a value")
        low, high = ranks(len(x), level)
        value, lower, upper = np.quantile(x, [level, low, high]).tolist()
        clusters = None
        if units is not None:
            _, whose = np.unique(owners, return_inverse=True)
            below = np.bincount(whose, weights=x <= value).astype(int)
            clusters = Summary.from_rows({"below": below, "values": np.bincount(whose)})
        _, times = np.unique(x[(x >= lower) & (x <= upper)], return_counts=True)
        tie = int(times.max(initial=1))
        return cls(len(x), level, value, lower, upper, clusters=clusters, largest_tie=tie)

    @property
    def unit_variance(self) -> float:
        """Variance of the estimate, times n.

        Where values are tied, the estimate may lie at one end of its limits: the error is then
        taken from the further of them. In A/A runs on price points and on zeros, this gives at
        most 5 % false alarms at 5 %, and fewer at smaller levels; half the width gave up to 49 %.

        Source: Woodruff (1952); for clusters Deng, Knoblich, Lu (2018), section 4. Checked against
        gbstats.
        """
        n_at_ranks = self.n if self.n_at_ranks is None else self.n_at_ranks
        half = (self.upper - self.lower) / 2
        if self.is_tied:
            half = max(self.upper - self.value, self.value - self.lower)
        error = half / Z
        variance = n_at_ranks / self.n * (self.n - 1) * error * error
        return variance if self.clusters is None else variance * self._inflation(self.clusters)

    @property
    def variance(self) -> float:
        """Variance of the estimate."""
        return self.unit_variance / self.n

    @property
    def is_tied(self) -> bool:
        """Are so many values equal near the quantile that it jumps from one to the next?

        Where prices are few, the order statistics around a quantile measure the price or the jump.
        """
        if self.value in (self.lower, self.upper):
            return True
        between = 2 * Z * math.sqrt(self.level * (1 - self.level) * self.n)
        return (self.largest_tie or 1) > max(1, MOST_TIED * between)

    def _inflation(self, clusters: Summary) -> float:
        """Variance of the share at or below the quantile, relative to independent values."""
        moments = stack([clusters], clusters.columns)
        _, joint = linearised(moments, [0], [1])
        of_share = float(joint[0, 0, 0]) / clusters.n
        return of_share / (self.level * (1 - self.level) / self.n)


# Of one variant, by metric; metrics with too few values are left out.
Quantiles: TypeAlias = Mapping[str, QuantileArm]


@dataclass(frozen=True, slots=True)
class QuantileComparison:
    """Difference of two quantiles, and the lift if the control is clearly positive."""

    difference: float
    interval: Interval
    p_value: float
    lift: float | None
    lift_interval: Interval | None


def ranks(n: int, level: float) -> tuple[float, float]:
    """Levels whose values bound the quantile with 95 % confidence: the levels to query.

    Raises:
        BadQuestion: the level is outside (0, 1).
        TooFewUnits: n is too small for both to lie inside the data.

    >>> [round(r, 4) for r in ranks(11_000, 0.9)]
    [0.8944, 0.9056]
    """
    if not 0 < level < 1:
        raise BadQuestion(f"level: is {level}, must lie between 0 and 1, e.g. 0.9")
    odds = level / (1 - level)
    least = Z * Z * max(odds, 1 / odds)
    if not least < n < math.inf:
        raise TooFewUnits(f"n: is {n}, the {level:g} quantile needs more than {least:.0f} values")
    half = Z * math.sqrt(level * (1 - level) / n)
    return level - half, level + half


def compare_quantiles(
    treatment: QuantileArm, control: QuantileArm, *, confidence: float = 0.95
) -> QuantileComparison:
    """Difference of two quantiles, treatment minus control; lift by the delta method on the log.

    Raises:
        BadQuestion: the arms are of different levels.
        TooFewUnits: all values near both quantiles are the same.
        NoEstimate: they are the same in each arm, and differ between the two.
    """
    if treatment.level != control.level:
        raise BadQuestion(f"levels {treatment.level} and {control.level} cannot be compared")
    error = math.sqrt(treatment.variance + control.variance)
    if error == 0 and treatment.value == control.value:
        raise TooFewUnits("all values near the quantile are the same: chance cannot be judged")
    if error == 0:
        raise NoEstimate(
            f"many values near the quantile are equal: values {treatment.value:g} and "
            f"{control.value:g} cannot be compared; compare the shares at or below "
            f"{min(treatment.value, control.value):g}"
        )
    z = -float(ndtri((1 - checked_confidence(confidence)) / 2))
    gap = treatment.value - control.value
    interval = Interval(gap - z * error, gap + z * error)
    p = float(2 * ndtr(-abs(gap) / error))
    # The delta method divides by the control, which must not be near zero.
    if treatment.value <= 0 or control.value <= z * math.sqrt(control.variance):
        return QuantileComparison(gap, interval, p, None, None)
    ratio = treatment.value / control.value
    spread = treatment.variance / treatment.value**2 + control.variance / control.value**2
    half = z * math.sqrt(spread)
    limits = Interval(ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1)
    return QuantileComparison(gap, interval, p, ratio - 1, limits)

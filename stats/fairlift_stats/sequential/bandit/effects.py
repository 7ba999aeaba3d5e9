"""Effects from a bandit's days, for the pooled mean difference is wrong once shares have moved.

Everything comes from day-by-arm sums: units, sum and sum of squares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.anytime.always_valid import AlwaysValidEstimate, confidence_sequence
from fairlift_stats.sequential.errors import NotANumber, ZeroVariance
from fairlift_stats.sequential.numerics.recursion import Floats


@dataclass(frozen=True, slots=True)
class ArmDay:
    """One arm on one day: units, sum and sum of squares of the metric."""

    n: int
    total: float
    squares: float

    def __post_init__(self) -> None:
        """Refuse what no day holds."""
        if self.n < 1 or not (math.isfinite(self.total) and math.isfinite(self.squares)):
            raise NotANumber("day", "one unit or more, finite sums", (self.n, self.total))

    @classmethod
    def of_rate(cls, n: int, successes: int) -> "ArmDay":
        """A day of units that did it or not."""
        if not 0 <= successes <= n:
            raise NotANumber("successes", f"0 to {n}, their units", successes)
        return cls(n, successes, successes)


@dataclass(frozen=True, slots=True, eq=False)
class DayContrasts:
    """Treatment minus control within each day; days between which shares moved never mix.

    Attributes:
        difference: (days,) difference of means.
        se: (days,) its standard error, variance pooled within the day.
    """

    difference: Floats
    se: Floats

    @classmethod
    def of(cls, control: Sequence[ArmDay], treatment: Sequence[ArmDay]) -> "DayContrasts":
        """The contrasts of two arms' days.

        Raises:
            ZeroVariance: on some day nothing varies; join it with the next.
        """
        if len(control) != len(treatment) or not control:
            raise NotANumber("days", "one or more, as many in both arms", len(treatment))
        pairs = list(zip(control, treatment, strict=True))
        difference = np.array([b.total / b.n - a.total / a.n for a, b in pairs])
        variance = np.array([_pooled(a, b) for a, b in pairs])
        if not (variance > 0).all():
            raise ZeroVariance("variance within a day", float(variance.min()))
        return cls(difference, np.sqrt(variance * [1 / a.n + 1 / b.n for a, b in pairs]))


def _pooled(a: ArmDay, b: ArmDay) -> float:
    n, total = a.n + b.n, a.total + b.total
    return (a.squares + b.squares) / n - (total / n) ** 2


@dataclass(frozen=True, slots=True)
class ArmEffect:
    """An effect, its z and interval."""

    estimate: float
    z: float
    interval: Interval


def batched_least_squares(days: DayContrasts, *, critical: float = 1.959963984540054) -> ArmEffect:
    """The effect at a fixed end; each day's z counts the same, so it is normal whatever the shares.

    The days' z are independent and standard normal without an effect: spending over days holds too.

    Source: Zhang, Janson & Murphy (2020).
    """
    precision = float((1 / days.se).sum())
    z = float((days.difference / days.se).sum()) / math.sqrt(days.se.size)
    estimate = z * math.sqrt(days.se.size) / precision
    half = critical * math.sqrt(days.se.size) / precision
    return ArmEffect(estimate, z, Interval(estimate - half, estimate + half))


def precision_weighted(days: DayContrasts) -> tuple[float, float]:
    """Period-stratified mean difference and its standard error: the posterior's, not a test's."""
    weights = days.se**-2
    return float(weights @ days.difference / weights.sum()), float(weights.sum() ** -0.5)


def stratified_sequence(
    days: DayContrasts, *, planned_information: float, alpha: float = 0.05
) -> AlwaysValidEstimate:
    """The effect at any time: a mixture over the precision-weighted sum of days.

    `planned_information` is the sum of 1 / se^2 over days that it is tuned to.

    Source: Robbins (1970) on predictable weights; simulated in our calibration.
    """
    if not (math.isfinite(planned_information) and planned_information > 0):
        raise NotANumber("planned information", "finite and above 0", planned_information)
    estimate, se = precision_weighted(days)
    return confidence_sequence(estimate, se**2, t=se**-2 / planned_information, alpha=alpha)


def weighted_aipw(
    arms: Sequence[Sequence[ArmDay]], shares: Sequence[Sequence[float]], *, arm: int
) -> tuple[float, float]:
    """One arm's mean and standard error, for many arms or small shares, by day batches.

    Each day's unbiased score counts with the root of the arm's share that day.

    Args:
        arms: days of each arm.
        shares: each day's logged shares, set before the day.
        arm: whose mean.

    Source: Hadad, Hirshberg, Zhan, Wager & Athey (2021).
    """
    own = arms[arm]
    e = np.array([day[arm] for day in shares])
    units = np.array([sum(days[i].n for days in arms) for i in range(len(own))], dtype=np.float64)
    if e.size != len(own) or not ((e > 0) & (e <= 1)).all():
        raise NotANumber("shares", "one in (0, 1] for each day", e.tolist())
    guess = _past_means(own)
    totals = np.array([day.total for day in own])
    counts = np.array([day.n for day in own], dtype=np.float64)
    score = guess + (totals - counts * guess) / (e * units)
    weight = np.sqrt(e) * units
    mean = float(weight @ score / weight.sum())
    squares = np.array([day.squares for day in own])
    residual = squares - 2 * guess * totals + counts * guess**2
    spread = residual / (e**2 * units) - (score - guess) ** 2
    variance = float((e * units) @ spread / weight.sum() ** 2)
    if not variance > 0:
        raise ZeroVariance("variance of the arm", variance)
    return mean, math.sqrt(variance)


def _past_means(days: Sequence[ArmDay]) -> Floats:
    """Mean of the days before each day; the first day guesses 0."""
    n = np.cumsum([0, *(day.n for day in days)])[:-1]
    total = np.cumsum([0.0, *(day.total for day in days)])[:-1]
    return np.asarray(total / np.maximum(n, 1))

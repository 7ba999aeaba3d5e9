"""Intervals of one rate: x successes of n units."""

import math

import numpy as np
from scipy.special import betaincinv, ndtri

from fairlift_stats.arrays import Array
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary, TooFewUnits

__all__ = ["clopper_pearson", "jeffreys", "wilson", "wilson_limits"]


def wilson_limits(x: Array, n: Array, z: float) -> tuple[Array, Array]:
    """Wilson's score limits on arrays; exactly 0 and 1 at the ends."""
    z2 = z * z
    centre, half = x + z2 / 2, z * np.sqrt(x * (n - x) / n + z2 / 4)
    low = np.where(x == 0, 0.0, (centre - half) / (n + z2))
    return low, np.where(x == n, 1.0, (centre + half) / (n + z2))


def wilson(x: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of a rate; its coverage is right on average, at any count.

    Raises:
        BadSummary, TooFewUnits, BadQuestion: x is not within 0…n, n is 0, confidence not in (0, 1).

    Source: Wilson (1927); checked against statsmodels.

    >>> interval = wilson(4, 20)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0807, 0.416)
    """
    check_counts(x, n)
    low, high = wilson_limits(np.array(float(x)), np.array(float(n)), critical_z(confidence))
    return Interval(float(low), float(high))


def clopper_pearson(x: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Exact interval of a rate: its coverage is never below the confidence.

    Raises:
        BadSummary, TooFewUnits, BadQuestion: as `wilson`.

    Source: Clopper and Pearson (1934); checked against scipy.
    """
    check_counts(x, n)
    return Interval(*exact_limits(x, n, (1 - checked_confidence(confidence)) / 2))


def exact_limits(x: float, n: float, tail: float) -> tuple[float, float]:
    """The limits of `clopper_pearson` by the chance outside each, however small it is.

    Args:
        x: successes.
        n: units, at least x.
        tail: the chance, between 0 and 1.
    """
    low = float(betaincinv(x, n - x + 1, tail)) if x > 0 else 0.0
    high = 1 - float(betaincinv(n - x, x + 1, tail)) if x < n else 1.0
    return low, high


def jeffreys(x: float, n: float, *, confidence: float = 0.95, open_ends: bool = True) -> Interval:
    """Central interval of the posterior Beta(x+½, n−x+½).

    With `open_ends` it reaches 0 at x = 0 and 1 at x = n, as Brown et al. advise.

    Raises:
        BadSummary, TooFewUnits, BadQuestion: as `wilson`.

    Source: Brown, Cai, DasGupta (2001); checked against statsmodels.
    """
    check_counts(x, n)
    tail = (1 - checked_confidence(confidence)) / 2
    low, high = betaincinv(x + 0.5, n - x + 0.5, [tail, 1 - tail])
    return Interval(
        0.0 if open_ends and x == 0 else float(low), 1.0 if open_ends and x == n else float(high)
    )


def check_counts(x: float, n: float) -> None:
    """Refuse counts that no arm can have.

    Raises:
        TooFewUnits: n is 0.
        BadSummary: x is not within 0…n, or n not finite.
    """
    if n == math.inf:
        raise BadSummary(f"n: is {n}, must be finite")
    if not n >= 1:
        raise TooFewUnits(f"n: is {n}, a rate needs at least one unit")
    if not 0 <= x <= n:
        raise BadSummary(f"x: is {x} of {n}; a count lies between 0 and its n")


def critical_z(confidence: float) -> float:
    """The normal deviate of a two-sided confidence.

    Raises:
        BadQuestion: it is not between 0 and 1.
    """
    return float(-ndtri((1 - checked_confidence(confidence)) / 2))


def checked_confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise BadQuestion(f"confidence: is {confidence}, must lie between 0 and 1, e.g. 0.95")
    return confidence

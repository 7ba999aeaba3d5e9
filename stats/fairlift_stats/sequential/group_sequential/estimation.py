"""At an early stop the plain effect is too large and its p-value too small; these are not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.errors import (
    BadLevel,
    BadPlan,
    NoAnswer,
    NotANumber,
    ZeroVariance,
)
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    check_times,
    exit_probabilities,
    spending_boundaries,
    walk,
)
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.numerics.roots import root

# Errors of one side outside these limits are reported as the limit.
_LEAST_LEVEL: Final = 1e-12
_MOST_LEVEL: Final = 0.4999999
# A drift lies this many half intervals from the plain estimate at most.
_MOST_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class StopEstimate:
    """What a test that stopped says, corrected for having been free to stop earlier.

    Attributes:
        p_value: stage-wise p, of as many sides as the lines.
        drift: median-unbiased estimate of E[Z] at t = 1.
        interval: its confidence interval.
        median_unbiased: the estimate on the scale of the effect.
        effect_interval: its confidence interval.
    """

    p_value: float
    drift: float
    interval: Interval
    median_unbiased: float
    effect_interval: Interval


def stagewise_p(boundaries: Boundaries, *, z: float, drift: float = 0.0) -> float:
    """P(a result as high or higher) under this drift, when a test ends at its last look with `z`.

    Higher is: across the upper line at an earlier look, or not across the lower one earlier and z
    or more here. The lines of the last look itself do not matter.

    Source: Tsiatis, Rosner & Mehta (1984); checked against rpact's getFinalPValue.
    """
    if not math.isfinite(z):
        raise NotANumber("z", "finite", z)
    drifts = np.array([drift])
    # The drifts of interest lie around this z: walks are followed as far beyond it as beyond zero.
    reach = 9.0 + math.ceil(abs(z))
    here = float(walk(boundaries, reach=reach)[-1].crossings(-math.inf, z, drifts)[1][0])
    earlier = boundaries.until(len(boundaries.times) - 1)
    if not earlier.times:
        return here
    return here + float(exit_probabilities(earlier, [drift], reach=reach).power[0])


@lru_cache(maxsize=1024)
def estimate_at_stop(
    boundaries: Boundaries,
    *,
    z: float,
    se: float | None = None,
    sides: int = 2,
    confidence: float = 0.95,
) -> StopEstimate:
    """p-value, median-unbiased estimate and interval when a test ends at its last look with `z`.

    `se` is the effect's standard error at that look; without it effects are given as drifts.

    Source: Tsiatis, Rosner & Mehta (1984); checked against rpact and ldbounds.
    """
    if not 0 < confidence < 1:
        raise BadLevel("confidence", confidence)
    if se is not None and not (math.isfinite(se) and se > 0):
        raise NotANumber("se", "finite and above 0", se)
    at = boundaries.times[-1]
    scale = 1.0 if se is None else se * math.sqrt(at)
    upper_p = stagewise_p(boundaries, z=z)
    tail = (1 - confidence) / 2
    low, middle, high = (
        _drift_where(boundaries, z, probability) for probability in (tail, 0.5, 1 - tail)
    )
    return StopEstimate(
        p_value=min(1.0, 2 * min(upper_p, 1 - upper_p)) if sides == 2 else upper_p,
        drift=middle,
        interval=Interval(low, high),
        median_unbiased=middle * scale,
        effect_interval=Interval(low * scale, high * scale),
    )


def _drift_where(boundaries: Boundaries, z: float, probability: float) -> float:
    """The drift under which a result as high has this probability."""
    naive = z / math.sqrt(boundaries.times[-1])
    step = 2.0 / math.sqrt(boundaries.times[-1])

    def excess(drift: float) -> float:
        return stagewise_p(boundaries, z=z, drift=drift) - probability

    low, high = naive - step, naive + step
    for _ in range(_MOST_STEPS):
        below, above = excess(low), excess(high)
        if below <= 0 <= above:
            return root(excess, low, high, tol=1e-9)
        low, high = low - step * (below > 0), high + step * (above < 0)
    raise NoAnswer(f"drift: none makes a z as high as {z:g} have probability {probability:g}")


def repeated_p_values(
    spending: Spending,
    *,
    times: Sequence[float],
    z: Sequence[float],
    sides: int,
    closes: bool = False,
) -> tuple[float, ...]:
    """At each look the smallest alpha whose lines `z` crosses there; report the running minimum.

    The last look `closes` a test that ends before t = 1: it spends what is left.

    Source: Jennison & Turnbull (2000), ch. 9; checked against rpact's getRepeatedPValues.
    """
    check_times(times)
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    if any(not math.isfinite(value) for value in z):
        raise NotANumber("z", "finite", next(value for value in z if not math.isfinite(value)))
    return tuple(
        sides
        * _repeated_level(
            spending,
            tuple(times[:look]),
            abs(value) if sides == 2 else value,
            sides,
            closes and look == len(times),
        )
        for look, value in enumerate(z, start=1)
    )


@lru_cache(maxsize=1024)
def _repeated_level(
    spending: Spending, times: tuple[float, ...], z: float, sides: int, closes: bool
) -> float:
    """The level of one side whose line at the last of these looks is z."""

    def height(log_level: float) -> float:
        side = Side(spending, math.exp(log_level))
        lower = side if sides == 2 else None
        drawn = spending_boundaries(times, upper=side, lower=lower, closes=closes)
        return min(drawn.upper[-1], 1e9) - z

    least = math.log(_LEAST_LEVEL)
    most = math.log(_MOST_LEVEL if sides == 2 else 1 - 2 * _LEAST_LEVEL)
    if height(most) >= 0:
        return 1 / sides
    if height(least) <= 0:
        return _LEAST_LEVEL
    return math.exp(root(height, least, most, tol=1e-10))


def repeated_interval(estimate: float, se: float, line: float) -> Interval:
    """Interval that holds at every look at once: the estimate and `line` standard errors around it.

    Raises:
        NotANumber: the estimate is not finite, or the line no number.
        ZeroVariance: the standard error is not above 0.

    Source: Jennison & Turnbull (1989).
    """
    if not math.isfinite(estimate) or math.isnan(line):
        raise NotANumber("estimate and line", "finite, and a number", (estimate, line))
    if not (math.isfinite(se) and se > 0):
        raise ZeroVariance("standard error", se)
    return Interval(estimate - line * se, estimate + line * se)

"""Lines and power by SciPy's multivariate normal: a second opinion, apart from the product."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_normal

# A line that nothing crosses.
_NEVER = 12.0


@cache
def upper_lines(
    level: float, times: tuple[float, ...], *, gamma: float = -4.0
) -> tuple[float, ...]:
    """One-sided lines that spend this error at these times, everything at the last.

    Source: the spending of Hwang, Shih and DeCani (1990).
    """
    lines: list[float] = []
    shares = [*((1 - math.exp(-gamma * t)) / (1 - math.exp(-gamma)) for t in times[:-1]), 1.0]
    for look, share in enumerate(shares, start=1):

        def excess(height: float, look: int = look, share: float = share) -> float:
            return crossing((*lines, height), times[:look], 0.0) - level * share

        lines.append(float(brentq(excess, 0.0, _NEVER, xtol=1e-6)))
    return tuple(lines)


def crossing(lines: Sequence[float], times: Sequence[float], drift: float) -> float:
    """Chance that z crosses one of these lines, when E[Z] at time 1 is `drift`."""
    at = np.array(times)
    mean = drift * np.sqrt(at)
    tie = np.sqrt(np.minimum.outer(at, at) / np.maximum.outer(at, at))
    inside = multivariate_normal.cdf(
        np.array(lines), mean=mean, cov=tie, abseps=1e-7, releps=1e-7, maxpts=200_000
    )
    return 1 - float(inside)


def drift_of_rates(control: float, treatment: float, units_per_arm: float) -> float:
    """E[Z] of two rates by the pooled test."""
    mean = (control + treatment) / 2
    return (treatment - control) / math.sqrt(2 * mean * (1 - mean) / units_per_arm)

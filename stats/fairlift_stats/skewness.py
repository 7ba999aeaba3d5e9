"""When not to trust a t interval: how skewed the difference of two means is."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.summary import Summary

__all__ = ["DISTRUST", "WARN", "difference_skewness", "third_of_mean", "third_of_ratio"]

Array: TypeAlias = npt.NDArray[np.float64]

# Kohavi et al. (2014) ask for n ≥ 355·skew² in one sample, which is skew/√n < 0.053.
WARN = 0.06
DISTRUST = 0.2


def third_of_mean(summary: Summary, column: str) -> float | None:
    """Third central moment per unit; None if the summary does not keep it."""
    return summary.third(column)


def third_of_ratio(summary: Summary, numerator: str, denominator: str) -> float | None:
    """Third central moment of the linear form (a − R·b)/b̄; None if a part of it is not kept."""
    a, b = numerator, denominator
    parts = [summary.third(*names) for names in ((a, a, a), (a, a, b), (a, b, b), (b, b, b))]
    base = summary.mean(b) if summary.n else 0.0
    if base == 0 or any(part is None for part in parts):
        return None
    r = summary.mean(a) / base
    aaa, aab, abb, bbb = (part for part in parts if part is not None)
    return float((aaa - 3 * r * aab + 3 * r * r * abb - r**3 * bbb) / base**3)


def difference_skewness(
    kt: Array | float, kc: Array | float, nt: Array, nc: Array, vt: Array, vc: Array
) -> Array:
    """Skewness of a difference of two means, from third moments k, units n and variances v.

    Equal splits of the same distribution cancel: that is why balanced tests are robust.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((kt / nt**2 - kc / nc**2) / (vt + vc) ** 1.5)

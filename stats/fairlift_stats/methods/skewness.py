"""Skewness of a difference of two means: when not to trust its t interval.

Third powers of values below about 1e-100 are zero as doubles; their skewness is not known.
"""

import math

from fairlift_stats.data.summary import Summary

__all__ = ["DISTRUST", "WARN", "difference_skewness", "third_of_ratio"]

# Kohavi et al. (2014) ask for n ≥ 355·skew² in one sample, which is skew/√n < 0.053.
WARN = 0.06
DISTRUST = 0.2


def third_of_ratio(summary: Summary, numerator: str, denominator: str) -> float | None:
    """Third central moment of the linear form (a − R·b)/b̄; None if it is not known."""
    a, b = numerator, denominator
    aaa, aab, abb, bbb = (
        summary.third(*names) for names in ((a, a, a), (a, a, b), (a, b, b), (b, b, b))
    )
    if aaa is None or aab is None or abb is None or bbb is None or summary.mean(b) == 0:
        return None
    base = summary.mean(b)
    r = summary.mean(a) / base
    cube = base * base * base
    if not cube:
        return None
    third = (aaa - 3 * r * aab + 3 * r * r * abb - r * r * r * bbb) / cube
    return third if math.isfinite(third) else None


def difference_skewness(
    treatment: float, control: float, n_treatment: float, n_control: float, variance: float
) -> float | None:
    """Skewness of a difference of two means, from third moments per unit and its variance.

    None where the variance is too small for its power. In an equal split of one distribution the
    skewness cancels, so balanced tests are robust.
    """
    cube = float(variance**1.5)
    return float(treatment / n_treatment**2 - control / n_control**2) / cube if cube else None

"""Fieller's limits of a lift from the t statistic of the difference, on arrays."""

import numpy as np

from fairlift_stats.arrays import Array

__all__ = ["lift_limits", "log_lift_limits", "satterthwaite"]


def satterthwaite(vt: Array, vc: Array, nt: Array, nc: Array) -> Array:
    """Welch's degrees of freedom for a difference with variances vt and vc from nt and nc units.

    Source: Welch (1947); Satterthwaite (1946). Checked against scipy.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # Shares of the variance, not the variances: money in micros would overflow when squared.
        share = vt / (vt + vc)
        return 1 / (share**2 / (nt - 1) + (1 - share) ** 2 / (nc - 1))


def lift_limits(
    mt: Array, mc: Array, vt: Array, vc: Array, k: Array, cov: Array | float = 0.0
) -> tuple[Array, Array]:
    """Limits of mt/mc − 1 where |mt − R·mc| ≤ k·√(vt − 2R·cov + R²·vc); NaN where unbounded.

    With g = k²·vc/mc² ≥ 1 the control's mean cannot be told from zero and no finite limits exist.
    Zero lies outside exactly when |mt − mc| > k·√(vt − 2cov + vc): the test of the difference.

    Source: Fieller (1954), in the form that does not cancel for small variances.
    """
    k2 = k * k
    with np.errstate(divide="ignore", invalid="ignore"):
        # In shares of the control: the fourth power of an amount would leave a float's range.
        ratio, vt, vc, cov = mt / mc, vt / mc / mc, vc / mc / mc, cov / mc / mc
        finite = 1 - k2 * vc
        middle = (mt - mc) / mc + k2 * (vc - cov)
        spread = vt - 2 * ratio * cov + ratio * ratio * vc - k2 * (vt * vc - cov * cov)
        finite = np.where(finite > 0, finite, np.nan)
        half = k * np.sqrt(np.maximum(spread, 0)) / finite
        return middle / finite - half, middle / finite + half


def log_lift_limits(mt: Array, mc: Array, vt: Array, vc: Array, k: Array) -> tuple[Array, Array]:
    """Limits of mt/mc − 1 by the delta method on the logarithm, for comparison only.

    Source: what tea-tasting prints; its coverage is in docs/calibration.md.
    """
    half = k * np.sqrt(vt / (mt * mt) + vc / (mc * mc))
    return mt / mc * np.exp(-half) - 1, mt / mc * np.exp(half) - 1

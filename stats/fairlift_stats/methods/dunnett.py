"""Dunnett's test: several treatments against one control."""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, ndtr, ndtri, owens_t, stdtr, stdtrit

from fairlift_stats.arrays import Array
from fairlift_stats.errors import BadQuestion

__all__ = ["critical_value", "loadings", "p_values"]


ROOT_OF_2PI = math.sqrt(2 * math.pi)
# A steeper step would fall between the nodes. A control over 5,000 times smaller than its
# treatments is treated as 5,000 times smaller, which is conservative by 3 % of a p-value.
NEAREST = 0.9999


def loadings(control_variance: npt.ArrayLike, treatment_variances: npt.ArrayLike) -> Array:
    """λ_i with corr(T_i, T_j) = λ_i·λ_j, from the variances of the arms' estimates.

    Raises:
        BadQuestion: a variance is not positive and finite.

    Source: Dunnett (1955) for equal variances; the one-factor form holds for unequal ones too.
    """
    control = np.asarray(control_variance, dtype=float)[..., None]
    treatments = np.asarray(treatment_variances, dtype=float)
    least, most = np.minimum(control, treatments).min(), np.maximum(control, treatments).max()
    if not (least > 0 and most < math.inf):
        raise BadQuestion("variances: each must be positive and finite")
    return np.asarray(np.sqrt(control / (control + treatments)))


def p_values(statistics: npt.ArrayLike, lam: npt.ArrayLike, df: float = np.inf) -> Array:
    """(..., arms) P(the greatest |T| of all arms exceeds this one's), two-sided.

    Args:
        statistics: (..., arms) t or z statistics against the control.
        lam: (..., arms) loadings.
        df: degrees of freedom common to all arms; infinite for z.

    Raises:
        BadQuestion: a statistic is NaN, a loading beyond ±1, or df not above 0.

    Source: Dunnett (1955); checked against R multcomp and scipy.stats.dunnett.
    """
    t, lam = np.abs(np.asarray(statistics, dtype=float)), _checked(lam, df)
    if np.isnan(t).any():
        raise BadQuestion("statistics: one is NaN")
    if t.shape[-1] == 1 and np.isinf(df):
        return np.asarray(2 * ndtr(-t))
    if t.shape[-1] == 2 and np.isinf(df):
        return np.minimum(1, _beyond_two(t, _corner(lam)[..., None]))
    inside = _all_within(t, lam[..., None, :], df)
    # A p-value below the rounding of 1 − P would read as 0: Bonferroni is exact in that far tail.
    ceiling = np.minimum(1, t.shape[-1] * _two_sided(t, df))
    return np.where(ceiling < 1e-9, ceiling, np.clip(1 - inside, 0, 1))


def critical_value(alpha: float, lam: npt.ArrayLike, df: float = np.inf) -> Array:
    """(...) c with P(max |T_i| < c) = 1 − alpha, for loadings (..., arms).

    Raises:
        BadQuestion: alpha is not between 0 and 1, a loading beyond ±1, or df not above 0.
    """
    if not 0 < alpha < 1:
        raise BadQuestion(f"alpha: is {alpha}, must lie between 0 and 1")
    lam = _checked(lam, df)
    arms = lam.shape[-1]
    if arms == 1:
        return np.full(lam.shape[:-1], _quantile(alpha, df))
    if arms == 2 and np.isinf(df):
        corner = _corner(lam)
        return _critical_of_two(alpha, np.interp(corner, *_table_of_two(alpha)), corner)
    # The value hardly depends on the loadings: that of their average is a start near the end.
    start = _equal_critical(alpha, arms, round(float(np.mean(lam * lam)), 1), df)
    return _solve(alpha, np.full(lam.shape[:-1], start), lam, df)


@lru_cache(maxsize=64)
def _table_of_two(alpha: float) -> tuple[Array, Array]:
    """Corners and their critical values, close enough for one step of Newton to be exact."""
    corners = np.linspace(1e-9, 1, 1025)
    return corners, _critical_of_two(
        alpha, np.full(corners.shape, _quantile(alpha / 2, np.inf)), corners
    )


def _checked(loadings: npt.ArrayLike, df: float) -> Array:
    lam = np.asarray(loadings, dtype=float)
    if not (lam.size and lam.min() >= -1 and lam.max() <= 1 and df > 0):
        raise BadQuestion(f"loadings {lam}, df {df}: one arm or more, within ±1, and df above 0")
    return lam if lam.shape[-1] < 3 else np.clip(lam, -NEAREST, NEAREST)


def _critical_of_two(alpha: float, c: Array, corner: Array) -> Array:
    """Newton from c; no integral is needed, and the slope is known."""
    step, turn = np.array(np.inf), 0
    while np.abs(step).max() >= 1e-5 and turn < 20:
        slope = 4 / ROOT_OF_2PI * np.exp(-c * c / 2) * (ndtr(corner * c) + ndtr(c / corner) - 1)
        step = (_beyond_two(c, corner) - alpha) / slope
        c, turn = c + step, turn + 1
    return c


@lru_cache(maxsize=1024)
def _equal_critical(alpha: float, arms: int, squared_loading: float, df: float) -> float:
    """Critical value for equal loadings, to start from."""
    lam = np.full((1, arms), min(squared_loading, 0.99) ** 0.5)
    start = np.array([(_quantile(alpha, df) + _quantile(alpha / arms, df)) / 2])
    return float(_solve(alpha, start, lam, df)[0])


def _solve(alpha: float, c: Array, lam: Array, df: float) -> Array:
    """Newton from c, its slope from a neighbour: P(max < c) is smooth and rises."""
    side, step, turn = 1e-4, np.array(np.inf), 0
    # The step after the last would be near its square; a jump of the integral must not spin.
    while (np.abs(step) >= 1e-4).any() and turn < 60:
        near = np.stack([c, c + side], axis=-1)
        inside = _all_within(near, lam[..., None, :], df)
        gap = inside[..., 0] - (1 - alpha)
        step = gap * side / np.maximum(inside[..., 1] - inside[..., 0], 1e-300)
        c, turn = c - np.clip(step, -0.5, 0.5), turn + 1
    return c


def _all_within(limits: Array, lam: Array, df: float) -> Array:
    """P(|T_i| < limit for all i), (..., limits), given loadings (..., 1, arms)."""
    # One factor: given the control's noise x, the arms are independent.
    scale = 1 / np.sqrt(np.maximum(1 - lam * lam, 1e-300))[..., None]
    x, weight = _normal_nodes(_mesh(float(np.max(scale))))
    shift = lam[..., None] * x * scale
    total: Array | float = 0.0
    for factor, share in _chi_nodes(df):
        edge = (limits * factor)[..., None, None] * scale
        inside = ndtr(edge + shift) - ndtr(shift - edge)
        both = inside[..., 0, :] * inside[..., 1, :] if inside.shape[-2] == 2 else inside.prod(-2)
        total = total + share * (both @ weight)
    return np.asarray(total)


def _corner(lam: Array) -> Array:
    """Slope that the corner of a square has, once two correlated normals are made independent."""
    correlation = lam[..., 0] * lam[..., 1]
    return np.asarray(np.sqrt(np.maximum(1 - correlation, 1e-300) / (1 + correlation)))


def _beyond_two(limit: float | Array, corner: Array) -> Array:
    """P(|X| > limit or |Y| > limit) of two correlated normals, without an integral.

    Source: Owen (1956), his T at the four corners of the square, which are alike in pairs.
    """
    return np.asarray(4 * (owens_t(limit, corner) + owens_t(limit, 1 / corner)))


def _mesh(steepest: float) -> int:
    """Nodes needed for a step this steep: the smaller the control, the steeper it is."""
    doublings = min(max(0, math.ceil(math.log2(steepest / 1.5))), 5)
    return 24 << doublings


@lru_cache(maxsize=6)
def _normal_nodes(count: int) -> tuple[Array, Array]:
    """Nodes and weights for E[g(Z)] of an even g, Z standard normal: its right half is enough."""
    x, w = np.polynomial.legendre.leggauss(count)
    x, w = (x + 1) * 4.0, w * 4.0
    weight = w * np.exp(-x * x / 2)
    return x, weight / weight.sum()


@lru_cache(maxsize=256)
def _chi_nodes(df: float) -> tuple[tuple[float, float], ...]:
    """Nodes s and weights for E[g(S)], S = √(χ²_df/df); the single node 1 for infinite df."""
    if np.isinf(df):
        return ((1.0, 1.0),)
    low, high = np.sqrt(chdtri(df, [1 - 1e-13, 1e-13]) / df)
    x, w = np.polynomial.legendre.leggauss(64)
    s = (low + high) / 2 + (high - low) / 2 * x
    log_density = (df - 1) * np.log(s) - df * s * s / 2 + df / 2 * np.log(df / 2) - gammaln(df / 2)
    weight = w * np.exp(log_density)
    return tuple(zip(s.tolist(), (weight / weight.sum()).tolist(), strict=True))


def _two_sided(t: Array, df: float) -> Array:
    return np.asarray(2 * (ndtr(-t) if np.isinf(df) else stdtr(df, -t)))


def _quantile(alpha: float, df: float) -> float:
    return float(-ndtri(alpha / 2) if np.isinf(df) else -stdtrit(df, alpha / 2))

"""Several treatment arms against one control: how far must the greatest of them stand out?"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, ndtr, ndtri

from fairlift_stats.errors import BadQuestion

__all__ = ["critical_value", "loadings", "p_values"]

Array: TypeAlias = npt.NDArray[np.float64]


def loadings(control_variance: npt.ArrayLike, treatment_variances: npt.ArrayLike) -> Array:
    """λ_i with corr(T_i, T_j) = λ_i·λ_j, from the variances of the arms' estimates.

    Source: Dunnett (1955) for equal variances; the one-factor form holds for unequal ones too.
    """
    control = np.asarray(control_variance, dtype=float)[..., None]
    treatments = np.asarray(treatment_variances, dtype=float)
    return np.asarray(np.sqrt(control / (control + treatments)))


def p_values(statistics: npt.ArrayLike, lam: npt.ArrayLike, df: float = np.inf) -> Array:
    """(..., arms) P(the greatest |T| of all arms exceeds this one's), two-sided.

    Args:
        statistics: (..., arms) t or z statistics against the control.
        lam: (..., arms) loadings.
        df: degrees of freedom common to all arms; infinite for z.

    Source: Dunnett (1955); checked against R multcomp and scipy.stats.dunnett.
    """
    t, lam = np.abs(np.asarray(statistics, dtype=float)), np.asarray(lam, dtype=float)
    if t.shape[-1] == 1 and np.isinf(df):
        return np.asarray(2 * ndtr(-t))
    inside = _all_within(t, lam[..., None, :], df)
    # A p-value below the rounding of 1 − P would read as 0: Bonferroni is exact in that far tail.
    ceiling = np.minimum(1, t.shape[-1] * _two_sided(t, df))
    return np.where(ceiling < 1e-9, ceiling, np.clip(1 - inside, 0, 1))


def critical_value(
    alpha: float, lam: npt.ArrayLike, df: float = np.inf, *, tolerance: float = 1e-10
) -> Array:
    """(...) c with P(max |T_i| < c) = 1 − alpha.

    Raises:
        BadQuestion: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise BadQuestion(f"alpha: is {alpha}, must lie between 0 and 1")
    lam = np.asarray(lam, dtype=float)
    arms = lam.shape[-1]
    low = np.full(lam.shape[:-1], _quantile(alpha, df))
    high = np.full(lam.shape[:-1], _quantile(alpha / arms, df))
    if arms == 1:
        return low
    gap_low, gap_high = (_all_within(c[..., None], lam[..., None, :], df)[..., 0] - 1 + alpha
                         for c in (low, high))  # fmt: skip
    for _ in range(60):
        # Illinois: false position that halves the value at the end that stays.
        c = high - gap_high * (high - low) / np.where(gap_high == gap_low, 1, gap_high - gap_low)
        gap = _all_within(c[..., None], lam[..., None, :], df)[..., 0] - 1 + alpha
        crossed = gap * gap_high <= 0
        low = np.where(crossed, high, low)
        gap_low = np.where(crossed, gap_high, gap_low / 2)
        high, gap_high = c, gap
        if (np.abs(gap) < tolerance).all():
            break
    return np.asarray(high)


def _all_within(limits: Array, lam: Array, df: float) -> Array:
    """P(|T_i| < limit for all i), (..., limits), given loadings (..., 1, arms)."""
    x, weight = _normal_nodes()
    # One factor: given the control's noise x, the arms are independent.
    scale = 1 / np.sqrt(np.maximum(1 - lam * lam, 1e-300))[..., None]
    shift = lam[..., None] * x * scale
    total = np.zeros(np.broadcast_shapes(limits.shape, lam.shape[:-1]))
    for factor, share in _chi_nodes(df):
        edge = (limits * factor)[..., None, None] * scale
        inside = np.prod(ndtr(edge + shift) - ndtr(shift - edge), axis=-2)
        total = total + share * (inside @ weight)
    return total


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[Array, Array]:
    """Nodes and weights for E[g(Z)], Z standard normal."""
    x, w = np.polynomial.legendre.leggauss(48)
    x, w = x * 8.0, w * 8.0
    weight = w * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
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
    from scipy.special import stdtr

    return np.asarray(2 * (ndtr(-t) if np.isinf(df) else stdtr(df, -t)))


def _quantile(alpha: float, df: float) -> float:
    from scipy.special import stdtrit

    return float(-ndtri(alpha / 2) if np.isinf(df) else -stdtrit(df, alpha / 2))

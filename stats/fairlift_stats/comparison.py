"""Every arm against the control: one test per metric decides its p-value and both its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fairlift_stats import dunnett, fieller, score
from fairlift_stats.linear import Estimates, estimates
from fairlift_stats.metrics import Mean, Rate, Ratio
from fairlift_stats.moments import Moments
from fairlift_stats.rates import wilson_limits

__all__ = [
    "Comparison",
    "compare_linear",
    "compare_rates",
    "joint_p",
    "linear_estimates",
    "simultaneous",
]

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Arrays of answers, one row a metric; the first group is the control.

    Attributes:
        value, low, high: (metrics, groups) each arm's estimate and interval.
        variance: (metrics, groups) of the estimates.
        units: (metrics, groups) what the variance stands on: units, or buyers.
        with_control: (metrics, treatments) covariances with the control's estimate.
        df: (metrics, treatments); infinite for a score test.
        p: (metrics, treatments) two-sided.
        difference, lift: (metrics, treatments, 5) value, low, high, simultaneous low and high.
    """

    value: Array
    low: Array
    high: Array
    variance: Array
    units: Array
    with_control: Array
    df: Array
    p: Array
    difference: Array
    lift: Array


def compare_rates(x: Array, n: Array, alpha: float, together: Array) -> Comparison:
    """Rates by Miettinen–Nurminen: score p-value, score intervals of difference and ratio.

    Args:
        x: (metrics, groups) successes.
        n: (metrics, groups) trials.
        alpha: two-sided.
        together: (metrics,) critical values that hold for all arms of a metric at once.
    """
    safe = np.maximum(n, 1)  # empty arms are reported as such; they must not divide by zero
    xt, nt = x[:, 1:], safe[:, 1:]
    xc, nc = (a[:, :1].repeat(xt.shape[1], axis=1) for a in (x, safe))
    z = score.pooled_z(xt, nt, xc, nc)
    rate = x / safe
    raw = float(-ndtri(alpha / 2))
    k = _levels(np.full(len(x), raw), together, xt.shape[1])
    gap = score.difference_limits(xt, nt, xc, nc, k)
    ratio = score.ratio_limits(xt, nt, xc, nc, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = rate[:, 1:] / rate[:, :1] - 1
    low, high = wilson_limits(x, safe, raw)
    return Comparison(
        value=rate,
        low=low,
        high=high,
        variance=rate * (1 - rate) / safe,
        units=n,
        with_control=np.zeros(z.shape),
        df=np.full(z.shape, np.inf),
        p=2 * ndtr(-np.abs(z)),
        difference=_five(rate[:, 1:] - rate[:, :1], *gap),
        lift=_five(lift, ratio[0] - 1, ratio[1] - 1),
    )


def compare_linear(found: Estimates, alpha: float, together: Array) -> Comparison:
    """Means and ratios by Welch's t for the difference and Fieller's limits for the lift.

    Args:
        found: (metrics, groups) estimates.
        alpha: two-sided.
        together: (metrics,) critical values that hold for all arms of a metric at once.
    """
    v, q, n = found.value, found.variance, found.units
    mt, mc, vt, vc, cov = v[:, 1:], v[:, :1], q[:, 1:], q[:, :1], found.with_control[:, 1:]
    df = fieller.satterthwaite(vt, vc, n[:, 1:], n[:, :1])
    df = np.where(df > 0, df, 1.0)  # NaN where nothing varies: reported as such
    error = np.sqrt(np.maximum(vt + vc - 2 * cov, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, (mt - mc) / error, 0.0)
        lift = mt / mc - 1
    levels = _levels(np.full(len(v), float(-ndtri(alpha / 2))), together, mt.shape[1])
    k = np.asarray(stdtrit(df, ndtr(levels)), dtype=float)
    half = k * error
    own = stdtrit(np.maximum(n - 1, 1), 1 - alpha / 2) * np.sqrt(q)
    return Comparison(
        value=v,
        low=v - own,
        high=v + own,
        variance=q,
        units=n,
        with_control=cov,
        df=df,
        p=2 * stdtr(df, -np.abs(t)),
        difference=_five(mt - mc, mt - mc - half, mt - mc + half),
        lift=_five(lift, *fieller.lift_limits(mt, mc, vt, vc, k, cov)),
    )


def simultaneous(variance: Array, alpha: float) -> tuple[Array, Array]:
    """(metrics,) critical values for all arms at once, and (metrics, treatments) loadings."""
    loads = dunnett.loadings(variance[:, 0], variance[:, 1:])
    return dunnett.critical_value(alpha, loads), loads


def joint_p(p: Array, loads: Array) -> Array:
    """(metrics, treatments) p-values for all arms of a metric together.

    Each arm has its own degrees of freedom: its p-value, read as normal, enters the joint
    distribution.
    """
    if p.shape[-1] == 1:
        return p
    return dunnett.p_values(ndtri(np.maximum(p, 1e-300) / 2), loads)


def linear_estimates(moments: Moments, metrics: Sequence[Rate | Mean | Ratio]) -> Estimates:
    """Estimates of many metrics at once, (metrics, groups); those with covariates one by one."""
    plain = [i for i, m in enumerate(metrics) if not m.covariates]
    rows: dict[int, Estimates] = {
        i: estimates(moments, m) for i, m in enumerate(metrics) if m.covariates
    }
    groups = len(moments.n)
    value, variance, units = (np.empty((len(metrics), groups)) for _ in range(3))
    with_control, reduction = np.zeros((2, len(metrics), groups))
    if plain:
        v, q, u = _plain(moments, [metrics[i] for i in plain])
        value[plain], variance[plain], units[plain] = v, q, u
    for i, row in rows.items():
        value[i], variance[i], units[i] = row.value, row.variance, row.units
        with_control[i], reduction[i] = row.with_control, row.reduction
    return Estimates(value, variance, with_control, units, np.zeros((0, 0)), reduction)


def _plain(moments: Moments, metrics: Sequence[Rate | Mean | Ratio]) -> tuple[Array, Array, Array]:
    parts = [
        (m.numerator, m.denominator, m.buyers) if isinstance(m, Ratio) else (m.column, None, None)
        for m in metrics
    ]
    a, b, u = (np.array([moments.at(part[i]) for part in parts]) for i in range(3))
    top, base, c = moments.means[:, a], moments.means[:, b], moments.covariances
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / base
        spread = (c[:, a, a] - 2 * ratio * c[:, a, b] + ratio**2 * c[:, b, b]) / base**2
    variance = np.maximum(spread, 0) / np.maximum(moments.n, 1)[:, None]
    return ratio.T, variance.T, moments.totals[:, u].T


def _levels(raw: Array, together: Array, treatments: int) -> Array:
    """(levels, metrics, 1) critical values: the plain one and, with several arms, the joint one."""
    return np.array([raw, together] if treatments > 1 else [raw])[..., None]


def _five(value: Array, low: Array, high: Array) -> Array:
    """(metrics, treatments, 5); with one treatment the simultaneous limits are the plain ones."""
    five = np.empty((*value.shape, 5))
    for i, part in enumerate((value, low[0], high[0], low[-1], high[-1])):
        five[..., i] = part
    return five

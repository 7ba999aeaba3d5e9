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
from fairlift_stats.moments import Moments, counts
from fairlift_stats.rates import wilson_limits

__all__ = ["Comparison", "compare_linear", "compare_rates", "linear_estimates"]

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
        p, dunnett: (metrics, treatments) raw, and for all arms of the metric together.
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
    dunnett: Array
    difference: Array
    lift: Array


def compare_rates(moments: Moments, metrics: Sequence[Rate], alpha: float) -> Comparison:
    """Rates by Miettinen–Nurminen: score p-value, score intervals of difference and ratio."""
    x, n = (np.array(part) for part in zip(*(counts(moments, m) for m in metrics), strict=True))
    safe = np.maximum(n, 1)  # empty arms are reported as such; they must not divide by zero
    xt, nt, xc, nc = np.broadcast_arrays(x[:, 1:], safe[:, 1:], x[:, :1], safe[:, :1])
    z = score.pooled_z(xt, nt, xc, nc)
    rate = x / safe
    raw = float(-ndtri(alpha / 2))
    together, loads = _simultaneous(alpha, 1 / safe)
    limits = [np.full(xt.shape, raw)]
    limits += [] if together is None else [np.broadcast_to(together[:, None], xt.shape)]
    k = np.stack(limits)
    gap = score.difference_limits(*np.broadcast_arrays(xt, nt, xc, nc, k))
    ratio = score.ratio_limits(*np.broadcast_arrays(xt, nt, xc, nc, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = rate[:, 1:] / rate[:, :1] - 1
    low, high = wilson_limits(x, safe, raw)
    p = 2 * ndtr(-np.abs(z))
    return Comparison(
        rate,
        low,
        high,
        rate * (1 - rate) / safe,
        n,
        np.zeros_like(z),
        np.full(z.shape, np.inf),
        p,
        p if together is None else dunnett.p_values(z, loads),
        _five(rate[:, 1:] - rate[:, :1], *gap),
        _five(lift, ratio[0] - 1, ratio[1] - 1),
    )


def compare_linear(found: Estimates, alpha: float) -> Comparison:
    """Means and ratios by Welch's t for the difference and Fieller's limits for the lift."""
    v, q, n = found.value, found.variance, found.units
    mt, mc, vt, vc, cov = v[:, 1:], v[:, :1], q[:, 1:], q[:, :1], found.with_control[:, 1:]
    df = fieller.satterthwaite(vt, vc, n[:, 1:], n[:, :1])
    df = np.where(df > 0, df, 1.0)  # NaN where nothing varies: reported as such
    error = np.sqrt(np.maximum(vt + vc - 2 * cov, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, (mt - mc) / error, 0.0)
        p = 2 * stdtr(df, -np.abs(t))
        lift = mt / mc - 1
    together, loads = _simultaneous(alpha, np.where(q > 0, q, 1e-300))
    limits = [stdtrit(df, 1 - alpha / 2)]
    if together is not None:
        limits.append(stdtrit(df, ndtr(np.broadcast_to(together[:, None], df.shape))))
    k = np.stack(limits)
    half = k * error
    own = stdtrit(np.maximum(n - 1, 1), 1 - alpha / 2) * np.sqrt(q)
    return Comparison(
        v,
        v - own,
        v + own,
        q,
        n,
        cov,
        df,
        p,
        # Each arm has its own df: its p-value, read as normal, enters the joint distribution.
        p if together is None else dunnett.p_values(ndtri(np.maximum(p, 1e-300) / 2), loads),
        _five(mt - mc, mt - mc - half, mt - mc + half),
        _five(lift, *fieller.lift_limits(mt, mc, vt, vc, k, cov)),
    )


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


def _simultaneous(alpha: float, variance: Array) -> tuple[Array | None, Array]:
    """Critical values that hold for all arms at once; None when there is only one."""
    loads = dunnett.loadings(variance[:, 0], variance[:, 1:])
    if loads.shape[-1] == 1:
        return None, loads
    return dunnett.critical_value(alpha, loads, tolerance=1e-9), loads


def _five(value: Array, low: Array, high: Array) -> Array:
    """(metrics, treatments, 5); with one treatment the simultaneous limits are the plain ones."""
    return np.stack([value, low[0], high[0], low[-1], high[-1]], axis=-1)

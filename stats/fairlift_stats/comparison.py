"""Every arm against the control: one test per metric decides its p-value and both its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fairlift_stats import dunnett, fieller, score
from fairlift_stats.centring import NOISE
from fairlift_stats.errors import BadQuestion
from fairlift_stats.layout import Layout
from fairlift_stats.linear import Estimates, estimates
from fairlift_stats.moments import Moments
from fairlift_stats.quantiles import Quantiles
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
    """Arrays of answers, one column a metric; the first group is the control.

    Attributes:
        value, low, high: (groups, metrics) each arm's estimate and interval.
        variance: (groups, metrics) of the estimates.
        units: (groups, metrics) what the variance stands on: units, or buyers.
        with_control: (treatments, metrics) covariances with the control's estimate.
        df: (treatments, metrics); infinite for a score test.
        p: (treatments, metrics) two-sided.
        difference, lift: (5, treatments, metrics) value, low, simultaneous low, high, simultaneous
            high.
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
        x: (groups, metrics) successes.
        n: (groups, metrics) trials.
        alpha: two-sided.
        together: (metrics,) critical values that hold for all arms of a metric at once.
    """
    safe = np.maximum(n, 1.0)  # empty arms are reported as such; they must not divide by zero
    rate = x / safe
    (xt, nt, mt), (xc, nc, mc) = zip(*map(_against_control, (x, safe, rate)), strict=True)
    z = score.pooled_z(xt, nt, xc, nc)
    raw = float(-ndtri(alpha / 2))
    gap, ratio = score.limits(xt, nt, xc, nc, _levels(raw, together, len(mt)))
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = mt / mc - 1
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
        difference=_five(mt - mc, *gap),
        lift=_five(lift, ratio[0] - 1, ratio[1] - 1),
    )


def compare_linear(found: Estimates, alpha: float, together: Array) -> Comparison:
    """Means and ratios by Welch's t for the difference and Fieller's limits for the lift.

    Args:
        found: (groups, metrics) estimates.
        alpha: two-sided.
        together: (metrics,) critical values that hold for all arms of a metric at once.
    """
    v, q, n, cov = found.value, found.variance, found.units, found.with_control[1:]
    (mt, vt, nt), (mc, vc, nc) = zip(*map(_against_control, (v, q, n)), strict=True)
    # NaN where nothing varies, or less than 1 where an arm has one unit: reported as such.
    df = np.fmax(fieller.satterthwaite(vt, vc, nt, nc), 1.0)
    gap, error = mt - mc, np.sqrt(np.maximum(vt + vc - 2 * cov, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, np.abs(gap) / error, 0.0)
        lift = mt / mc - 1
    levels = _levels(float(-ndtri(alpha / 2)), together, len(mt))
    k = stdtrit(df, ndtr(levels))
    half = k * error
    own = stdtrit(np.maximum(n - 1, 1.0), 1 - alpha / 2) * np.sqrt(q)
    return Comparison(
        value=v,
        low=v - own,
        high=v + own,
        variance=q,
        units=n,
        with_control=cov,
        df=df,
        p=2 * stdtr(df, -t),
        difference=_five(gap, gap - half, gap + half),
        lift=_five(lift, *fieller.lift_limits(mt, mc, vt, vc, k, cov)),
    )


def simultaneous(variance: Array, alpha: float) -> tuple[Array, Array]:
    """(metrics,) critical values for all arms at once, and (metrics, treatments) loadings."""
    loads = dunnett.loadings(variance[0], variance[1:].T)
    return dunnett.critical_value(alpha, loads), loads


def joint_p(p: Array, loads: Array) -> Array:
    """(metrics, treatments) p-values for all arms of a metric together.

    Each arm has its own degrees of freedom: its p-value, read as normal, enters the joint
    distribution.
    """
    if len(p) == 1:
        return p.T
    # NaN, of an arm that cannot be compared, counts as 1: it must not silence the others.
    return dunnett.p_values(ndtri(np.fmin(np.maximum(p.T, 1e-300), 1.0) / 2), loads)


def linear_estimates(
    layout: Layout, moments: Moments, quantiles: Sequence[Quantiles] = ()
) -> Estimates:
    """(groups, metrics) estimates of all that is not judged by counts.

    Sums without covariates come at once, the others one by one. Quantiles have normal errors; NaN
    stands where an arm has none.

    Args:
        layout: of the metrics.
        moments: of the groups.
        quantiles: of each group, by metric.

    Raises:
        BadQuestion: an arm's quantile is at another level than the metric's.
    """
    split, n = layout.counted, np.maximum(moments.n, 1)[:, None]
    top, base, units = (
        moments.totals.take(at[split:], axis=1) for at in (layout.top, layout.base, layout.units)
    )
    flat = moments.covariances.reshape(len(n), -1)
    aa, ab, bb = (flat.take(at, axis=1) for at in layout.products)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = top / base
        parts = aa + value * value * bb
        spread = parts - 2 * value * ab
        # One price for all: what rounding leaves of a variance would pass for knowing it exactly.
        variance = np.where(spread > NOISE * parts, spread, 0.0) / (base / n) ** 2 / n
    with_control, reduction = np.zeros((2, *value.shape))
    for i, metric in layout.adjusted.items():
        row = estimates(moments, metric)
        value[:, i], variance[:, i], units[:, i] = row.value, row.variance, row.units
        with_control[:, i], reduction[:, i] = row.with_control, row.reduction
    for i, asked in layout.quantiles.items():
        arms = [group.get(asked.name) for group in quantiles]
        for arm in arms:
            if arm is not None and arm.level != asked.at:
                raise BadQuestion(
                    f"{asked.name}: is the quantile at {asked.at}, an arm has that at {arm.level}"
                )
        value[:, i] = [np.nan if arm is None else arm.value for arm in arms]
        variance[:, i] = [np.nan if arm is None else arm.variance for arm in arms]
        units[:, i] = np.inf
    return Estimates(value, variance, with_control, units, np.zeros((0, 0)), reduction)


def _against_control(groups: Array) -> tuple[Array, Array]:
    """The treatments and, for each of them, the control: arrays of one shape are the quickest."""
    return groups[1:], groups[:1].repeat(len(groups) - 1, axis=0)


def _levels(raw: float, together: Array, treatments: int) -> Array:
    """(levels, treatments, metrics) critical values: plain and, with several arms, joint."""
    plain = np.full(len(together), raw)
    return np.array(
        [[plain]] if treatments == 1 else [[plain] * treatments, [together] * treatments]
    )


def _five(value: Array, low: Array, high: Array) -> Array:
    """(5, treatments, metrics): value, low, simultaneous low, high, simultaneous high.

    With one treatment the simultaneous limits are the plain ones.
    """
    five = np.empty((5, *value.shape))
    five[0], five[1:3], five[3:] = value, low, high
    return five

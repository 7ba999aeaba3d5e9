"""Each arm against the control: one test per metric gives its p-value and both intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fairlift_stats.arrays import Array
from fairlift_stats.data.metrics import Quantile
from fairlift_stats.data.moments import Moments
from fairlift_stats.data.sums import NOISE
from fairlift_stats.errors import BadQuestion
from fairlift_stats.methods import dunnett, fieller, score
from fairlift_stats.methods.delta_method import Estimates, estimates
from fairlift_stats.methods.one_rate import wilson_limits
from fairlift_stats.methods.quantiles import QuantileArm, Quantiles
from fairlift_stats.report.layout import Layout, RateCounts

__all__ = [
    "EffectLimits",
    "JointTest",
    "MetricComparisons",
    "compare_linear",
    "compare_rates",
    "joint_p",
    "joint_test",
    "linear_estimates",
]


class EffectLimits(NamedTuple):
    """An effect with its limits, and with those that hold for all treatments at once."""

    value: float
    low: float
    simultaneous_low: float
    high: float
    simultaneous_high: float


@dataclass(frozen=True, slots=True)
class MetricComparisons:
    """Arrays of results, one column per metric; the first group is the control.

    Attributes:
        value, low, high: (groups, metrics) each arm's estimate and interval.
        variance: (groups, metrics) of the estimates.
        units: (groups, metrics) that the variance is estimated from: units, or buyers.
        with_control: (treatments, metrics) covariances with the control's estimate.
        df: (treatments, metrics); infinite for a score test.
        p: (treatments, metrics) two-sided.
        difference, lift: (5, treatments, metrics) by the fields of `EffectLimits`.
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


@dataclass(frozen=True, slots=True)
class JointTest:
    """What several treatments share by their common control, per metric.

    Attributes:
        critical: (metrics,) values that hold for all treatments at once.
        loadings: (metrics, treatments) of Dunnett's distribution.
    """

    critical: Array
    loadings: Array


def compare_rates(counts: RateCounts, alpha: float, critical: Array) -> MetricComparisons:
    """Rates by Miettinen–Nurminen: score p-value, score intervals of difference and ratio.

    Args:
        counts: (groups, metrics) successes and trials.
        alpha: two-sided.
        critical: (metrics,) values that hold for all treatments at once.
    """
    x, n = counts
    # Empty arms have their own answer later; here they must not divide by zero.
    safe = np.maximum(n, 1.0)
    rate = x / safe
    (xt, nt, mt), (xc, nc, mc) = zip(*map(_against_control, (x, safe, rate)), strict=True)
    z = score.pooled_z(xt, nt, xc, nc)
    single = float(-ndtri(alpha / 2))
    difference, ratio = score.limits(xt, nt, xc, nc, _levels(single, critical, len(mt)))
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = mt / mc - 1
    low, high = wilson_limits(x, safe, single)
    return MetricComparisons(
        value=rate,
        low=low,
        high=high,
        variance=rate * (1 - rate) / safe,
        units=n,
        with_control=np.zeros(z.shape),
        df=np.full(z.shape, np.inf),
        p=2 * ndtr(-np.abs(z)),
        difference=_effect_limits(mt - mc, *difference),
        lift=_effect_limits(lift, ratio[0] - 1, ratio[1] - 1),
    )


def compare_linear(estimated: Estimates, alpha: float, critical: Array) -> MetricComparisons:
    """Means and ratios by Welch's t for the difference and Fieller's limits for the lift.

    Args:
        estimated: (groups, metrics) estimates.
        alpha: two-sided.
        critical: (metrics,) values that hold for all treatments at once.
    """
    value, variance, units = estimated.value, estimated.variance, estimated.units
    cov = estimated.with_control[1:]
    (mt, vt, nt), (mc, vc, nc) = zip(*map(_against_control, (value, variance, units)), strict=True)
    # NaN where nothing varies, or below 1 where an arm has one unit: both have no answer later.
    df = np.fmax(fieller.satterthwaite(vt, vc, nt, nc), 1.0)
    gap, error = mt - mc, np.sqrt(np.maximum(vt + vc - 2 * cov, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, np.abs(gap) / error, 0.0)
        lift = mt / mc - 1
    levels = _levels(float(-ndtri(alpha / 2)), critical, len(mt))
    k = stdtrit(df, ndtr(levels))
    half = k * error
    half_of_arm = stdtrit(np.maximum(units - 1, 1.0), 1 - alpha / 2) * np.sqrt(variance)
    return MetricComparisons(
        value=value,
        low=value - half_of_arm,
        high=value + half_of_arm,
        variance=variance,
        units=units,
        with_control=cov,
        df=df,
        p=2 * stdtr(df, -t),
        difference=_effect_limits(gap, gap - half, gap + half),
        lift=_effect_limits(lift, *fieller.lift_limits(mt, mc, vt, vc, k, cov)),
    )


def joint_test(variance: Array, alpha: float) -> JointTest:
    """Dunnett's test from the (groups, metrics) variances of the estimates."""
    loadings = dunnett.loadings(variance[0], variance[1:].T)
    return JointTest(dunnett.critical_value(alpha, loadings), loadings)


def joint_p(p: Array, loadings: Array) -> Array:
    """(metrics, treatments) p-values adjusted for all treatments of a metric.

    Each treatment has its own degrees of freedom: its p-value, read as normal, enters the joint
    distribution.
    """
    if len(p) == 1:
        return p.T
    # NaN, of an arm that cannot be compared, counts as 1, so that the others keep their answers.
    return dunnett.p_values(ndtri(np.fmin(np.maximum(p.T, 1e-300), 1.0) / 2), loadings)


def linear_estimates(
    layout: Layout, moments: Moments, quantiles: Sequence[Quantiles] = ()
) -> Estimates:
    """(groups, metrics) estimates of all metrics that are not rates judged by counts.

    Sums without covariates are computed at once, the others one by one. Quantiles have normal
    errors; NaN stands where an arm has none.

    Args:
        layout: of the metrics.
        moments: of the groups.
        quantiles: of each group, by metric.

    Raises:
        BadQuestion: an arm's quantile is at another level than the metric's.
    """
    n = np.maximum(moments.n, 1)[:, None]
    numerator, denominator, units = (
        moments.totals.take(columns[layout.rate_count :], axis=1)
        for columns in (layout.numerators, layout.denominators, layout.units)
    )
    flat, at = moments.covariances.reshape(len(n), -1), layout.covariances
    with np.errstate(divide="ignore", invalid="ignore"):
        value = numerator / denominator
        squares = flat.take(at.numerator, axis=1) + value * value * flat.take(
            at.denominator, axis=1
        )
        spread = squares - 2 * value * flat.take(at.mixed, axis=1)
        # One price for all orders: rounding alone must not pass for a variance.
        variance = np.where(spread > NOISE * squares, spread, 0.0) / (denominator / n) ** 2 / n
    with_control, reduction = np.zeros((2, *value.shape))
    for i, metric in layout.adjusted.items():
        adjusted = estimates(moments, metric)
        value[:, i], variance[:, i], units[:, i] = (
            adjusted.value, adjusted.variance, adjusted.units,
        )  # fmt: skip
        with_control[:, i], reduction[:, i] = adjusted.with_control, adjusted.reduction
    for i, quantile in layout.quantiles.items():
        arms = [_quantile_arm(quantile, group) for group in quantiles]
        value[:, i] = [np.nan if arm is None else arm.value for arm in arms]
        variance[:, i] = [np.nan if arm is None else arm.variance for arm in arms]
        units[:, i] = np.inf
    return Estimates(value, variance, with_control, units, np.zeros((0, 0)), reduction)


def _quantile_arm(quantile: Quantile, arms: Quantiles) -> QuantileArm | None:
    arm = arms.get(quantile.name)
    if arm is not None and arm.level != quantile.at:
        raise BadQuestion(
            f"{quantile.name}: is the quantile at {quantile.at}, an arm's is at {arm.level}"
        )
    return arm


def _against_control(groups: Array) -> tuple[Array, Array]:
    """The treatments and, for each of them, the control: arrays of one shape are the quickest."""
    return groups[1:], groups[:1].repeat(len(groups) - 1, axis=0)


def _levels(single: float, critical: Array, treatments: int) -> Array:
    """(levels, treatments, metrics) critical values: single and, with several arms, joint."""
    singles = np.full(len(critical), single)
    return np.array(
        [[singles]] if treatments == 1 else [[singles] * treatments, [critical] * treatments]
    )


def _effect_limits(value: Array, low: Array, high: Array) -> Array:
    """(5, treatments, metrics) by the fields of `EffectLimits`.

    `low` and `high` have a first axis of levels; with one treatment its only level is for both.
    """
    limits = np.empty((len(EffectLimits._fields), *value.shape))
    limits[0], limits[1:3], limits[3:] = value, low, high
    return limits

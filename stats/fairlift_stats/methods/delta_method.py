"""Means and ratios per arm, plain or adjusted by what was known before: one formula for both."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from fairlift_stats.arrays import Array
from fairlift_stats.data.metrics import Ratio, Summed
from fairlift_stats.data.moments import Moments, stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import NOISE

__all__ = ["Adjust", "Estimates", "adjust", "estimates", "estimates_within", "linearised"]

Adjust: TypeAlias = Literal["by_arm", "pooled"]
Moved: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of some groups, first the control.

    Attributes:
        value: (groups,) estimates.
        variance: (groups,) variances of the estimates.
        with_control: (groups,) covariance of each estimate with the control's.
        units: (groups,) units that the variance stands on, less covariates.
        slopes: (groups, covariates); empty when nothing was adjusted.
        reduction: (groups,) share of the variance that the covariates took away.
    """

    value: Array
    variance: Array
    with_control: Array
    units: Array
    slopes: Array
    reduction: Array


def linearised(moments: Moments, numerators: list[int], denominators: list[int]) -> tuple[
    Array, Array
]:  # fmt: skip
    """Ratios (groups, metrics) and the covariance (groups, metrics, metrics) of their linear forms.

    The linear form of a ratio R = Σa/Σb is (a − R·b)/b̄ per unit, whose mean has R's variance.

    Source: Deng, Knoblich, Lu (2018); R's survey::svyratio gives the same.
    """
    a, b = np.asarray(numerators), np.asarray(denominators)
    top, base = moments.means[:, a], moments.means[:, b]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / base
        c = moments.covariances
        left, right = ratio[:, :, None], ratio[:, None, :]
        joint = (
            c[:, a[:, None], a[None, :]]
            - left * c[:, b[:, None], a[None, :]]
            - right * c[:, a[:, None], b[None, :]]
            + left * right * c[:, b[:, None], b[None, :]]
        ) / (base[:, :, None] * base[:, None, :])
        parts = c[:, a, a] + ratio * ratio * c[:, b, b]
        # One price for all: what rounding leaves of a variance would pass for knowing it exactly.
        lost = np.diagonal(joint, axis1=1, axis2=2) * base * base <= NOISE * parts
    joint[lost[:, :, None] | lost[:, None, :]] = 0.0
    return ratio, joint


def estimates(
    moments: Moments, metric: Summed, how: Adjust = "by_arm", *, slopes: Array | None = None
) -> Estimates:
    """Estimates of one metric in each group; with covariates, adjusted by them.

    Args:
        moments: of the groups.
        metric: what to estimate.
        how: whose slopes.
        slopes: (groups, covariates) if they come from elsewhere.

    Raises:
        StatisticsError: see `adjust`.
    """
    match metric:
        case Ratio():
            pairs: list[tuple[str, str | None]] = [
                (metric.numerator, metric.denominator),
                *metric.covariates,
            ]
        case _:
            pairs = [(metric.column, None), *((x, None) for x in metric.covariates)]
    numerators = [moments.at(a) for a, _ in pairs]
    denominators = [moments.at(b) for _, b in pairs]
    value, joint = linearised(moments, numerators, denominators)
    units = moments.n
    if isinstance(metric, Ratio) and metric.buyers is not None:
        # Units without a denominator carry no information about a ratio.
        units = moments.totals[:, moments.at(metric.buyers)]
    if metric.covariates:
        whole = stack([Summary.total(moments.summaries)], moments.columns)
        union = linearised(whole, numerators, denominators)
        whole_moved = (union[0][0], union[1][0])
        return adjust(moments.n, (value, joint), whole_moved, units=units, how=how, slopes=slopes)
    variance = joint[:, 0, 0] / np.maximum(moments.n, 1)
    nothing = np.zeros((len(units), 0))
    return Estimates(value[:, 0], variance, np.zeros_like(variance), units, nothing, variance * 0)


def estimates_within(moments: Moments, metric: Summed, arms: int) -> Estimates:
    """Estimates in segments, each adjusted by the slopes that its arm has in all of them together.

    Those are all but fixed: a segment of 20 units pays nothing for a fit of its own.

    Args:
        moments: of the groups, all arms of a segment beside each other, in the same order.
        metric: with covariates.
        arms: how many a segment has.
    """
    columns = moments.columns
    groups = [group.select(columns) for group in moments.summaries]
    whole = stack([Summary.total(groups[a::arms]) for a in range(arms)], columns)
    slopes = estimates(whole, metric).slopes
    found = [
        estimates(stack(groups[i : i + arms], columns), metric, slopes=slopes)
        for i in range(0, len(groups), arms)
    ]
    names = ("value", "variance", "with_control", "units", "slopes", "reduction")
    return Estimates(*(np.concatenate([getattr(each, name) for each in found]) for name in names))


def adjust(
    n: Array,
    arms: Moved,
    whole: Moved,
    *,
    units: Array,
    how: Adjust = "by_arm",
    slopes: Array | None = None,
) -> Estimates:
    """Means of the first column, moved to where all groups have the same covariates (CUPED).

    `by_arm` fits slopes in each arm, and lets the mean of the covariates be uncertain; `pooled`
    fits one slope on all units, as most tools do. Covariates that do not vary, or repeat others,
    are let go. Covariates must be measured before exposure.

    Args:
        n: (groups,) units.
        arms: means (groups, 1 + covariates) and covariances, the outcome first.
        whole: the same of all groups together, (1 + covariates,) and its square.
        units: (groups,) units behind the degrees of freedom.
        how: whose slopes.
        slopes: (groups, covariates) if they come from elsewhere: they cost no degrees of freedom.

    Source: Deng et al. (2013); Lin (2013); Negi and Wooldridge (2021). Checked against R's lm with
    interactions, and, pooled, against tea-tasting and gbstats.
    """
    (means, joint), (centre, union) = arms, whole
    # A covariate that an arm cannot have (no orders before) explains nothing there.
    joint, union, centre = (np.nan_to_num(part, posinf=0.0) for part in (joint, union, centre))
    x, y = np.where(np.isfinite(means[:, 1:]), means[:, 1:], centre[1:]), means[:, 0]
    lost: Array | float = 0.0
    shared = union[1:, 1:] / max(float(n.sum()), 1.0)
    if slopes is None and how == "pooled":
        slopes, shared = np.broadcast_to(_slopes(union)[0], x.shape), np.zeros_like(shared)
    elif slopes is None:
        fits = [_slopes(group) for group in joint]
        slopes = np.array([slope for slope, _ in fits])
        lost = np.array([float(rank) for _, rank in fits])
    spread = (
        joint[:, 0, 0]
        - 2 * np.einsum("gi,gi->g", slopes, joint[:, 1:, 0])
        + np.einsum("gi,gij,gj->g", slopes, joint[:, 1:, 1:], slopes)
    )
    spread = np.where(spread > NOISE * joint[:, 0, 0], spread, 0.0)
    freedom = np.maximum(n - 1 - lost, 1)
    own = spread * np.maximum(n - 1, 1) / freedom / np.maximum(n, 1)
    value = y - np.einsum("gi,gi->g", slopes, x - centre[1:])
    common = slopes @ shared @ slopes.T
    with np.errstate(divide="ignore", invalid="ignore"):
        reduction = np.where(joint[:, 0, 0] > 0, 1 - spread / joint[:, 0, 0], 0.0)
    return Estimates(value, own + np.diagonal(common), common[0], units - lost, slopes, reduction)


def _slopes(joint: Array) -> tuple[Array, int]:
    """Least-squares slopes of the first column on the others, and how many of them count."""
    scale = np.sqrt(np.diagonal(joint)[1:])
    scale = np.where(scale > 0, scale, 1.0)
    correlations = joint[1:, 1:] / np.outer(scale, scale)
    inverse = np.linalg.pinv(correlations, rcond=1e-10, hermitian=True)
    return inverse @ (joint[1:, 0] / scale) / scale, int(np.linalg.matrix_rank(inverse))

"""Means and ratios per arm by the delta method, plain or adjusted by covariates (CUPED)."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from fairlift_stats.arrays import Array
from fairlift_stats.data.metrics import Ratio, Summed
from fairlift_stats.data.moments import Moments, stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import NOISE

__all__ = [
    "Adjust",
    "Estimates",
    "LinearForms",
    "adjust",
    "estimates",
    "estimates_within",
    "linearised",
]

Adjust: TypeAlias = Literal["by_arm", "pooled"]


class LinearForms(NamedTuple):
    """Ratios and the covariances of their linear forms.

    Attributes:
        ratio: (groups, metrics).
        covariance: (groups, metrics, metrics).
    """

    ratio: Array
    covariance: Array


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of some groups, first the control.

    Attributes:
        value: (groups,) estimates.
        variance: (groups,) variances of the estimates.
        with_control: (groups,) covariance of each estimate with the control's.
        units: (groups,) units that the variance is estimated from, less covariates.
        slopes: (groups, covariates); empty when nothing was adjusted.
        reduction: (groups,) share of the variance that the covariates removed.
    """

    value: Array
    variance: Array
    with_control: Array
    units: Array
    slopes: Array
    reduction: Array


def linearised(moments: Moments, numerators: list[int], denominators: list[int]) -> LinearForms:
    """Ratios of sums in each group, and the covariances of their linear forms.

    The linear form of a ratio R = Σa/Σb is (a − R·b)/b̄ per unit, whose mean has R's variance.

    Source: Deng, Knoblich, Lu (2018); R's survey::svyratio gives the same.
    """
    a, b = np.asarray(numerators), np.asarray(denominators)
    top, base = moments.means[:, a], moments.means[:, b]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / base
        c = moments.covariances
        left, right = ratio[:, :, None], ratio[:, None, :]
        covariance = (
            c[:, a[:, None], a[None, :]]
            - left * c[:, b[:, None], a[None, :]]
            - right * c[:, a[:, None], b[None, :]]
            + left * right * c[:, b[:, None], b[None, :]]
        ) / (base[:, :, None] * base[:, None, :])
        squares = c[:, a, a] + ratio * ratio * c[:, b, b]
        # One price for all orders: rounding alone must not pass for a variance.
        noise = np.diagonal(covariance, axis1=1, axis2=2) * base * base <= NOISE * squares
    covariance[noise[:, :, None] | noise[:, None, :]] = 0.0
    return LinearForms(ratio, covariance)


def estimates(
    moments: Moments, metric: Summed, how: Adjust = "by_arm", *, slopes: Array | None = None
) -> Estimates:
    """Estimates of one metric in each group; with covariates, adjusted by them.

    Args:
        moments: of the groups.
        metric: what to estimate.
        how: slopes of each arm, or one slope for all.
        slopes: (groups, covariates), if already known.

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
    forms = linearised(moments, numerators, denominators)
    units = moments.n
    if isinstance(metric, Ratio) and metric.buyers is not None:
        # Units without a denominator carry no information about a ratio.
        units = moments.totals[:, moments.at(metric.buyers)]
    if metric.covariates:
        all_groups = stack([Summary.total(moments.summaries)], moments.columns)
        overall = linearised(all_groups, numerators, denominators)
        return adjust(moments.n, forms, overall, units=units, how=how, slopes=slopes)
    variance = forms.covariance[:, 0, 0] / np.maximum(moments.n, 1)
    zeros = np.zeros_like(variance)
    no_slopes = np.zeros((len(units), 0))
    return Estimates(forms.ratio[:, 0], variance, zeros, units, no_slopes, zeros)


def estimates_within(moments: Moments, metric: Summed, arms: int) -> Estimates:
    """Estimates in segments, each adjusted by its arm's slopes over all segments.

    Those slopes are nearly fixed: a segment of 20 units need not fit its own.

    Args:
        moments: of the groups: all arms of one segment, then all arms of the next.
        metric: with covariates.
        arms: per segment.
    """
    columns = moments.columns
    groups = [group.select(columns) for group in moments.summaries]
    totals = stack([Summary.total(groups[arm::arms]) for arm in range(arms)], columns)
    slopes = estimates(totals, metric).slopes
    segments = [
        estimates(stack(groups[i : i + arms], columns), metric, slopes=slopes)
        for i in range(0, len(groups), arms)
    ]
    return Estimates(
        value=np.concatenate([segment.value for segment in segments]),
        variance=np.concatenate([segment.variance for segment in segments]),
        with_control=np.concatenate([segment.with_control for segment in segments]),
        units=np.concatenate([segment.units for segment in segments]),
        slopes=np.concatenate([segment.slopes for segment in segments]),
        reduction=np.concatenate([segment.reduction for segment in segments]),
    )


def adjust(
    n: Array,
    arms: LinearForms,
    overall: LinearForms,
    *,
    units: Array,
    how: Adjust = "by_arm",
    slopes: Array | None = None,
) -> Estimates:
    """Means of the first column, adjusted to equal covariates in all groups (CUPED).

    `by_arm` fits slopes in each arm and counts the uncertainty of the covariates' mean; `pooled`
    fits one slope on all units, as most tools do. Covariates that do not vary, or repeat others,
    are dropped. Covariates must be measured before exposure.

    Args:
        n: (groups,) units.
        arms: the outcome first, then the covariates.
        overall: the same of all groups together, as one group.
        units: (groups,) units behind the degrees of freedom.
        how: slopes of each arm, or one slope for all.
        slopes: (groups, covariates), if already known: they cost no degrees of freedom.

    Source: Deng et al. (2013); Lin (2013); Negi and Wooldridge (2021). Checked against R's lm with
    interactions, and, pooled, against tea-tasting and gbstats.
    """
    means, centre = arms.ratio, np.nan_to_num(overall.ratio[0], posinf=0.0)
    # A covariate that an arm cannot have (no orders before) explains nothing there.
    joint, union = (
        np.nan_to_num(part, posinf=0.0) for part in (arms.covariance, overall.covariance[0])
    )
    x, y = np.where(np.isfinite(means[:, 1:]), means[:, 1:], centre[1:]), means[:, 0]
    fitted: Array | float = 0.0
    shared = union[1:, 1:] / max(float(n.sum()), 1.0)
    if slopes is None and how == "pooled":
        slopes, shared = np.broadcast_to(_slopes(union)[0], x.shape), np.zeros_like(shared)
    elif slopes is None:
        fits = [_slopes(group) for group in joint]
        slopes = np.array([slope for slope, _ in fits])
        fitted = np.array([float(rank) for _, rank in fits])
    spread = (
        joint[:, 0, 0]
        - 2 * np.einsum("gi,gi->g", slopes, joint[:, 1:, 0])
        + np.einsum("gi,gij,gj->g", slopes, joint[:, 1:, 1:], slopes)
    )
    spread = np.where(spread > NOISE * joint[:, 0, 0], spread, 0.0)
    freedom = np.maximum(n - 1 - fitted, 1)
    variance = spread * np.maximum(n - 1, 1) / freedom / np.maximum(n, 1)
    value = y - np.einsum("gi,gi->g", slopes, x - centre[1:])
    common = slopes @ shared @ slopes.T
    with np.errstate(divide="ignore", invalid="ignore"):
        reduction = np.where(joint[:, 0, 0] > 0, 1 - spread / joint[:, 0, 0], 0.0)
    return Estimates(
        value, variance + np.diagonal(common), common[0], units - fitted, slopes, reduction
    )


def _slopes(joint: Array) -> tuple[Array, int]:
    """Least-squares slopes of the first column on the others, and how many of them count."""
    scale = np.sqrt(np.diagonal(joint)[1:])
    scale = np.where(scale > 0, scale, 1.0)
    correlations = joint[1:, 1:] / np.outer(scale, scale)
    inverse = np.linalg.pinv(correlations, rcond=1e-10, hermitian=True)
    return inverse @ (joint[1:, 0] / scale) / scale, int(np.linalg.matrix_rank(inverse))

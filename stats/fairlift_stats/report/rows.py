"""One row per metric: the arithmetic of all metrics at once, handed on as Python numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fairlift_stats.data.metrics import Metric, Quantile
from fairlift_stats.data.moments import Moments
from fairlift_stats.data.sums import NOISE
from fairlift_stats.effects import CannotSay, Reason
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.report.comparison import (
    Comparison,
    compare_linear,
    compare_rates,
    joint_p,
    linear_estimates,
    simultaneous,
)
from fairlift_stats.report.layout import Layout
from fairlift_stats.report.question import Planned

__all__ = ["Row", "rows_of"]

# What a row takes from a `Comparison`, in the order of its own fields.
FIELDS = (
    "value", "low", "high", "variance", "units", "df", "with_control", "p", "difference", "lift",
)  # fmt: skip


class Row(NamedTuple):
    """One metric's part of a comparison; lists over arms, the control first, or over treatments.

    A tuple, since many are made at every look and tuples are made the quickest.

    Attributes:
        planned: the metric and its role.
        is_rate: it is judged by counts.
        n: units per arm.
        events: successes of a rate, buyers of a mean or ratio that names them; else empty.
        reduction: share of the variance that covariates took away, per arm.
        joint_p: p-values for all arms of the metric together.
        others: see `Comparison`.
    """

    planned: Planned
    is_rate: bool
    n: list[float]
    events: list[float]
    reduction: list[float]
    joint_p: list[float]
    value: list[float]
    low: list[float]
    high: list[float]
    variance: list[float]
    units: list[float]
    df: list[float]
    with_control: list[float]
    p: list[float]
    difference: list[list[float]]
    lift: list[list[float]]

    @property
    def metric(self) -> Metric:
        """The metric."""
        return self.planned.metric

    def cannot_compare(self, i: int) -> CannotSay | None:
        """Why treatment i (1 is the first) cannot be compared with the control; None if it can."""
        units = min(self.units[0], self.units[i])
        if self.n[0] == 0 or self.n[i] == 0:
            reason, why = Reason.NO_UNITS, "an arm has no units yet"
        elif self.is_rate:
            if units > 0:
                return None
            reason, why = Reason.NO_DENOMINATOR, "an arm has an empty base yet"
        elif isinstance(self.metric, Quantile) and math.isnan(self.value[0] + self.value[i]):
            reason, why = Reason.TOO_FEW_UNITS, "an arm has too few values for this quantile"
        elif not (math.isfinite(self.value[0]) and math.isfinite(self.value[i])):
            reason, why = Reason.NO_DENOMINATOR, "an arm's denominator is zero: there is no ratio"
        elif units < 2:
            reason, why = Reason.TOO_FEW_UNITS, "an arm has fewer than two units to learn from"
        elif isinstance(self.metric, Quantile) and self._is_tied(i):
            price = f"{min(self.value[0], self.value[i]):g}"
            reason, why = (
                Reason.TIED_VALUES,
                (
                    f"many values are equal ({price}), so the quantile jumps from one to the next; "
                    f"compare the share of values at or below {price} instead"
                ),
            )
        elif self._noise_of_difference(i) > NOISE * (self.variance[0] + self.variance[i]):
            return None
        else:
            reason, why = Reason.NO_VARIATION, "units do not vary, so chance cannot be judged"
        return CannotSay(reason, f"{self.metric.name}: {why}.")

    def _is_tied(self, i: int) -> bool:
        """Do equal values leave one arm without an error? If both have none, nothing varies."""
        control, treatment = self.variance[0], self.variance[i]
        return math.isnan(control + treatment) or (control == 0) != (treatment == 0)

    def _noise_of_difference(self, i: int) -> float:
        return self.variance[0] + self.variance[i] - 2 * self.with_control[i - 1]


def rows_of(
    planned: Sequence[Planned],
    layout: Layout,
    moments: Moments,
    quantiles: Sequence[Quantiles],
    alpha: float,
) -> list[Row]:
    """The rows of all metrics, in the order of the plan."""
    split, (x, n) = layout.counted, layout.counts(moments)
    linear = linear_estimates(layout, moments, quantiles)
    # Under no difference the variances of two rates differ by their units alone.
    null = np.concatenate(
        [1 / np.maximum(n, 1.0), np.where(linear.variance > 0, linear.variance, 1e-300)], axis=1
    )
    together, loads = simultaneous(null, alpha)
    found = []
    if split:
        found.append(compare_rates(x, n, alpha, together[:split]))
    if split < len(planned):
        found.append(compare_linear(linear, alpha, together[split:]))
    joint = joint_p(np.concatenate([f.p for f in found], axis=1), loads).tolist()
    sums = moments.totals.T.tolist()
    events = [[] if at is None else sums[at] for at in layout.events]
    reduction = [*np.zeros_like(x.T).tolist(), *linear.reduction.T.tolist()]
    parts = enumerate(zip(layout.places, events, reduction, joint, *_columns(found), strict=True))
    rows = {i: Row(planned[i], k < split, sums[-1], *rest) for k, (i, *rest) in parts}
    return [rows[i] for i in range(len(planned))]


def _columns(found: list[Comparison]) -> list[list[object]]:
    """The fields of one or two comparisons as lists, one entry a metric."""
    fields = [[getattr(part, name).T.tolist() for name in FIELDS] for part in found]
    return [[row for part in parts for row in part] for parts in zip(*fields, strict=True)]

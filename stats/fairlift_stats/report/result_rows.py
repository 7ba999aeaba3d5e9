"""One row per metric: the arithmetic of all metrics at once, as Python numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fairlift_stats.arrays import Array
from fairlift_stats.data.metrics import Metric, Quantile
from fairlift_stats.data.moments import Moments
from fairlift_stats.data.sums import NOISE
from fairlift_stats.effects import CannotSay, CannotSayCode
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.report.comparison import (
    EffectLimits,
    compare_linear,
    compare_rates,
    joint_p,
    joint_test,
    linear_estimates,
)
from fairlift_stats.report.layout import Layout
from fairlift_stats.report.question import MetricInRole

__all__ = ["ResultRow", "result_rows"]


class ResultRow(NamedTuple):
    """One metric's part of the comparisons; lists over arms, the control first, or treatments.

    A named tuple, since a report makes many and nothing is made faster.

    Attributes:
        planned: the metric and its role.
        is_rate: whether it is judged by counts.
        n: units per arm.
        events: successes of a rate, buyers of a mean or ratio that names them; else empty.
        reduction: share of the variance that covariates removed, per arm.
        joint_p: p-values adjusted for all treatments of the metric.
        others: see `MetricComparisons`.
    """

    planned: MetricInRole
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
    with_control: list[float]
    df: list[float]
    p: list[float]
    difference: list[EffectLimits]
    lift: list[EffectLimits]

    @property
    def metric(self) -> Metric:
        """The metric."""
        return self.planned.metric

    def cannot_compare(self, i: int) -> CannotSay | None:
        """Why treatment i (1 is the first) cannot be compared with the control; None if it can."""
        units = min(self.units[0], self.units[i])
        if self.n[0] == 0 or self.n[i] == 0:
            code = CannotSayCode.NO_UNITS
            reason = "an arm has no units yet"
        elif self.is_rate:
            if units > 0:
                return None
            code, reason = (
                CannotSayCode.NO_DENOMINATOR,
                "an arm has no units in the rate's base yet",
            )
        elif isinstance(self.metric, Quantile) and math.isnan(self.value[0] + self.value[i]):
            code, reason = (
                CannotSayCode.TOO_FEW_UNITS,
                "an arm has too few values for this quantile",
            )
        elif not (math.isfinite(self.value[0]) and math.isfinite(self.value[i])):
            code, reason = (
                CannotSayCode.NO_DENOMINATOR,
                "an arm's denominator is zero: there is no ratio",
            )
        elif units < 2:
            code = CannotSayCode.TOO_FEW_UNITS
            reason = "an arm has fewer than two units"
        elif isinstance(self.metric, Quantile) and self._has_one_value(i) and self._is_zero(i):
            code, reason = CannotSayCode.NO_EVENTS, "in both arms it is zero"
        elif isinstance(self.metric, Quantile) and self._has_one_value(i) and self._differs(i):
            value = f"{min(self.value[0], self.value[i]):g}"
            code, reason = (
                CannotSayCode.TIED_VALUES,
                (
                    f"many values are equal ({value}), so the quantile jumps from one to the next; "
                    f"compare the share of values at or below {value} instead"
                ),
            )
        elif self._variance_of_difference(i) > NOISE * (self.variance[0] + self.variance[i]):
            return None
        else:
            code, reason = (
                CannotSayCode.NO_VARIATION,
                "units do not vary, so chance cannot be judged",
            )
        return CannotSay(code, f"{self.metric.name}: {reason}.")

    def _has_one_value(self, i: int) -> bool:
        """Are all values near the quantile the same, in each of the two arms?"""
        return bool(self.variance[0] == 0 and self.variance[i] == 0)

    def _is_zero(self, i: int) -> bool:
        return bool(self.value[0] == 0 and self.value[i] == 0)

    def _differs(self, i: int) -> bool:
        return bool(self.value[0] != self.value[i])

    def _variance_of_difference(self, i: int) -> float:
        return self.variance[0] + self.variance[i] - 2 * self.with_control[i - 1]


def result_rows(
    planned: Sequence[MetricInRole],
    layout: Layout,
    moments: Moments,
    quantiles: Sequence[Quantiles],
    alpha: float,
) -> list[ResultRow]:
    """The rows of all metrics, in the order of the plan."""
    rates, counts = layout.rate_count, layout.counts(moments)
    linear = linear_estimates(layout, moments, quantiles)
    # Without a difference, the variances of two rates differ by their units alone.
    null = np.concatenate(
        [
            1 / np.maximum(counts.trials, 1.0),
            np.where(linear.variance > 0, linear.variance, 1e-300),
        ],
        axis=1,
    )
    joint = joint_test(null, alpha)
    compared = []
    if rates:
        compared.append(compare_rates(counts, alpha, joint.critical[:rates]))
    if rates < len(planned):
        compared.append(compare_linear(linear, alpha, joint.critical[rates:]))
    p = joint_p(np.concatenate([part.p for part in compared], axis=1), joint.loadings).tolist()
    totals = moments.totals.T.tolist()
    no_reduction = [[0.0] * len(moments.n)] * rates
    reduction = [*no_reduction, *linear.reduction.T.tolist()]
    numbers = [
        row
        for part in compared
        for row in zip(
            part.value.T.tolist(), part.low.T.tolist(), part.high.T.tolist(),
            part.variance.T.tolist(), part.units.T.tolist(), part.with_control.T.tolist(),
            part.df.T.tolist(), part.p.T.tolist(), _effect_limits(part.difference),
            _effect_limits(part.lift), strict=True,
        )
    ]  # fmt: skip
    rows: dict[int, ResultRow] = {}
    for k, i in enumerate(layout.plan_positions):
        column = layout.events[k]
        events = [] if column is None else totals[column]
        rows[i] = ResultRow(
            planned[i], k < rates, totals[-1], events, reduction[k], p[k], *numbers[k]
        )
    return [rows[i] for i in range(len(planned))]


def _effect_limits(numbers: Array) -> list[list[EffectLimits]]:
    """(metrics, treatments) records of (5, treatments, metrics) numbers."""
    return [[EffectLimits._make(five) for five in metric] for metric in numbers.T.tolist()]

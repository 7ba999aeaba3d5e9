"""Where each metric's columns stand: computed once per plan, used at every look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fairlift_stats.arrays import Array, Indices
from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio, Summed
from fairlift_stats.data.moments import Moments
from fairlift_stats.errors import BadSummary

__all__ = ["Layout", "RateCounts"]


class RateCounts(NamedTuple):
    """Successes and trials of rates, (groups, rates) each."""

    successes: Array
    trials: Array


class MetricColumns(NamedTuple):
    """The columns of a metric, which is a ratio of two sums; None is the constant column.

    Attributes:
        numerator, denominator: the columns of the two sums.
        units: the 0/1 column of the units that the variance is estimated from.
        events: the 0/1 column of successes or buyers; None if the metric has none.
    """

    numerator: str | None = None
    denominator: str | None = None
    units: str | None = None
    events: str | None = None


@dataclass(frozen=True, slots=True)
class CovarianceIndices:
    """(ratios,) positions of the covariances of each ratio's sums, in a flattened matrix."""

    numerator: Indices
    mixed: Indices
    denominator: Indices


@dataclass(frozen=True, slots=True)
class Layout:
    """Metrics in the order of the arithmetic: first rates judged by counts, then the others.

    A sum over all units has the constant column as its denominator.

    Attributes:
        metrics: in this order.
        plan_positions: position of each metric in the plan.
        rate_count: how many metrics are rates judged by counts.
        numerators, denominators, units: (metrics,) columns of the two sums, and of the units that
            the variance is estimated from.
        covariances: of the metrics that are not rates judged by counts.
        events: column of each metric's successes or buyers; None if it has none.
        adjusted, quantiles: metrics with covariates, and quantiles, by position after the rates.
    """

    metrics: tuple[Metric, ...]
    plan_positions: tuple[int, ...]
    rate_count: int
    numerators: Indices
    denominators: Indices
    units: Indices
    covariances: CovarianceIndices
    events: tuple[int | None, ...]
    adjusted: Mapping[int, Summed]
    quantiles: Mapping[int, Quantile]

    @classmethod
    def of(cls, metrics: Sequence[Metric], columns: tuple[str, ...]) -> "Layout":
        """The layout of these metrics over summaries with these columns."""
        position = {name: i for i, name in enumerate(columns)} | {None: len(columns)}
        plan_positions = sorted(range(len(metrics)), key=lambda i: not _is_counted(metrics[i]))
        ordered = tuple(metrics[i] for i in plan_positions)
        names = [_columns_of(metric) for metric in ordered]
        numerators, denominators, units = (
            np.array([position[name] for name in part], dtype=np.intp)
            for part in (
                [name.numerator for name in names],
                [name.denominator for name in names],
                [name.units for name in names],
            )
        )
        rate_count, width = sum(map(_is_counted, metrics)), len(position)
        top, base = numerators[rate_count:], denominators[rate_count:]
        after_rates = dict(enumerate(ordered[rate_count:]))
        return cls(
            metrics=ordered,
            plan_positions=tuple(plan_positions),
            rate_count=rate_count,
            numerators=numerators,
            denominators=denominators,
            units=units,
            covariances=CovarianceIndices(
                top * width + top, top * width + base, base * width + base
            ),
            events=tuple(None if n.events is None else position[n.events] for n in names),
            adjusted={
                i: metric
                for i, metric in after_rates.items()
                if not isinstance(metric, Quantile) and metric.covariates
            },
            quantiles={i: m for i, m in after_rates.items() if isinstance(m, Quantile)},
        )

    def counts(self, moments: Moments) -> RateCounts:
        """Successes and trials of the rates judged by counts.

        Raises:
            BadSummary: successes are negative, or more than trials.
        """
        successes, trials = (
            moments.totals.take(columns[: self.rate_count], axis=1)
            for columns in (self.numerators, self.denominators)
        )
        wrong = (successes < 0) | (successes > trials)
        if wrong.any():
            i = int(wrong.any(axis=0).argmax())
            name, column = self.metrics[i].name, moments.columns[self.numerators[i]]
            raise BadSummary(
                f"{name}: {column} has {successes[:, i].tolist()} of {trials[:, i].tolist()}; "
                "a rate counts each unit once, so it cannot be negative or above its base"
            )
        return RateCounts(successes, trials)


def _is_counted(metric: Metric) -> bool:
    """Is it judged by counts? A rate with covariates is judged as a mean of 0 and 1."""
    return isinstance(metric, Rate) and not metric.covariates


def _columns_of(metric: Metric) -> MetricColumns:
    match metric:
        case Rate():
            events = metric.column if _is_counted(metric) else None
            return MetricColumns(metric.column, metric.of, metric.of, events)
        case Ratio():
            # Units without a denominator carry no information about a ratio.
            return MetricColumns(metric.numerator, metric.denominator, metric.buyers, metric.buyers)
        case Mean():
            return MetricColumns(metric.column, events=metric.buyers)
        case _:
            return MetricColumns()

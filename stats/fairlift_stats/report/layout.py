"""Where the columns of each metric stand: worked out once for a plan, and used at every look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fairlift_stats.arrays import Array, Indices
from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio, Summed
from fairlift_stats.data.moments import Moments
from fairlift_stats.errors import BadSummary

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Metrics in the order of the arithmetic: those judged by counts first, then all others.

    Every metric is a ratio of two sums; that over all units has the constant column below.

    Attributes:
        metrics: in this order.
        places: for each, where it stands in the plan.
        counted: how many are judged by counts.
        top, base, units: (metrics,) columns of the two sums, and of the units behind the variance.
        products: (3, others) of top² and top·base and base², in covariances laid out flat.
        events: of each metric, the column of its successes or buyers; None if it names none.
        adjusted, quantiles: metrics with covariates, and quantiles, by place among the others.
    """

    metrics: tuple[Metric, ...]
    places: tuple[int, ...]
    counted: int
    top: Indices
    base: Indices
    units: Indices
    products: Indices
    events: tuple[int | None, ...]
    adjusted: Mapping[int, Summed]
    quantiles: Mapping[int, Quantile]

    @classmethod
    def of(cls, metrics: Sequence[Metric], columns: tuple[str, ...]) -> "Layout":
        """The layout of these metrics over summaries with these columns."""
        at = {name: i for i, name in enumerate(columns)} | {None: len(columns)}
        places = sorted(range(len(metrics)), key=lambda i: not _is_counted(metrics[i]))
        ordered = tuple(metrics[i] for i in places)
        counted = sum(map(_is_counted, metrics))
        parts = np.array([[at[name] for name in _parts(m)] for m in ordered], dtype=np.intp)
        top, base, units = parts.T.copy()
        a, b, width = top[counted:], base[counted:], len(at)
        products = np.array([a * width + a, a * width + b, b * width + b])
        events = tuple(None if name is None else at[name] for name in map(_events, ordered))
        others = dict(enumerate(ordered[counted:]))
        quantiles = {i: m for i, m in others.items() if isinstance(m, Quantile)}
        adjusted = {i: m for i, m in others.items() if not isinstance(m, Quantile) and m.covariates}
        return cls(
            ordered, tuple(places), counted, top, base, units, products, events, adjusted, quantiles
        )

    def counts(self, moments: Moments) -> tuple[Array, Array]:
        """(groups, counted) successes and trials.

        Raises:
            BadSummary: successes are negative, or more than trials.
        """
        x, n = (moments.totals.take(at[: self.counted], axis=1) for at in (self.top, self.base))
        wrong = (x < 0) | (x > n)
        if wrong.any():
            i = int(wrong.any(axis=0).argmax())
            name, column = self.metrics[i].name, moments.columns[self.top[i]]
            raise BadSummary(
                f"{name}: {column} has {x[:, i].tolist()} of {n[:, i].tolist()}; "
                "a rate counts each unit once, so it cannot be negative or above its base"
            )
        return x, n


def _is_counted(metric: Metric) -> bool:
    """Is it judged by counts? A rate with covariates is judged as a mean of 0 and 1."""
    return isinstance(metric, Rate) and not metric.covariates


def _parts(metric: Metric) -> tuple[str | None, str | None, str | None]:
    match metric:
        case Rate():
            return metric.column, metric.of, metric.of
        case Ratio():
            # Units without a denominator carry no information about a ratio.
            return metric.numerator, metric.denominator, metric.buyers
        case Mean():
            return metric.column, None, None
        case _:
            return None, None, None


def _events(metric: Metric) -> str | None:
    match metric:
        case Rate():
            return metric.column if _is_counted(metric) else None
        case Quantile():
            return None
        case _:
            return metric.buyers

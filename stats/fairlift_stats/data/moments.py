"""Means and covariances of several groups, stacked into arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fairlift_stats.arrays import Array, Indices
from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio
from fairlift_stats.data.summary import Pair, Summary, Triple, position_of
from fairlift_stats.errors import MissingColumn

__all__ = ["Moments", "products_of", "stack", "thirds_of"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Counts, means and covariances of stacked groups, with a last column that is always 1.

    The constant column makes a mean the ratio to 1, so that means and ratios are one formula.

    Attributes:
        n: (groups,) units.
        totals: (groups, columns + 1) sums.
        means: (groups, columns + 1).
        covariances: (groups, columns + 1, columns + 1), n − 1; 0 for groups below two units.
        summaries: the groups themselves, for third moments.
    """

    columns: tuple[str, ...]
    n: Array
    totals: Array
    means: Array
    covariances: Array
    summaries: tuple[Summary, ...]

    def at(self, column: str | None) -> int:
        """Position of a column; None is the constant."""
        return len(self.columns) if column is None else self.columns.index(column)


def stack(summaries: Sequence[Summary], columns: tuple[str, ...]) -> Moments:
    """Moments of these groups, with these columns in this order.

    Raises:
        MissingColumn: a group lacks one of the columns.
    """
    k = len(columns)
    n = np.array([float(s.n) for s in summaries])
    totals = np.empty((len(summaries), k + 1))
    covariances = np.zeros((len(summaries), k + 1, k + 1))
    for total, group, summary in zip(totals, covariances, summaries, strict=True):
        at, square = _positions(summary.columns, columns)
        total[:k] = [summary.sums[i] for i in at]
        total[k] = summary.n
        group[:k, :k] = summary.comoments[square]
    covariances /= np.maximum(n - 1, 1)[:, None, None]
    means = totals / np.maximum(n, 1)[:, None]
    return Moments(columns, n, totals, means, covariances, tuple(summaries))


@lru_cache(maxsize=256)
def _positions(
    columns: tuple[str, ...], names: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[Indices, Indices]]:
    """Positions of these columns, and the index of their products; cached, as reports repeat."""
    at = tuple(position_of(columns, name) for name in names)
    rows = np.array(at, dtype=np.intp)
    return at, (rows[:, None], rows)


def products_of(metrics: Iterable[Metric]) -> tuple[Pair, ...]:
    """The products that these metrics need, each pair once."""
    pairs: dict[frozenset[str], Pair] = {}
    for metric in metrics:
        match metric:
            case Rate(covariates=()):
                names: tuple[str, ...] = ()  # a count is its own square
            case Rate():
                names = (metric.column, *metric.covariates)
            case Mean():
                names = (metric.column, *metric.covariates)
            case Quantile():
                names = ()
            case _:
                pre = tuple(name for pair in metric.covariates for name in pair if name)
                names = (metric.numerator, metric.denominator, *pre)
        for i, first in enumerate(names):
            for second in names[i:]:
                pairs.setdefault(frozenset((first, second)), (first, second))
    return tuple(pairs.values())


def thirds_of(metrics: Iterable[Metric]) -> tuple[Triple, ...]:
    """The third moments that the skewness flags of these metrics need."""
    triples: dict[Triple, None] = {}
    for metric in metrics:
        match metric:
            case Mean():
                triples[(metric.column,) * 3] = None
            case Ratio(numerator=a, denominator=b):
                for names in ((a, a, a), (a, a, b), (a, b, b), (b, b, b)):
                    first, second, third = sorted(names)
                    triples[first, second, third] = None
            case _:
                pass  # score intervals need no warning of skewness
    return tuple(triples)


def require(moments: Moments, pairs: Iterable[Pair]) -> None:
    """Check that the summaries have these products.

    Raises:
        MissingColumn: a summary lacks one of them.
    """
    if not np.isnan(moments.covariances).any():
        return
    for first, second in pairs:
        if np.isnan(moments.covariances[:, moments.at(first), moments.at(second)]).any():
            raise MissingColumn(f"the product {first} × {second} is not in every summary")

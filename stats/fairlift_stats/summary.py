"""Sufficient statistics: all that the mathematics ever sees, additive over cells and days."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.errors import BadSummary, MissingColumn, TooFewUnits

__all__ = ["Summary"]

Number: TypeAlias = int | float
Pair: TypeAlias = tuple[str, str]
Triple: TypeAlias = tuple[str, str, str]
Array: TypeAlias = npt.NDArray[np.float64]

# A centred square may come out this much below zero, relative to the raw one, by rounding alone.
ROUNDING = 1e-9
# One this small beside the raw one, when that was added up in floating point, is nothing but noise.
NOISE = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Count, exact sums and centred products of a group's columns; `+` merges two groups.

    Attributes:
        n: units in the group.
        columns: names, in the order of the arrays below.
        sums: exact totals; integers stay integers, so money in micros is never rounded.
        comoments: (columns, columns) Σ(x−x̄)(y−ȳ); NaN where the product was not given.
        thirds: Σ(x−x̄)(y−ȳ)(z−z̄) by sorted triple of names; may be empty.

    Source: Chan, Golub, LeVeque (1983) for the merge.

    >>> a = Summary.from_rows({"revenue": [0, 10, 50]})
    >>> b = Summary.from_rows({"revenue": [20, 0]})
    >>> (a + b).n, (a + b).sum("revenue"), (a + b).mean("revenue")
    (5, 80, 16.0)
    """

    n: int
    columns: tuple[str, ...]
    sums: tuple[Number, ...]
    comoments: Array
    thirds: Mapping[Triple, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no data can produce."""
        _check_count(self.n)
        if len(set(self.columns)) != len(self.columns) or len(self.sums) != len(self.columns):
            raise BadSummary(f"columns {self.columns}: need distinct names and one sum each")
        for column, total in zip(self.columns, self.sums, strict=True):
            _check_finite(f"sum of {column}", total)
            if self.n == 0 and total != 0:
                raise BadSummary(f"sum of {column}: is {total} over no units, must be 0")
        squares = np.diagonal(self.comoments)
        if np.isinf(self.comoments).any() or (squares < 0).any():
            raise BadSummary("products: must be finite, and no variance negative")
        for triple, third in self.thirds.items():
            _check_finite(f"third moment of {triple}", third)
        self.comoments.setflags(write=False)

    @classmethod
    def from_sums(
        cls,
        n: int,
        sums: Mapping[str, Number],
        products: Mapping[Pair, Number],
        thirds: Mapping[Triple, Number] | None = None,
        *,
        centre: Mapping[str, Number] | None = None,
    ) -> "Summary":
        """Summary from what a database adds up: Σx, Σxy and, if wanted, Σxyz.

        Args:
            n: units in the group.
            sums: Σx by column, never centred; integers are kept exactly.
            products: Σ(x−a)(y−b) by pair of columns, in either order; a pair left out is unknown.
            thirds: Σ(x−a)(y−b)(z−c) by triple of columns.
            centre: the constants a, b, c that products and thirds were centred by; 0 when absent.

        Raises:
            BadSummary: a number is not finite, or a variance comes out negative.

        >>> s = Summary.from_sums(4, {"x": 40}, {("x", "x"): 490})
        >>> s.variance("x")
        30.0
        """
        _check_count(n)
        columns = tuple(sums)
        for column, total in sums.items():
            _check_finite(f"sum of {column}", total)
        about = {c: (centre or {}).get(c, 0) for c in columns}
        # Distances from the centre: exact when sums and centre are integers.
        shifted = {c: sums[c] - n * about[c] for c in columns}
        comoments = np.full((len(columns), len(columns)), np.nan)
        for pair, product in products.items():
            _check_finite(f"product of {pair}", product)
            i, j = (position_of(columns, name) for name in pair)
            value = _centred_product(n, product, shifted[pair[0]], shifted[pair[1]])
            if i == j:
                slip = 4e-16 * (abs(float(sums[pair[0]])) + n * abs(float(about[pair[0]])))
                value = _square(pair[0], value, product, shifted[pair[0]], slip**2 / max(n, 1))
            comoments[i, j] = comoments[j, i] = value
        partial = cls(n, columns, tuple(_plain(s) for s in sums.values()), comoments)
        if not thirds:
            return partial
        return cls(n, columns, partial.sums, comoments, _centred_thirds(partial, thirds, shifted))

    @classmethod
    def from_rows(
        cls, rows: Mapping[str, npt.ArrayLike], *, thirds: Iterable[Triple] = ()
    ) -> "Summary":
        """Summary of columns of equal length, one row per unit; two passes, so nothing cancels.

        Raises:
            BadSummary: lengths differ, or a value is not finite.
        """
        arrays = {name: np.asarray(values) for name, values in rows.items()}
        lengths = {name: a.shape for name, a in arrays.items()}
        if len(set(lengths.values())) > 1 or any(a.ndim != 1 for a in arrays.values()):
            raise BadSummary(f"columns must be flat and of one length, are {lengths}")
        n = next(iter(lengths.values()), (0,))[0]
        totals = tuple(_exact_total(name, a) for name, a in arrays.items())
        means = np.array([total / n if n else 0.0 for total in totals])
        centred = np.array(list(arrays.values()), dtype=float).reshape(len(arrays), n)
        centred -= means[:, None]
        names = tuple(arrays)
        cubes = {}
        for triple in thirds:
            x, y, z = (centred[position_of(names, name)] for name in triple)
            cubes[_ordered(triple)] = float(np.sum(x * y * z))
        return cls(n, names, totals, centred @ centred.T, cubes)

    @classmethod
    def total(cls, cells: Iterable["Summary"]) -> "Summary":
        """The union of any number of groups.

        Raises:
            BadSummary: no group was given, or their columns differ.
        """
        merged: Summary | None = None
        for cell in cells:
            merged = cell if merged is None else merged + cell
        if merged is None:
            raise BadSummary("total of no summaries: give at least one")
        return merged

    def __add__(self, other: "Summary") -> "Summary":
        """The two groups together; third moments that only one has are dropped."""
        if not isinstance(other, Summary):
            return NotImplemented
        if set(self.columns) != set(other.columns):
            raise BadSummary(f"columns {self.columns} and {other.columns} cannot be merged")
        other = other.select(self.columns)
        n = self.n + other.n
        if n == 0:
            return self
        sums = tuple(a + b for a, b in zip(self.sums, other.sums, strict=True))
        gap = other.means - self.means
        shares = (-other.n / n, self.n / n)  # each group's mean, from the merged one, in gaps
        comoments = self.comoments + other.comoments
        comoments = comoments + np.outer(gap, gap) * (self.n * other.n / n)
        thirds = {
            triple: sum(g._third_about(triple, gap * w) for g, w in zip((self, other), shares))  # noqa: B905 - two and two
            for triple in self.thirds.keys() & other.thirds.keys()
        }
        return Summary(n, self.columns, sums, comoments, thirds)

    def __radd__(self, other: object) -> "Summary":
        """Let `sum(cells)` begin at its 0."""
        return self if other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Same counts, sums and products, to the bit."""
        return (
            isinstance(other, Summary)
            and (self.n, self.columns, self.sums) == (other.n, other.columns, other.sums)
            and np.array_equal(self.comoments, other.comoments, equal_nan=True)
            and self.thirds == other.thirds
        )

    def __hash__(self) -> int:
        """Hash of count and sums."""
        return hash((self.n, self.columns, self.sums))

    @property
    def means(self) -> Array:
        """(columns,) means per unit; 0 for an empty group."""
        return np.array([s / self.n for s in self.sums]) if self.n else np.zeros(len(self.columns))

    def sum(self, column: str) -> Number:
        """Exact total of a column."""
        return self.sums[position_of(self.columns, column)]

    def mean(self, column: str) -> float:
        """Mean per unit.

        Raises:
            TooFewUnits: the group is empty.
        """
        if self.n == 0:
            raise TooFewUnits(f"mean of {column}: the group is empty")
        return self.sum(column) / self.n

    def variance(self, column: str) -> float:
        """Sample variance (n − 1)."""
        return self.covariance(column, column)

    def covariance(self, first: str, second: str) -> float:
        """Sample covariance (n − 1).

        Raises:
            TooFewUnits: fewer than two units.
            MissingColumn: the product of the two columns was never given.
        """
        if self.n < 2:
            raise TooFewUnits(f"variance of {first}: has {self.n} units, needs 2 or more")
        i, j = position_of(self.columns, first), position_of(self.columns, second)
        value = float(self.comoments[i, j])
        if math.isnan(value):
            raise MissingColumn(f"the product {first} × {second} is not in the summary")
        return value / (self.n - 1)

    def third(self, *columns: str) -> float | None:
        """Third central moment of three columns (one name means its cube); None if not kept."""
        names = columns * 3 if len(columns) == 1 else columns
        total = self.thirds.get(_ordered(names))
        return None if total is None or self.n == 0 else total / self.n

    def select(self, columns: Iterable[str]) -> "Summary":
        """The same group with these columns, in this order.

        Raises:
            MissingColumn: one of them is not here.
        """
        names = tuple(columns)
        if names == self.columns:
            return self
        at = self.positions(names)
        kept = {t: v for t, v in self.thirds.items() if set(t) <= set(names)}
        sums = tuple(self.sums[i] for i in at)
        return Summary(self.n, names, sums, self.comoments[np.ix_(at, at)].copy(), kept)

    def positions(self, columns: Iterable[str]) -> list[int]:
        """Where these columns stand.

        Raises:
            MissingColumn: one of them is not here.
        """
        return [position_of(self.columns, name) for name in columns]

    def scaled(self, factors: Mapping[str, float]) -> "Summary":
        """The same group in other units, e.g. micros to euros by `{"revenue": 1e-6}`."""
        by = np.array([factors.get(c, 1) for c in self.columns], dtype=float)
        sums = tuple(
            s * factors[c] if c in factors else s
            for c, s in zip(self.columns, self.sums, strict=True)
        )
        factor = dict(zip(self.columns, by.tolist(), strict=True))
        thirds = {t: v * math.prod(factor[c] for c in t) for t, v in self.thirds.items()}
        return Summary(self.n, self.columns, sums, self.comoments * np.outer(by, by), thirds)

    def _third_about(self, triple: Triple, offset: Array) -> float:
        """Third central total when every mean is moved by `offset` (own mean − new mean)."""
        i, j, k = (position_of(self.columns, name) for name in triple)
        x, y, z = offset[[i, j, k]]
        c = self.comoments
        cross = x * c[j, k] + y * c[i, k] + z * c[i, j]
        return float(self.thirds[triple] + cross + self.n * x * y * z)


def _check_count(n: object) -> None:
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 0:
        raise BadSummary(f"n: is {n!r}, must be a whole number, 0 or more")


def _check_finite(what: str, value: Number) -> None:
    if not math.isfinite(value):
        raise BadSummary(f"{what}: is {value}, must be finite; leave out what is not known")


def position_of(columns: tuple[str, ...], name: str) -> int:
    try:
        return columns.index(name)
    except ValueError:
        raise MissingColumn(f"column {name!r} is not in the summary, which has {columns}") from None


def _ordered(triple: Iterable[str]) -> Triple:
    first, second, third = sorted(triple)
    return first, second, third


def _plain(value: Number) -> Number:
    """A Python number: numpy integers would overflow where Python's do not."""
    return int(value) if isinstance(value, int | np.integer) else float(value)


def _centred_product(n: int, product: Number, x: Number, y: Number) -> float:
    if n == 0:
        return float(product)
    if isinstance(product, int) and isinstance(x, int) and isinstance(y, int):
        return (n * product - x * y) / n  # exact: big integers, rounded once
    return float(product) - float(x) * (float(y) / n)


def _square(column: str, value: float, product: Number, total: Number, slip: float) -> float:
    """A sum of squares, once it is sure to be one: `slip` is what centring may have lost."""
    raw = float(product)
    if math.isnan(value) or value < -(ROUNDING * abs(raw) + slip):
        raise BadSummary(
            f"{column}: Σx² = {product} is too small for its sum; no data have a negative variance"
        )
    exact = isinstance(product, int) and isinstance(total, int)
    if not exact and value != 0 and slip < abs(value) < NOISE * raw:
        raise BadSummary(
            f"{column}: Σx² = {product} and its sum agree to 13 digits, so the variance is lost in "
            "rounding; add up around a centre, or in integers"
        )
    return max(value, 0.0)


def _exact_total(name: str, values: npt.NDArray[np.generic]) -> Number:
    if values.dtype.kind in "iub":
        wide = values.astype(np.int64)
        # Two halves, so that a sum of large micros cannot wrap around silently.
        return (int((wide >> 32).sum()) << 32) + int((wide & 0xFFFFFFFF).sum())
    total = math.fsum(values.tolist())
    if not math.isfinite(total):
        raise BadSummary(f"{name}: holds a value that is not finite")
    return total


def _centred_thirds(
    summary: Summary, thirds: Mapping[Triple, Number], shifted: Mapping[str, Number]
) -> dict[Triple, float]:
    """Third moments moved from the centre of aggregation to the means."""
    if summary.n == 0:
        return {_ordered(t): 0.0 for t in thirds}
    gap = np.array([-shifted[c] / summary.n for c in summary.columns])
    centred = {}
    for triple, total in thirds.items():
        i, j, k = (position_of(summary.columns, name) for name in triple)
        x, y, z = gap[[i, j, k]]
        c = summary.comoments
        # Σ(x−a)(y−b)(z−c) = Σ of centred cubes + Σ of (mean − a)·comoment + n·∏(mean − a).
        rest = -(x * c[j, k] + y * c[i, k] + z * c[i, j]) - summary.n * x * y * z
        centred[_ordered(triple)] = float(total) - float(rest)
    return centred


def all_pairs(columns: Iterable[str]) -> tuple[Pair, ...]:
    """Every pair of columns, squares included: the products that one query adds up."""
    return tuple(combinations_with_replacement(tuple(columns), 2))

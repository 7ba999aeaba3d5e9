"""Sufficient statistics of a group of units, additive over cells and days."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from fairlift_stats.arrays import Array
from fairlift_stats.data.sums import (
    LARGEST,
    ROUNDING_OF_MEANS,
    Pair,
    Sum,
    Triple,
    centred_products,
    centred_thirds,
    check_size,
    exact_total,
    ordered,
    position_of,
)
from fairlift_stats.errors import BadSummary, MissingColumn, TooFewUnits

__all__ = ["Pair", "Summary", "Triple", "position_of"]

K = TypeVar("K")

# The largest value of one unit by the kind of its array. Whole numbers go to where the distance
# of two still fits into 64 bits; Python objects to where a float still holds a whole number.
MOST: Final = {"f": LARGEST, "i": 2**62, "u": 2**62, "b": 1, "O": 2**53}


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Count, exact sums and centred products of a group's columns; `+` merges two groups.

    Attributes:
        n: units in the group.
        columns: names, in the order of the arrays below.
        sums: exact totals; integers stay integers, so money in micros is never rounded.
        comoments: (columns, columns) Σ(x−x̄)(y−ȳ); NaN where the product is unknown.
        thirds: Σ(x−x̄)(y−ȳ)(z−z̄) by sorted triple of names; may be empty.

    Source: Chan, Golub, LeVeque (1983) for the merge.

    >>> a = Summary.from_rows({"revenue": [0, 10, 50]})
    >>> b = Summary.from_rows({"revenue": [20, 0]})
    >>> (a + b).n, (a + b).sum("revenue"), (a + b).mean("revenue")
    (5, 80, 16.0)
    """

    n: int
    columns: tuple[str, ...]
    sums: tuple[Sum, ...]
    comoments: Array
    thirds: Mapping[Triple, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that no data can produce."""
        _check_count(self.n)
        k = len(self.columns)
        if len(set(self.columns)) != k or len(self.sums) != k or self.comoments.shape != (k, k):
            raise BadSummary(
                f"columns {self.columns}: need distinct names, one sum each, and a product by pair"
            )
        for column, total in zip(self.columns, self.sums, strict=True):
            check_size(f"sum of {column}", total)
            if self.n == 0 and total != 0:
                raise BadSummary(f"sum of {column}: is {total} over no units, must be 0")
        squares = np.diagonal(self.comoments)
        if (np.abs(self.comoments) > LARGEST**2).any() or (squares < 0).any():
            raise BadSummary("products: must be finite, and no variance negative")
        if self.n < 2 and np.nan_to_num(self.comoments).any():
            raise BadSummary(f"products: must be 0 for {self.n} units, which have no spread")
        for triple, third in self.thirds.items():
            check_size(f"third moment of {triple}", third, LARGEST**3)
        self.comoments.setflags(write=False)

    @classmethod
    def from_sums(
        cls,
        n: int,
        sums: Mapping[str, Sum],
        products: Mapping[Pair, Sum],
        thirds: Mapping[Triple, Sum] | None = None,
        *,
        centre: Mapping[str, Sum] | None = None,
    ) -> "Summary":
        """Summary from the sums of a database: Σx, Σxy and, optionally, Σxyz.

        Args:
            n: units in the group.
            sums: Σx by column, never centred; integers stay exact.
            products: Σ(x−a)(y−b) by pair of columns, in either order; a pair left out is unknown.
            thirds: Σ(x−a)(y−b)(z−c) by triple of columns.
            centre: the constants a, b, c that products and thirds were centred by; 0 when absent.

        Raises:
            BadSummary: a number is not finite, or no data have these sums and products.
            MissingColumn: a product or a centre names a column without a sum.

        >>> s = Summary.from_sums(4, {"x": 40}, {("x", "x"): 490})
        >>> s.variance("x")
        30.0
        """
        _check_count(n)
        count, totals, about = int(n), _plain(sums), _plain(centre or {})
        for column, total in totals.items():
            check_size(f"sum of {column}", total)
        for column, constant in about.items():
            position_of(tuple(totals), column)
            check_size(f"centre of {column}", constant)
        comoments = centred_products(count, totals, _plain(products), about)
        # Distances from the centre: exact when sums and centre are integers.
        shifted = {c: total - count * about.get(c, 0) for c, total in totals.items()}
        moved = centred_thirds(count, comoments, thirds or {}, shifted)
        return cls(count, tuple(totals), tuple(totals.values()), comoments, moved)

    @classmethod
    def from_rows(
        cls, rows: Mapping[str, npt.ArrayLike], *, thirds: Iterable[Triple] = ()
    ) -> "Summary":
        """Summary of columns of equal length, one row per unit; two passes, so nothing cancels.

        Raises:
            BadSummary: lengths differ, or a value is no number, not finite, or too large to square.
        """
        arrays = {name: _numbers(name, values) for name, values in rows.items()}
        lengths = {name: a.shape for name, a in arrays.items()}
        if len(set(lengths.values())) > 1 or any(a.ndim != 1 for a in arrays.values()):
            raise BadSummary(f"columns must be flat and of one length, are {lengths}")
        n = next(iter(lengths.values()), (0,))[0]
        totals = tuple(_total(a) for a in arrays.values())
        centred = np.empty((len(arrays), n))
        for row, a, total in zip(centred, arrays.values(), totals, strict=True):
            _put_distances(row, a, total)
        names = tuple(arrays)
        cubes = {}
        for triple in thirds:
            x, y, z = (centred[position_of(names, name)] for name in triple)
            cubes[ordered(triple)] = float(np.sum(x * y * z))
        return cls(n, names, totals, centred @ centred.T, cubes)

    @classmethod
    def total(cls, cells: Iterable["Summary"]) -> "Summary":
        """The union of any number of groups.

        Raises:
            BadSummary: there is no group, or their columns differ.
        """
        merged: Summary | None = None
        for cell in cells:
            merged = cell if merged is None else merged + cell
        if merged is None:
            raise BadSummary("total: has no summaries, needs at least one")
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
        scale = np.abs(other.means) + np.abs(self.means)
        gap[np.abs(gap) <= ROUNDING_OF_MEANS * scale] = 0.0  # equal means, rounded differently
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

    def sum(self, column: str) -> Sum:
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
            MissingColumn: the product of the two columns is unknown.
        """
        if self.n < 2:
            raise TooFewUnits(f"variance of {first}: has {self.n} units, needs 2 or more")
        i, j = position_of(self.columns, first), position_of(self.columns, second)
        value = float(self.comoments[i, j])
        if math.isnan(value):
            raise MissingColumn(f"the product {first} × {second} is not in the summary")
        return value / (self.n - 1)

    def third(self, *columns: str) -> float | None:
        """Third central moment of three columns (one name means its cube); None if unknown."""
        names = columns * 3 if len(columns) == 1 else columns
        total = self.thirds.get(ordered(names))
        return None if total is None or self.n == 0 else total / self.n

    def select(self, columns: Iterable[str]) -> "Summary":
        """The same group with these columns, in this order.

        Raises:
            MissingColumn: one of them is missing.
        """
        names = tuple(columns)
        if names == self.columns:
            return self
        at = self.positions(names)
        thirds = {t: v for t, v in self.thirds.items() if set(t) <= set(names)}
        sums = tuple(self.sums[i] for i in at)
        return Summary(self.n, names, sums, self.comoments[np.ix_(at, at)].copy(), thirds)

    def positions(self, columns: Iterable[str]) -> list[int]:
        """Positions of these columns.

        Raises:
            MissingColumn: one of them is missing.
        """
        return [position_of(self.columns, name) for name in columns]

    def scaled(self, factors: Mapping[str, float]) -> "Summary":
        """The same group in other units, e.g. micros to euros by `{"revenue": 1e-6}`.

        Raises:
            MissingColumn: a factor names a missing column.
        """
        self.positions(factors)
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


def _plain(values: Mapping[K, Sum]) -> dict[K, Sum]:
    """Python numbers: numpy integers would overflow where Python's do not."""
    return {key: _plain_number(key, value) for key, value in values.items()}


def _plain_number(key: object, value: Sum) -> Sum:
    try:
        return int(value) if isinstance(value, int | np.integer) else float(value)
    except (TypeError, ValueError):  # a database's sum over no rows is NULL
        raise BadSummary(f"{key}: is {value!r}, must be a number; of no units it is 0") from None


def _numbers(name: str, values: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """The values as an array of numbers, each small enough to be squared."""
    array = np.asarray(values)
    kind = array.dtype.kind
    if kind not in MOST or np.ma.is_masked(values):
        raise BadSummary(f"{name}: is {array.dtype}, must be numbers, none of them masked")
    if kind == "O":
        try:
            array = array.astype(float)
        except (TypeError, ValueError) as error:
            raise BadSummary(f"{name}: holds a value that is not a number: {error}") from None
    least, most = (array.min().item(), array.max().item()) if array.size else (0, 0)
    if not (least >= -MOST[kind] and most <= MOST[kind]):  # NaN fails, too
        raise BadSummary(
            f"{name}: contains a value that is not finite, or beyond ±{MOST[kind]:.3g}"
        )
    return array


def _put_distances(row: Array, values: npt.NDArray[np.generic], total: Sum) -> None:
    """Fill a row with the (units,) distances from the mean."""
    if isinstance(total, int):
        whole, rest = divmod(total, max(len(values), 1))
        # In integers as far as they go: values of 18 digits may differ in the last.
        np.subtract(values, whole, out=row, dtype=np.int64)
        row -= rest / max(len(values), 1)
    else:
        mean = total / max(len(values), 1)
        np.subtract(values, mean, out=row, dtype=float)
        # The mean of equal values may be off by its last digit: that is no spread.
        row[np.abs(row) <= ROUNDING_OF_MEANS * abs(mean)] = 0.0


def _total(values: npt.NDArray[np.generic]) -> Sum:
    return math.fsum(values.tolist()) if values.dtype.kind == "f" else exact_total(values)


def all_pairs(columns: Iterable[str]) -> tuple[Pair, ...]:
    """Every pair of columns, squares included: the products that one query adds up."""
    return tuple(combinations_with_replacement(tuple(columns), 2))

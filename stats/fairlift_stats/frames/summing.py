"""Adds up the rows of a group, in blocks that fit the processor's cache."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.arrays import Array, Indices
from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import Sum, exact_total
from fairlift_stats.frames.table import MOST_WHOLE, NeededSums

__all__ = ["RowsOfGroup", "SummedColumn", "Values", "summary_of_rows"]

Values: TypeAlias = npt.NDArray[Any]  # of booleans, integers or floats

# Below 10,000 numbers a product starts no threads, which would cost more than they save.
BLOCK: Final = 8_192
# The sum of a block of whole numbers up to here is exact, also as a float.
MOST_EXACT: Final = 2**53 // BLOCK


class RowsOfGroup(NamedTuple):
    """The rows of a group; with few groups also whether each row of the frame is one of them."""

    rows: Indices
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class SummedColumn:
    """A column, and the constant that the values of a group are counted from.

    Attributes:
        values: (rows,) of the frame.
        least, most: of all rows.
        centre: near the group's mean, so that sums of squares keep their digits, and a group of
            equal values has no spread; whole for whole numbers.
    """

    values: Values
    least: float
    most: float
    centre: Sum = 0

    @classmethod
    def of(cls, values: Values, least: float, most: float) -> "SummedColumn":
        """The column of these values, which go from `least` to `most`."""
        if values.dtype.kind in "iu" and least >= 0 and most <= 1:
            values = values.astype(bool)  # an eighth of the size
        if not -MOST_WHOLE < least <= most < MOST_WHOLE:
            values = values.astype(float)
        return cls(values, least, most)

    def centred(self, rows: Indices) -> "SummedColumn":
        """The same for a group of rows."""
        near = float(self.values.take(rows[:BLOCK]).mean(dtype=float))
        return replace(self, centre=near if self.values.dtype.kind == "f" else round(near))

    @property
    def is_exact(self) -> bool:
        """Is the sum of a block of whole distances exact, also as a float?"""
        return -MOST_EXACT < self.least - self.centre <= self.most - self.centre < MOST_EXACT

    def put_distances(self, rows: Indices, distances: Array) -> Sum:
        """Fill in the distances of these rows from the centre, and give their sum."""
        if self.values.dtype == np.float64:
            # No row is outside: to clip it is the way that needs no copy.
            self.values.take(rows, out=distances, mode="clip")
            distances -= self.centre
            return float(distances.sum())
        part = self.values.take(rows)
        if isinstance(self.centre, float):
            # In 64 bits, whatever the column has.
            np.subtract(part, self.centre, out=distances, dtype=np.float64)
            return float(distances.sum())
        np.subtract(part, self.centre, out=distances, dtype=np.int64)
        if self.is_exact:
            return int(distances.sum())
        return exact_total(part) - len(part) * self.centre

    def sum_of(self, group: RowsOfGroup) -> Sum:
        """The sum of these rows of 0 and 1, for which no product is needed."""
        if self.values.dtype.kind == "b" and group.mask is not None:
            return int(np.count_nonzero(self.values & group.mask))
        part = self.values.take(group.rows)
        return int(np.count_nonzero(part)) if part.dtype.kind == "b" else float(part.sum())

    def total(self, n: int, sums_of_distances: list[Sum]) -> Sum:
        """The sum of n values, from those of their distances."""
        if isinstance(self.centre, float):
            return n * self.centre + math.fsum(sums_of_distances)
        return n * self.centre + sum(sums_of_distances)


class _Room:
    """The distances of a block of rows, and the sums of their products."""

    def __init__(self, columns: Iterable[str], rows: int, needed: NeededSums) -> None:
        self._rows = rows
        self.distances = {name: np.empty(rows) for name in columns}
        x = self.distances
        self._products = [(x[a], x[b]) for a, b in needed.products]
        # Triples are in the order of names: equal ones are neighbours, and share their square.
        factors = [((b, c), a) if b == c else ((a, b), c) for a, b, c in needed.thirds]
        pairs = {pair: np.empty(rows) for pair, _ in factors}
        self._pairs = [(x[a], x[b], into) for (a, b), into in pairs.items()]
        self._thirds = [(pairs[pair], x[name]) for pair, name in factors]

    def __len__(self) -> int:
        return self._rows

    def products(self) -> list[float]:
        """The sum of each product of two columns."""
        # One by one: a product of matrices is slower for so few columns.
        return [one.dot(other) for one, other in self._products]

    def thirds(self) -> list[float]:
        """The sum of each product of three columns."""
        for one, other, into in self._pairs:
            np.multiply(one, other, out=into)
        return [pair.dot(other) for pair, other in self._thirds]


def summary_of_rows(
    columns: Mapping[str, SummedColumn], group: RowsOfGroup, needed: NeededSums
) -> Summary:
    """The summary of these rows of the columns: a constant is taken off, so nothing cancels."""
    rows = group.rows
    in_products = {name for pair in needed.products for name in pair}
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    multiplied = {
        name: column.centred(rows) for name, column in columns.items() if name in in_products
    }
    shifts: dict[str, list[Sum]] = {name: [] for name in multiplied}
    products: list[list[float]] = []
    thirds: list[list[float]] = []
    # Blocks of one length share their room, and what is multiplied with what.
    room = _Room(multiplied, min(BLOCK, len(rows)), needed)
    for at in blocks:
        if len(at) < len(room):
            room = _Room(multiplied, len(at), needed)
        for name, column in multiplied.items():
            shifts[name].append(column.put_distances(at, room.distances[name]))
        products.append(room.products())
        thirds.append(room.thirds())
    sums = {
        name: multiplied[name].total(len(rows), shifts[name])
        if name in multiplied
        else column.sum_of(group)
        for name, column in columns.items()
    }
    return Summary.from_sums(
        len(rows),
        sums,
        dict(zip(needed.products, map(math.fsum, zip(*products, strict=True)), strict=True)),
        dict(zip(needed.thirds, map(math.fsum, zip(*thirds, strict=True)), strict=True)),
        centre={name: column.centre for name, column in multiplied.items()},
    )

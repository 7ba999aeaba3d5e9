"""A frame in memory: its columns as numpy arrays, added up in blocks that fit the cache."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np

from fairlift_stats.arrays import Array
from fairlift_stats.frames.kinds import kind_of, repeated_units, small_frame
from fairlift_stats.frames.summing import RowsOfGroup, SummedColumn, Values, summary_of_rows
from fairlift_stats.frames.table import (
    Cells,
    Column,
    ColumnFacts,
    ColumnKind,
    Label,
    NeededSums,
    RepeatedUnits,
)

__all__ = ["MemoryTable"]

# Up to so many labels, comparing with each is faster than looking each row up.
FEW_LABELS = 16
FIRST_ROWS = 10_000


class Labelled(NamedTuple):
    """The labels of a column, the position of each row's label, and how many rows each has."""

    labels: list[Label]
    codes: Values
    counts: list[int]


class MemoryTable:
    """A frame of pandas, polars or pyarrow."""

    # Any: which library's frame it is, is not known here.
    def __init__(self, frame: nw.DataFrame[Any]) -> None:
        self._frame = frame
        self._arrays: dict[Column, Values] = {}
        self._limits: dict[Column, tuple[float, float]] = {}
        self._labels: dict[str, Labelled] = {}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """See `FrameTable`."""
        return tuple(self._frame.columns)

    def kind(self, column: str) -> ColumnKind:
        """See `FrameTable`."""
        return kind_of(self._frame[column].dtype)

    def examples(self, column: str) -> list[object]:
        """See `FrameTable`."""
        return self._frame[column].head(3).to_list()

    def missing(self, column: str) -> int:
        """See `FrameTable`."""
        return int(self._frame[column].null_count())

    def facts(self, columns: Sequence[str]) -> Mapping[str, ColumnFacts]:
        """See `FrameTable`."""
        return {column: self._facts(column) for column in columns}

    def labels(self, column: str, most: int) -> Mapping[Label, int]:
        """See `FrameTable`."""
        labels, _, counts = self._codes(column)
        return dict(zip(labels[: most + 1], counts, strict=False))

    def repeated(self, unit: str, variant: str) -> RepeatedUnits | None:
        """See `FrameTable`."""
        if self._frame[unit].n_unique() == len(self._frame):
            return None
        return repeated_units(self._frame.select(unit, variant).lazy(), unit, variant)

    def cells(self, sums: NeededSums, by: Sequence[str]) -> Cells:
        """See `FrameTable`."""
        columns = {column.name: self._summed(column) for column in sums.columns}
        return {
            labels: summary_of_rows(columns, group, sums)
            for labels, group in self._groups(by).items()
        }

    def rows(self, columns: Sequence[Column], by: str) -> Mapping[Label, Mapping[str, Array]]:
        """See `FrameTable`."""
        arrays = {column.name: self._array(column) for column in columns}
        return {
            label: {name: values[group.rows].astype(float) for name, values in arrays.items()}
            for (label,), group in self._groups((by,)).items()
        }

    def frame_of(self, rows: Sequence[Mapping[str, object]], types: Mapping[str, type]) -> object:
        """See `FrameTable`."""
        return small_frame(rows, types, self._frame.implementation).to_native()

    def _facts(self, column: str) -> ColumnFacts:
        as_is = Column(column, column)
        values, missing = self._array(as_is), 0
        least, most = self._limits[as_is] = _limits(values)
        if math.isnan(least):
            is_missing = np.isnan(values)
            missing = int(np.count_nonzero(is_missing))
            values = values[~is_missing]
            least, most = _limits(values)
        is_0_or_1 = least >= 0 and most <= 1
        if is_0_or_1 and values.dtype.kind == "f":
            is_0_or_1 = bool((values * values == values).all())
        return ColumnFacts(missing, least, most, is_0_or_1)

    def _summed(self, column: Column) -> SummedColumn:
        values = self._array(column)
        if column not in self._limits:
            self._limits[column] = _limits(values)
        return SummedColumn.of(values, *self._limits[column])

    def _array(self, column: Column) -> Values:
        """The column as numbers; where one is missing, NaN or 0, as the column says."""
        if column not in self._arrays:
            self._arrays[column] = self._numbers(column)
        return self._arrays[column]

    def _numbers(self, column: Column) -> Values:
        series = self._frame[column.source]
        if column.part == "values" and not series.null_count():
            plain = series.to_numpy()
            return plain if plain.dtype.kind in "biuf" else series.cast(nw.Float64).to_numpy()
        values = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=float)
        if column.part == "values":
            return values
        is_missing = np.isnan(values)
        return is_missing if column.part == "missing" else np.where(is_missing, 0.0, values)

    def _groups(self, by: Sequence[str]) -> Mapping[tuple[Label, ...], RowsOfGroup]:
        """The rows of each group, by its labels."""
        codes = np.zeros(len(self._frame), dtype=np.int64)
        groups: list[tuple[Label, ...]] = [()]
        for i, column in enumerate(by):
            labels, own, _ = self._codes(column)
            codes = codes * len(labels) + own if i else own
            groups = [(*group, label) for group in groups for label in labels]
        if len(groups) <= FEW_LABELS:
            masks = (codes == i for i in range(len(groups)))
            rows = [RowsOfGroup(np.flatnonzero(mask), mask) for mask in masks]
        else:
            # Small numbers are sorted in linear time.
            small = codes.astype(np.int16 if len(groups) < 2**15 else np.int64)
            ends = np.cumsum(np.bincount(small, minlength=len(groups)))
            rows = [*map(RowsOfGroup, np.split(np.argsort(small, kind="stable"), ends[:-1]))]
        return {group: of for group, of in zip(groups, rows, strict=True) if len(of.rows)}

    def _codes(self, column: str) -> Labelled:
        """The labels of a column, worked out once."""
        if column not in self._labels:
            series = self._frame[column]
            # The first rows mostly show all labels; if not, all rows are asked.
            few = _different(series.head(FIRST_ROWS))
            codes = _compared(series, few) if len(few) <= FEW_LABELS else None
            self._labels[column] = codes or _looked_up(series)
        return self._labels[column]


def _different(series: nw.Series[Any]) -> list[Label]:
    return [_label(value) for value in series.unique().to_list()]


def _compared(series: nw.Series[Any], labels: list[Label]) -> Labelled | None:
    """Each row compared with these labels; None if they are not all labels."""
    codes = np.zeros(len(series), dtype=np.int8)
    counts = []
    for i, label in enumerate(labels):
        if label is None:
            has_label = series.is_null()
        elif None in labels:
            has_label = (series == label).fill_null(False)
        else:
            has_label = series == label
        counts.append(int(has_label.sum()))
        if i:  # the others stay at 0
            codes += i * has_label.to_numpy().astype(bool, copy=False).view(np.int8)
    return Labelled(labels, codes, counts) if sum(counts) == len(series) else None


def _looked_up(series: nw.Series[Any]) -> Labelled:
    labels = _different(series)
    position = {label: i for i, label in enumerate(labels)}
    codes = np.array([position[_label(value)] for value in series.to_list()], dtype=np.int64)
    return Labelled(labels, codes, np.bincount(codes, minlength=len(labels)).tolist())


def _label(value: Any) -> Label:
    """A missing label is None: pandas has NaN for it, and NA."""
    return value if value == value and value is not None else None


def _limits(values: Values) -> tuple[float, float]:
    if values.dtype.kind == "i" and values.size:
        # A negative number is a large one without its sign: one look is enough for 0 and 1.
        largest = int(values.view(f"u{values.dtype.itemsize}").max())
        if largest <= 1:
            return 0.0, float(largest)
        if largest <= np.iinfo(values.dtype).max:  # none is negative
            return float(values.min()), float(largest)
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)

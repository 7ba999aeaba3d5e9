"""A frame whose data stay where they are: one query for facts, one for the sums of each split."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import narwhals as nw

from fairlift_stats.arrays import Array
from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import Sum
from fairlift_stats.frames.kinds import kind_of, repeated_units, small_frame
from fairlift_stats.frames.memory import MemoryTable
from fairlift_stats.frames.table import (
    MOST_WHOLE,
    Cells,
    Column,
    ColumnFacts,
    ColumnKind,
    Label,
    NeededSums,
    RepeatedUnits,
)

__all__ = ["QueryTable"]


class QueryTable:
    """A lazy frame of polars, a DuckDB relation, an Ibis table."""

    # Any: which library's frame it is, is not known here.
    def __init__(self, frame: nw.LazyFrame[Any]) -> None:
        self._frame = frame
        self._small: dict[str, bool] = {}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """See `FrameTable`."""
        return tuple(self._schema)

    def kind(self, column: str) -> ColumnKind:
        """See `FrameTable`."""
        return kind_of(self._schema[column])

    def examples(self, column: str) -> list[object]:
        """See `FrameTable`."""
        return self._frame.select(column).head(3).collect()[column].to_list()

    def missing(self, column: str) -> int:
        """See `FrameTable`."""
        counted = self._frame.select(missing=nw.col(column).is_null().cast(nw.Int64).sum())
        return int(counted.collect().item() or 0)

    def facts(self, columns: Sequence[str]) -> Mapping[str, ColumnFacts]:
        """See `FrameTable`."""
        expressions: dict[str, nw.Expr] = {"n": nw.len()}
        for i, column in enumerate(columns):
            value, is_missing = self._number(column), self._is_missing(column)
            present = nw.when(~is_missing).then(value)
            expressions |= {
                f"missing{i}": is_missing.cast(nw.Int64).sum(),
                f"least{i}": present.min(),
                f"most{i}": present.max(),
                f"other{i}": ((present != 0) & (present != 1)).cast(nw.Int64).sum(),
            }
        row = self._frame.select(**expressions).collect().rows(named=True)[0]
        facts = {}
        for i, column in enumerate(columns):
            fact = ColumnFacts(
                missing=int(row[f"missing{i}"] or 0),
                least=float(row[f"least{i}"] or 0),
                most=float(row[f"most{i}"] or 0),
                is_0_or_1=not row[f"other{i}"],
            )
            facts[column] = fact
            largest = max(abs(fact.least), abs(fact.most)) * int(row["n"])
            self._small[column] = self._is_whole(column) and largest < MOST_WHOLE
        return facts

    def labels(self, column: str, most: int) -> Mapping[Label, int]:
        """See `FrameTable`."""
        name = f"{self._own}rows"
        counts = self._frame.group_by(column).agg(**{name: nw.len()}).head(most + 1).collect()
        pairs = counts.select(column, name).iter_rows()
        return {value: int(rows) for value, rows in pairs}

    def repeated(self, unit: str, variant: str) -> RepeatedUnits | None:
        """See `FrameTable`."""
        return repeated_units(self._frame, unit, variant)

    def cells(self, sums: NeededSums, by: Sequence[str]) -> Cells:
        """See `FrameTable`."""
        # Around the mean of its own group, so that a group of equal values has no spread at all.
        centres = {
            f"{self._own}centre{i}": self._centre(column).over(*by)
            for i, column in enumerate(sums.columns)
        }
        expressions: dict[str, nw.Expr] = {f"{self._own}units": nw.len()}
        floats = {}
        for i, (column, name) in enumerate(zip(sums.columns, centres, strict=True)):
            distance = self._part(column) - nw.col(name)
            floats[column.name] = distance.cast(nw.Float64)
            expressions[f"{self._own}group_centre{i}"] = nw.col(name).max()
            expressions[f"{self._own}sum{i}"] = (
                distance if self._fits(column) else floats[column.name]
            ).sum()
        for i, (a, b) in enumerate(sums.products):
            expressions[f"{self._own}product{i}"] = (floats[a] * floats[b]).sum()
        for i, (a, b, c) in enumerate(sums.thirds):
            expressions[f"{self._own}third{i}"] = (floats[a] * floats[b] * floats[c]).sum()
        answer = self._frame.with_columns(**centres).group_by(*by).agg(**expressions).collect()
        return {
            tuple(row[column] for column in by): self._summary(row, sums)
            for row in answer.iter_rows(named=True)
        }

    def rows(self, columns: Sequence[Column], by: str) -> Mapping[Label, Mapping[str, Array]]:
        """See `FrameTable`."""
        fetched = self._frame.select(by, *dict.fromkeys(c.source for c in columns)).collect()
        return MemoryTable(fetched).rows(columns, by)

    def frame_of(self, rows: Sequence[Mapping[str, object]], types: Mapping[str, type]) -> object:
        """See `FrameTable`."""
        library = self._frame.implementation
        if library is nw.Implementation.POLARS:
            return small_frame(rows, types, library).to_native()
        return small_frame(rows, types, nw.Implementation.PYARROW).lazy(backend=library).to_native()

    @cached_property
    def _own(self) -> str:
        """What names of our own begin with, and no column's does; DuckDB ignores the case."""
        own = "fairlift_"
        while any(name.lower().startswith(own) for name in self.columns):
            own += "_"
        return own

    @cached_property
    def _schema(self) -> Mapping[str, nw.dtypes.DType]:
        return self._frame.collect_schema()

    def _is_whole(self, column: str) -> bool:
        return self.kind(column) in (ColumnKind.WHOLE, ColumnKind.BOOLEAN)

    def _number(self, column: str) -> nw.Expr:
        is_small = self._is_whole(column) and self._small.get(column, False)
        return nw.col(column).cast(nw.Int64 if is_small else nw.Float64)

    def _is_missing(self, column: str) -> nw.Expr:
        is_null = nw.col(column).is_null()
        if self.kind(column) is ColumnKind.NUMBER:
            return is_null | nw.col(column).is_nan()
        return is_null

    def _centre(self, column: Column) -> nw.Expr:
        mean = self._part(column).mean()
        return mean.round().cast(nw.Int64) if self._fits(column) else mean

    def _fits(self, column: Column) -> bool:
        """Do the sums of whole numbers fit into 64 bits?"""
        return column.part == "missing" or self._small.get(column.source, False)

    def _summary(self, row: Mapping[str, Any], needed: NeededSums) -> Summary:
        """The summary in a row of the answer; DuckDB's sums of whole numbers are decimals."""
        n = int(row[f"{self._own}units"])
        totals: dict[str, Sum] = {}
        centres: dict[str, Sum] = {}
        for i, column in enumerate(needed.columns):
            plain = int if self._fits(column) else float
            centres[column.name] = plain(row[f"{self._own}group_centre{i}"])
            totals[column.name] = n * centres[column.name] + plain(row[f"{self._own}sum{i}"])
        return Summary.from_sums(
            n,
            totals,
            {pair: row[f"{self._own}product{i}"] for i, pair in enumerate(needed.products)},
            {triple: row[f"{self._own}third{i}"] for i, triple in enumerate(needed.thirds)},
            centre=centres,
        )

    def _part(self, column: Column) -> nw.Expr:
        number = self._number(column.source)
        if column.part == "values":
            return number
        is_missing = self._is_missing(column.source)
        if column.part == "missing":
            return is_missing.cast(nw.Int64)
        return nw.when(is_missing).then(nw.lit(0)).otherwise(number)

"""What narwhals calls a type, in our few kinds; and small tables in the caller's library."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from fairlift_stats.frames.table import ColumnKind, RepeatedUnits

__all__ = ["kind_of", "repeated_units", "small_frame"]

# Any: narwhals' own name for these types is private.
TYPES: Mapping[type, Any] = {
    bool: nw.Boolean,
    int: nw.Int64,
    float: nw.Float64,
    str: nw.String,
}


def kind_of(dtype: nw.dtypes.DType) -> ColumnKind:
    """The kind of a column of this type."""
    if dtype.is_integer():
        return ColumnKind.WHOLE
    if dtype.is_decimal():
        return ColumnKind.DECIMAL
    if dtype.is_numeric():
        return ColumnKind.NUMBER
    if dtype.is_temporal():
        return ColumnKind.TIME
    if dtype == nw.Boolean:
        return ColumnKind.BOOLEAN
    if dtype == nw.String:
        return ColumnKind.TEXT
    return ColumnKind.CATEGORY if dtype in (nw.Categorical, nw.Enum) else ColumnKind.OTHER


def small_frame(
    rows: Sequence[Mapping[str, object]],
    types: Mapping[str, type],
    backend: Any,  # one of narwhals' libraries in memory, whose type is private
) -> nw.DataFrame[Any]:
    """A table of these rows; a column without any value still has its type."""
    columns = {name: [row[name] for row in rows] for name in types}
    if backend is nw.Implementation.PANDAS:
        # With a schema, pandas would read a missing boolean as False.
        numbers = [name for name, kind in types.items() if kind is float]
        frame = nw.from_dict(columns, backend=backend)
        return frame.with_columns(nw.col(*numbers).cast(nw.Float64))
    schema = {name: TYPES[kind] for name, kind in types.items()}
    return nw.from_dict(columns, schema, backend=backend)


def repeated_units(frame: nw.LazyFrame[Any], unit: str, variant: str) -> RepeatedUnits | None:
    """The units with more than one row; None if there are none."""
    # By names of our own alone: columns of the frame may have any name.
    named = frame.select(unit=nw.col(unit), variant=nw.col(variant))
    seen = named.group_by("unit").agg(rows=nw.len(), variants=nw.col("variant").n_unique())
    counts = seen.filter(nw.col("rows") > 1).select(
        units=nw.len(),
        in_several_variants=(nw.col("variants") > 1).cast(nw.Int64).sum(),
        example=nw.col("unit").min(),
    )
    units, in_several_variants, example = counts.collect().row(0)
    return RepeatedUnits(int(units), int(in_several_variants), example) if units else None

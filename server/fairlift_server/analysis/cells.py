"""From one row per unit to sums per variant and day: the cells that every look is added up from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ibis
from fairlift.engine.metric import CapAtQuantile
from fairlift_stats.data.summary import Pair, Summary

from fairlift_server.analysis.columns import UnitColumn, maturity_us
from fairlift_server.analysis.customer_labels import segment_text
from fairlift_server.analysis.day_calendar import DAY_US
from fairlift_server.analysis.events import Table, Value, when
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    EntryCount,
    LedgerCell,
    LedgerQuery,
)
from fairlift_server.analysis.variables import known_number

_ENTRY_NUMBERS = (
    "units",
    "first_us",
    "last_entry_us",
    "last_us",
    "received_us",
    "late_orders",
    "late_exposures",
    "late_actions",
)
# Whole numbers of 38 digits, on every engine.
_WIDE = "decimal(38, 0)"
_WIDE_LIMIT = 10**38
# Larger numbers are multiplied in two parts, x = high · 10^10 + low, whose products fit.
_LOW = 10**10
_LARGEST_PARTED = 10**27
# From which moment on the zone's clock is how far ahead of UTC.
Offsets = tuple[tuple[int, int], ...]


def with_caps(rows: Table, query: LedgerQuery) -> Table:
    """Values above the quantile of the positive ones, of all arms together, count as it.

    The quantile is of the units that count at the end of the query's day.
    """
    capped = {}
    for column in query.columns:
        if isinstance(column.cap, CapAtQuantile):
            value = rows[column.name]
            positive = when((value > 0) & is_mature(rows, column, query), value)
            cap = positive.quantile(column.cap.quantile).over(ibis.window())
            capped[column.name] = ibis.least(value.cast("float64"), cap.cast("float64"))
    return rows.mutate(**capped) if capped else rows


def is_mature(rows: Table, column: UnitColumn, query: LedgerQuery) -> Value:
    """Whether a unit's number is final at the end of the query's day."""
    if query.as_of_day is None:
        return ibis.literal(True)
    return rows.first_us + maturity_us(column.maturity) < known_number("end_us")


def entry_counts(rows: Table, query: LedgerQuery, offsets: Offsets) -> Table:
    """One row per variant, day of entry and day of mixing."""
    days = rows.mutate(
        entry_day=local_day(rows.first_us, offsets), mixed_day=local_day(rows.mixed_us, offsets)
    )
    return days.group_by(["variant", "entry_day", "mixed_day"]).aggregate(
        units=days.count(),
        first_us=days.first_us.min(),
        last_entry_us=days.first_us.max(),
        last_us=days.last_us.max(),
        received_us=days.received_us.max(),
        late_orders=days.late_orders.sum(),
        late_exposures=days.late_exposures.sum(),
        late_actions=days.late_actions.sum(),
        **{f"mature{i}": _mature_now(days, query, group) for i, group in _live_groups(query)},
    )


def day_cells(
    rows: Table,
    group: ColumnGroup,
    offsets: Offsets,
    *,
    segment_keys: Collection[str] = (),
    exact: Collection[Pair] = (),
    parted: Collection[Pair] = (),
) -> Table:
    """One row per variant and day of entry, maturity and mixing: count, sums, products, thirds.

    Rows are cut by the columns `segment_keys`, too.

    Products of the `exact` pairs are added up as whole numbers; those of the `parted` pairs too, in
    three parts; the others as doubles.
    """
    rows = rows.mutate(
        entry_day=local_day(rows.first_us, offsets),
        mature_day=local_day(rows.first_us + maturity_us(group.maturity), offsets),
        mixed_day=local_day(rows.mixed_us, offsets),
    )
    keys = ["variant", "entry_day", "mature_day", "mixed_day", *segment_keys]
    # Wider before multiplying: products of integers overflow, on some engines in silence.
    double = {name: rows[name].cast("float64") for name in group.columns}
    whole = {name: rows[name].cast(_WIDE) for pair in (*exact, *parted) for name in pair}
    return rows.group_by(keys).aggregate(
        n=rows.count(),
        **{f"s{i}": rows[name].sum() for i, name in enumerate(group.columns)},
        **{
            f"p{i}": (whole[a] * whole[b] if (a, b) in exact else double[a] * double[b]).sum()
            for i, (a, b) in enumerate(group.products)
            if (a, b) not in parted
        },
        **{
            f"p{i}_{power}": part.sum()
            for i, (a, b) in enumerate(group.products)
            if (a, b) in parted
            for power, part in enumerate(_parts_of_product(whole[a], whole[b]))
        },
        **{
            f"t{i}": (double[a] * double[b] * double[c]).sum()
            for i, (a, b, c) in enumerate(group.thirds)
        },
    )


# `Any` below: a database's values.


def read_entry(row: Mapping[str, Any], query: LedgerQuery) -> EntryCount:
    """A row of `entry_counts`."""
    return EntryCount(
        row["variant"],
        int(row["entry_day"]),
        _whole(row["mixed_day"]),
        **{name: int(row[name]) for name in _ENTRY_NUMBERS},
        mature={group.maturity: int(row[f"mature{i}"]) for i, group in _live_groups(query)},
    )


def read_cell(
    row: Mapping[str, Any], group: ColumnGroup, segments: Sequence[str] = ()
) -> LedgerCell:
    """A row of `day_cells`, cut by these segments or by none."""
    return LedgerCell(
        group.maturity,
        row["variant"],
        int(row["entry_day"]),
        int(row["mature_day"]),
        _whole(row["mixed_day"]),
        segment_text(row, segments) if "segments" in row else None,
        Summary.from_sums(
            int(row["n"]),
            {name: row[f"s{i}"] for i, name in enumerate(group.columns)},
            {pair: _product(row, i) for i, pair in enumerate(group.products)},
            {triple: row[f"t{i}"] for i, triple in enumerate(group.thirds)},
        ),
    )


def largest_values(rows: Table, query: LedgerQuery) -> Table:
    """One row: the number of units, and of each column of whole numbers the largest value."""
    return rows.aggregate(
        n=rows.count(),
        **{
            column.name: rows[column.name].abs().max()
            for column in query.columns
            if rows[column.name].type().is_integer()
        },
    )


def exact_pairs(largest: Mapping[str, Any], group: ColumnGroup) -> frozenset[Pair]:
    """Pairs of columns whose products add up to less than 38 digits, whoever the units are."""
    n = largest["n"]
    return frozenset(
        (a, b)
        for a, b in group.products
        if a in largest
        and b in largest
        and n * int(largest[a] or 0) * int(largest[b] or 0) < _WIDE_LIMIT
    )


def parted_pairs(
    largest: Mapping[str, Any], group: ColumnGroup, exact: frozenset[Pair]
) -> frozenset[Pair]:
    """Pairs of columns of whole numbers that are not exact: their products are too large."""
    return frozenset(
        (a, b)
        for a, b in set(group.products) - exact
        if a in largest
        and b in largest
        and max(int(largest[a] or 0), int(largest[b] or 0)) < _LARGEST_PARTED
    )


def _parts_of_product(x: Value, y: Value) -> tuple[Value, Value, Value]:
    """What is to be multiplied by 1, 10^10 and 10^20, and added up, to get the product."""
    (x_high, x_low), (y_high, y_low) = _parts(x), _parts(y)
    return x_low * y_low, x_high * y_low + x_low * y_high, x_high * y_high


def _parts(x: Value) -> tuple[Value, Value]:
    # The quotient is rounded, so `low` may have either sign: the two are the number all the same.
    high = (x.cast("float64") / float(_LOW)).round().cast(_WIDE)
    return high, x - high * ibis.literal(_LOW).cast(_WIDE)


def _product(row: Mapping[str, Any], i: int) -> int | float:
    if f"p{i}_0" in row:
        low, middle, high = (int(row[f"p{i}_{power}"]) for power in range(3))
        return low + _LOW * (middle + _LOW * high)
    value: int | float | Decimal = row[f"p{i}"]
    return int(value) if isinstance(value, Decimal) else value


def _live_groups(query: LedgerQuery) -> list[tuple[int, ColumnGroup]]:
    return [] if query.live is None else list(enumerate(query.groups))


def _mature_now(rows: Table, query: LedgerQuery, group: ColumnGroup) -> Value:
    assert query.live is not None, "the caller asks of now"
    is_over = rows.first_us + maturity_us(group.maturity) <= known_number("now_us")
    return ibis.ifelse(is_over, 1, 0).sum()


def local_day(time_us: Value, offsets: Offsets) -> Value:
    """The local day of a moment."""
    return (time_us + _offset(time_us, offsets)) // DAY_US


def _offset(time_us: Value, offsets: Offsets) -> Value:
    branches = [(time_us < until, offset) for until, offset in _until(offsets)]
    last = offsets[-1][1]
    return ibis.cases(*branches, else_=last) if branches else ibis.literal(last)


def _until(offsets: Offsets) -> Iterator[tuple[int, int]]:
    """Each offset but the last, with the moment at which it ends."""
    for (_start, offset), (end, _next) in pairwise(offsets):
        yield end, offset


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)

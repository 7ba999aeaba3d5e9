"""Counts and sums by day as an answer has them: rolled up, in Python, to each group's own cells."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from fairlift_server.analysis.cells import LOW, Additions, DayKeys, mature_day_of
from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import DAY_US, MINUTE_US
from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums
from fairlift_server.analysis.ledger_query import ColumnGroup, EntryCount, OpenUnits
from fairlift_server.analysis.untyped import Row

# Variant, day of entry, of maturity and of mixing, and the segments' text.
_Key: TypeAlias = tuple[str, int, int, int | None, str | None]


def entry_counts(counts: Iterable[Row], sums: Iterable[Row]) -> tuple[EntryCount, ...]:
    """Units by variant, day of entry and of mixing, in this order."""
    exposed: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    active: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for rows, into in ((counts, exposed), (sums, active)):
        for row in rows:
            into[row["variant"], int(row["entry_day"]), _whole(row["mixed_day"])].append(row)
    entries = []
    for key, of_persons in exposed.items():
        of_units = active.get(key, [])
        variant, entry_day, mixed_day = key
        entries.append(
            EntryCount(
                variant,
                entry_day,
                mixed_day,
                units=_total(of_persons, "units"),
                first_us=min(int(row["first_us"]) for row in of_persons),
                last_entry_us=_latest(of_persons, "last_entry_us"),
                last_us=_latest([*of_persons, *of_units], "last_us"),
                received_us=_latest([*of_persons, *of_units], "received_us"),
                late_orders=_total(of_units, "late_orders"),
                late_exposures=_total(of_persons, "late_exposures"),
                late_actions=_total(of_units, "late_actions"),
                mature={},
            )
        )
    return tuple(sorted(entries, key=lambda e: (e.variant, e.entry_day, e.mixed_day or 0)))


def open_units(rows: Iterable[Row]) -> tuple[OpenUnits, ...]:
    """Rows of `open_unit_rows`, in a fixed order."""
    counts = [
        OpenUnits(
            row["variant"],
            int(row["entry_day"]),
            _whole(row["mixed_day"]),
            int(row["minute"]) * MINUTE_US,
            int(row["units"]),
        )
        for row in rows
    ]
    return tuple(
        sorted(counts, key=lambda o: (o.variant, o.entry_day, o.mixed_day or 0, o.until_us))
    )


def group_cells(
    group: ColumnGroup,
    keys: DayKeys,
    counts: Sequence[Row],
    sums: Sequence[Row],
    additions: Additions,
    *,
    text_of: Callable[[Row], str] | None = None,
) -> tuple[LedgerCell, ...]:
    """The cells of one group of columns.

    Args:
        group: of columns.
        keys: of the rows.
        counts: of units of one query.
        sums: of the same query.
        additions: that the sums are of.
        text_of: gives the labels by which cells are cut; None: they are not.
    """
    units: dict[_Key, int] = defaultdict(int)
    for row in counts:
        units[_key(row, group.maturity, keys, text_of)] += int(row["units"])
    names = _sources(group, additions)
    totals: dict[_Key, list[int | float]] = defaultdict(lambda: [0] * len(names))
    for row in sums:
        total = totals[_key(row, group.maturity, keys, text_of)]
        for place, name in enumerate(names):
            total[place] += _number(row, name)
    cells = []
    for key in sorted(units, key=lambda key: (*key[:3], key[3] or 0, key[4] or "")):
        variant, entry_day, mature_day, mixed_day, text = key
        cells.append(
            LedgerCell(
                group.maturity,
                variant,
                entry_day,
                mature_day,
                mixed_day,
                text,
                UnitSums(units[key], tuple(totals[key])),
            )
        )
    return tuple(cells)


def _sources(group: ColumnGroup, additions: Additions) -> list[str]:
    """The columns of the sums with what the group adds up."""
    columns = {name: f"s{n}" for n, name in enumerate(additions.columns)}
    products = {frozenset(pair): f"p{n}" for n, pair in enumerate(additions.products)}
    thirds = {triple: f"t{n}" for n, triple in enumerate(additions.thirds)}
    return [
        *(columns[name] for name in group.columns),
        *(products[frozenset(pair)] for pair in group.products),
        *(thirds[triple] for triple in group.thirds),
    ]


def _key(row: Row, window: Window, keys: DayKeys, text_of: Callable[[Row], str] | None) -> _Key:
    entry_day = int(row["entry_day"])
    if window in keys.own:
        mature_day = int(row[mature_day_of(window)])
    else:
        mature_day = entry_day + maturity_us(window) // DAY_US
    text = None if text_of is None else text_of(row)
    return row["variant"], entry_day, mature_day, _whole(row["mixed_day"]), text


def _number(row: Row, name: str) -> int | float:
    if f"{name}_0" in row:
        low, middle, high = (int(row[f"{name}_{power}"]) for power in range(3))
        return low + LOW * (middle + LOW * high)
    value: int | float | Decimal = row[name]
    return int(value) if isinstance(value, Decimal) else value


def _total(rows: Sequence[Row], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _latest(rows: Sequence[Row], name: str) -> int:
    return max(int(row[name]) for row in rows)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)

"""Counts and sums by day as an answer has them: rolled up, in Python, to each group's own cells."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from fairlift_stats.data.sums import Sum

from fairlift_server.analysis.cells import Addition, DayKeys, mature_day_of, total_key
from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import DAY_US, MINUTE_US
from fairlift_server.analysis.ledger_cell import LedgerCell, UnitSums, added_up
from fairlift_server.analysis.ledger_query import ColumnGroup, EntryCount, OpenUnits
from fairlift_server.analysis.untyped import Row
from fairlift_server.analysis.whole_sums import Way, put_together

# Variant, day of entry, of maturity and of mixing, and the segments' text.
_Key: TypeAlias = tuple[str, int, int, int | None, str | None]


def entry_counts(counts: Iterable[Row], sums: Iterable[Row]) -> tuple[EntryCount, ...]:
    """Units by variant, day of entry and of mixing, in this order."""
    exposed: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    active: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for rows, into in ((counts, exposed), (sums, active)):
        for row in rows:
            into[row["variant"], row["entry_day"], row["mixed_day"]].append(row)
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
                first_us=min(row["first_us"] for row in of_persons),
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
            row["entry_day"],
            row["mixed_day"],
            row["minute"] * MINUTE_US,
            row["units"],
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
    additions: Mapping[Hashable, Addition],
    *,
    text_of: Callable[[Row], str] | None = None,
) -> tuple[LedgerCell, ...]:
    """The cells of one group of columns.

    Args:
        group: of columns.
        keys: of the rows.
        counts: of units of one query.
        sums: of the same query.
        additions: that the sums are of, by `total_key`.
        text_of: gives the labels by which cells are cut; None: they are not.
    """
    key_of = _key_of(group.maturity, keys, text_of)
    units: dict[_Key, int] = defaultdict(int)
    for row in counts:
        units[key_of(row)] += row["units"]
    totals_of = _totals_of([additions[total_key(total)] for total in group.totals])
    totals = added_up((key_of(row), UnitSums(0, totals_of(row))) for row in sums)
    nothing = group.nothing
    return tuple(
        LedgerCell(
            group.maturity,
            *key,
            UnitSums(units[key], totals.get(key, nothing).totals),
        )
        for key in sorted(units, key=lambda key: (*key[:3], key[3] or 0, key[4] or ""))
    )


def _key_of(
    window: Window, keys: DayKeys, text_of: Callable[[Row], str] | None
) -> Callable[[Row], _Key]:
    """What tells which cell a row belongs to."""
    mature_day = mature_day_of(window) if window in keys.own else None
    days = maturity_us(window) // DAY_US

    def key_of(row: Row) -> _Key:
        entry_day = row["entry_day"]
        return (
            row["variant"],
            entry_day,
            entry_day + days if mature_day is None else row[mature_day],
            row["mixed_day"],
            None if text_of is None else text_of(row),
        )

    return key_of


def _totals_of(additions: Sequence[Addition]) -> Callable[[Row], tuple[Sum, ...]]:
    """What reads these sums from a row."""
    values_of = _values_of([next((name for _, name in a.parts), a.name) for a in additions])
    in_parts = [(place, each.parts) for place, each in enumerate(additions) if each.parts]
    as_text = [place for place, each in enumerate(additions) if each.way is Way.WIDE]
    as_floats = [place for place, each in enumerate(additions) if each.way is Way.FLOAT]

    def totals_of(row: Row) -> tuple[Sum, ...]:
        totals = list(values_of(row))
        for place, parts in in_parts:
            totals[place] = put_together([(shift, row[name]) for shift, name in parts])
        for place in as_text:
            totals[place] = int(totals[place])
        for place in as_floats:
            # One that is nothing is 0, as where no unit did anything.
            totals[place] = totals[place] or 0
        return tuple(totals)

    return totals_of


# `Any`: a database's values.


def _values_of(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    """What reads these columns of a row."""
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)


def _total(rows: Sequence[Row], name: str) -> int:
    return sum(row[name] for row in rows)


def _latest(rows: Sequence[Row], name: str) -> int:
    latest: int = max(row[name] for row in rows)
    return latest

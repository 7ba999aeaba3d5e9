"""From one row per unit to counts and sums by variant and day: a look adds some of them up."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fairlift_stats.data.summary import Pair, Triple

from fairlift_server.analysis.columns import UnitColumn, Window, maturity_us
from fairlift_server.analysis.day_calendar import MINUTE_US
from fairlift_server.analysis.ledger_query import ColumnGroup
from fairlift_server.analysis.local_days import clocks_table, local_day, own_mature_days
from fairlift_server.analysis.query_tables import query_table
from fairlift_server.analysis.untyped import Table
from fairlift_server.analysis.whole_sums import SHIFTS, Way, summed, way_of

# Before a column's name: its least and its largest value.
_LEAST: Final = "least:"
_MOST: Final = "most:"


@dataclass(frozen=True)
class DayKeys:
    """What units are counted and added up by.

    Attributes:
        windows: for which there is a day of maturity.
        changes: how often clocks change.
        segments: columns with what units are cut by.
        part: of the attributes, where their labels are capped; None: they are not.
    """

    windows: tuple[Window, ...]
    changes: int
    segments: tuple[str, ...] = ()
    part: int | None = None

    @cached_property
    def own(self) -> tuple[Window, ...]:
        """The windows whose day of maturity is a column of its own."""
        return tuple(own_mature_days(self.windows, self.changes))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        days = (mature_day_of(window) for window in self.own)
        return ("query_id", "variant", "entry_day", "mixed_day", *days, *self.segments)


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added up, and how.

    Attributes:
        factors: one column, or those of a product in the order that the way needs.
        way: that is exact, where there is one.
        name: of the column with the sum, or before the powers of two of its parts.
    """

    factors: tuple[str, ...]
    way: Way
    name: str

    @property
    def parts(self) -> tuple[tuple[int, str], ...]:
        """The powers of two and the columns of its parts; none: its sum is one number."""
        return tuple((shift, f"{self.name}_{shift}") for shift in SHIFTS[self.way])


def mature_day_of(window: Window) -> str:
    """The column with the day on which units are mature for a window."""
    return f"mature_{'any' if window is None else window}_day"


def unit_counts(persons: Table, keys: DayKeys) -> Table:
    """Units by variant and day, with the moments that their entries were at."""
    rows = with_days(persons, keys)
    return rows.group_by(list(keys.names)).aggregate(
        units=rows.count(),
        first_us=rows.first_us.min(),
        last_entry_us=rows.first_us.max(),
        last_us=rows.last_us.max(),
        received_us=rows.received_us.max(),
        late_exposures=rows.late_exposures.sum(),
    )


def open_unit_rows(persons: Table, keys: DayKeys) -> Table:
    """Units whose longest window is open now, by variant, day of entry and mixing, and minute."""
    rows = with_days(persons, keys)
    longest = max(map(maturity_us, keys.windows), default=0)
    # Drops most units before their minute is worked out.
    rows = rows.filter(rows.first_us + (longest + MINUTE_US) > rows.now_us).mutate()
    rows = rows.mutate(minute=(rows.first_us + (MINUTE_US - 1)) // MINUTE_US)
    rows = rows.filter(rows.minute * MINUTE_US + longest > rows.now_us)
    return rows.group_by(["query_id", "variant", "entry_day", "mixed_day", "minute"]).aggregate(
        units=rows.count()
    )


def unit_sums(units: Table, keys: DayKeys, additions: Collection[Addition]) -> Table:
    """Sums of the columns, and of their products, by variant and day."""
    rows = with_days(units, keys)
    sums = {
        each.name if shift is None else f"{each.name}_{shift}": value
        for each in additions
        for shift, value in summed([rows[name] for name in each.factors], each.way).items()
    }
    return rows.group_by(list(keys.names)).aggregate(
        last_us=rows.last_us.max(),
        received_us=rows.received_us.max(),
        late_orders=rows.late_orders.sum(),
        late_actions=rows.late_actions.sum(),
        **sums,
    )


def extreme_values(units: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row: the number of units, and the ends of each column of whole numbers."""
    # Not the largest `abs`: DuckDB knows least and largest without reading the table.
    whole = [c.name for c in columns if not units[c.name].type().is_floating()]
    return units.aggregate(
        n=units.count(),
        **{f"{_LEAST}{name}": units[name].min() for name in whole},
        **{f"{_MOST}{name}": units[name].max() for name in whole},
    )


# `Any` below: a database's values.


def additions_of(
    groups: Collection[ColumnGroup], extremes: Mapping[str, Any]
) -> dict[Hashable, Addition]:
    """What the groups add up, each once, by what `total_key` says of it.

    Args:
        groups: whose totals are wanted.
        extremes: as `extreme_values` gives them.
    """
    factors: dict[Hashable, tuple[str, ...]] = {}
    for total in (total for group in groups for total in group.totals):
        factors.setdefault(total_key(total), (total,) if isinstance(total, str) else total)
    names_of_whole = [n.removeprefix(_MOST) for n in extremes if n.startswith(_MOST)]
    sizes = {
        name: max(-int(extremes[_LEAST + name] or 0), int(extremes[_MOST + name] or 0))
        for name in names_of_whole
    }
    additions = {}
    for number, (key, names) in enumerate(factors.items()):
        way = way_of([sizes.get(name) for name in names], int(extremes["n"]))
        if way is Way.CUT:
            names = tuple(sorted(names, key=lambda name: sizes[name]))
        additions[key] = Addition(names, way, f"sum{number}")
    return additions


def total_key(total: str | Pair | Triple) -> Hashable:
    """The same for a pair in either order."""
    return frozenset(total) if len(total) == 2 and not isinstance(total, str) else total


def with_days(rows: Table, keys: DayKeys) -> Table:
    """The rows with their days in the zone of their query, and the moment that is now."""
    clocks = clocks_table(keys.changes).rename(of_clock="query_id")
    queries = query_table().select(number="query_id", now_us="now_us")
    rows = rows.join(clocks, rows.query_id == clocks.of_clock).mutate()
    rows = rows.join(queries, rows.query_id == queries.number).mutate()
    return rows.mutate(
        entry_day=local_day(rows.first_us, rows, keys.changes),
        mixed_day=local_day(rows.mixed_us, rows, keys.changes),
        **{
            mature_day_of(window): local_day(
                rows.first_us + maturity_us(window), rows, keys.changes
            )
            for window in keys.own
        },
    )

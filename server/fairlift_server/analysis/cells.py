"""From one row per unit to counts and sums by variant and day: a look adds some of them up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final

import ibis
from fairlift_stats.data.summary import Pair, Triple

from fairlift_server.analysis.columns import UnitColumn, Window, maturity_us
from fairlift_server.analysis.day_calendar import MINUTE_US
from fairlift_server.analysis.ledger_query import ColumnGroup
from fairlift_server.analysis.local_days import clocks_table, local_day, own_mature_days
from fairlift_server.analysis.query_tables import query_table
from fairlift_server.analysis.untyped import Table, Value

# Whole numbers of 38 digits, on every engine.
_WIDE: Final = "decimal(38, 0)"
_WIDE_LIMIT: Final = 10**38
# Larger numbers are multiplied in two parts, x = high · 10^10 + low, whose products fit.
LOW: Final = 10**10
_LARGEST_PARTED: Final = 10**27


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
class Additions:
    """What is added up, each once, and how exactly.

    Attributes:
        exact: pairs and triples whose products are added up as whole numbers: doubles depend, in
            the last digit, on the order in which threads add them up.
        parted: pairs for which this takes three parts; the others are added up as doubles.
    """

    columns: tuple[str, ...]
    products: tuple[Pair, ...]
    thirds: tuple[Triple, ...]
    exact: frozenset[Pair | Triple]
    parted: frozenset[Pair]


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
    rows = rows.mutate(minute=(rows.first_us + (MINUTE_US - 1)) // MINUTE_US)
    rows = rows.filter(rows.minute * MINUTE_US + longest > rows.now_us)
    return rows.group_by(["query_id", "variant", "entry_day", "mixed_day", "minute"]).aggregate(
        units=rows.count()
    )


def unit_sums(units: Table, keys: DayKeys, additions: Additions) -> Table:
    """Sums, products and thirds of the columns by variant and day; whole numbers as texts.

    Texts of wide numbers are read in a fifth of the time that decimals take.
    """
    rows = with_days(units, keys)
    # Wider before multiplying: products of integers overflow, on some engines in silence.
    columns = {name for each in (*additions.products, *additions.thirds) for name in each}
    double = {name: rows[name].cast("float64") for name in columns}
    whole = {
        name: rows[name].cast(_WIDE)
        for product in (*additions.exact, *additions.parted)
        for name in product
    }
    sums = {f"s{n}": _sum(rows[name]) for n, name in enumerate(additions.columns)}
    for n, (a, b) in enumerate(additions.products):
        if (a, b) in additions.parted:
            for power, part in enumerate(_parts_of_product(whole[a], whole[b])):
                sums[f"p{n}_{power}"] = _sum(part)
        elif (a, b) in additions.exact:
            sums[f"p{n}"] = _sum(whole[a] * whole[b])
        else:
            sums[f"p{n}"] = (double[a] * double[b]).sum()
    for n, (a, b, c) in enumerate(additions.thirds):
        numbers = whole if (a, b, c) in additions.exact else double
        sums[f"t{n}"] = _sum(numbers[a] * numbers[b] * numbers[c])
    return rows.group_by(list(keys.names)).aggregate(
        last_us=rows.last_us.max(),
        received_us=rows.received_us.max(),
        late_orders=rows.late_orders.sum(),
        late_actions=rows.late_actions.sum(),
        **sums,
    )


def largest_values(units: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row: the number of units, and of each column of whole numbers the largest value."""
    return units.aggregate(
        n=units.count(),
        **{
            column.name: units[column.name].abs().max()
            for column in columns
            if units[column.name].type().is_integer()
        },
    )


# `Any` below: a database's values.


def additions_of(groups: Collection[ColumnGroup], largest: Mapping[str, Any]) -> Additions:
    """What the groups add up, each once."""
    products = {frozenset(p): p for group in groups for p in group.products}
    thirds = dict.fromkeys(triple for group in groups for triple in group.thirds)
    whole = {name: int(value or 0) for name, value in largest.items() if name != "n"}
    known = [(a, b) for a, b in products.values() if a in whole and b in whole]
    # They add up to less than 38 digits, whoever the units are.
    candidates: list[Pair | Triple] = [*known]
    candidates += (triple for triple in thirds if whole.keys() >= set(triple))
    exact = frozenset(
        product
        for product in candidates
        if int(largest["n"]) * prod(whole[name] for name in product) < _WIDE_LIMIT
    )
    return Additions(
        tuple(dict.fromkeys(name for group in groups for name in group.columns)),
        tuple(products.values()),
        tuple(thirds),
        exact,
        frozenset(
            (a, b)
            for a, b in known
            if (a, b) not in exact and max(whole[a], whole[b]) < _LARGEST_PARTED
        ),
    )


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


def _sum(values: Value) -> Value:
    total = values.sum()
    return total if values.type().is_floating() else total.cast("string")


def _parts_of_product(x: Value, y: Value) -> tuple[Value, Value, Value]:
    """What is to be multiplied by 1, 10^10 and 10^20, and added up, to get the product."""
    (x_high, x_low), (y_high, y_low) = _parts(x), _parts(y)
    return x_low * y_low, x_high * y_low + x_low * y_high, x_high * y_high


def _parts(x: Value) -> tuple[Value, Value]:
    # The quotient is rounded, so `low` may have either sign: the two are the number all the same.
    high = (x.cast("float64") / float(LOW)).round().cast(_WIDE)
    return high, x - high * ibis.literal(LOW).cast(_WIDE)

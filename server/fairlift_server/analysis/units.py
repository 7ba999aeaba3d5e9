"""One row per unit with the columns of a query: what its person did, joined to the person once.

Units that did nothing have 0 in every column. They are most, so their rows are not written out.
"""

from collections.abc import Sequence
from typing import Final

import ibis
from fairlift.engine.metric import CapAtAmount, CapAtQuantile

from fairlift_server.analysis.columns import MICROS, UnitColumn, maturity_us, name_of_lines
from fairlift_server.analysis.measures import (
    Numbers,
    action_numbers,
    count_of,
    event_numbers,
    known_or_zero,
    order_numbers,
    unit_number,
    when,
)
from fairlift_server.analysis.order_lines import line_measures
from fairlift_server.analysis.person_events import ORDER_AMOUNTS
from fairlift_server.analysis.query_tables import NEVER_US, query_table
from fairlift_server.analysis.untyped import Table, Value
from fairlift_server.analysis.whole_sums import WIDE

_PERSON: Final = ["query_id", "person"]
_LAST: Final = ("last_us", "received_us")
# What units do not need of their persons.
_OF_PERSONS: Final = (*_LAST, "late_exposures", "exposures")


def amount_totals(orders: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row: what the amounts of all orders add up to, about and whatever their sign."""
    return orders.aggregate(
        **{name: orders[name].abs().cast("float64").sum() for name in _amounts(columns)}
    )


def with_wide_amounts(orders: Table, columns: Sequence[UnitColumn]) -> Table:
    """The orders with amounts that add up without an end."""
    return orders.mutate(**{name: orders[name].cast(WIDE) for name in _amounts(columns)})


def _amounts(columns: Sequence[UnitColumn]) -> list[str]:
    return [*ORDER_AMOUNTS, *map(name_of_lines, line_measures(columns))]


def orders_by_person(orders: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row per person with an order that counts: what the columns need of it."""
    numbers = [order_numbers(orders, column) for column in columns]
    return _by_person(orders, numbers, late_orders=count_of(orders.is_late))


def actions_by_person(actions: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row per person with an action: what the columns need of it."""
    numbers = [action_numbers(actions, column) for column in columns]
    return _by_person(actions, numbers, late_actions=count_of(actions.is_late))


def events_by_person(events: Table, columns: Sequence[UnitColumn]) -> Table:
    """One row per person with any event: what the columns need of it."""
    return _by_person(events, [event_numbers(events, column) for column in columns])


def active_units(persons: Table, parts: Sequence[Table], columns: Sequence[UnitColumn]) -> Table:
    """One row per unit that did something: of the person, and the query's columns.

    Args:
        persons: of the queries.
        parts: by person, what each kind of event tells.
        columns: of the queries.
    """
    rows = persons.drop(*_OF_PERSONS)
    lasts: list[str] = []
    for number, part in enumerate(parts):
        renamed = {"of_query_id": "query_id", f"did{number}": "person"}
        if "last_us" in part.columns:
            lasts.append(str(number))
            renamed |= {f"{name}{number}": name for name in _LAST}
        part = part.rename(renamed)
        joined = rows.left_join(
            part, [rows.query_id == part.of_query_id, rows.person == part[f"did{number}"]]
        )
        rows = joined.drop("of_query_id").mutate()
    is_active = [rows[f"did{number}"].notnull() for number in range(len(parts))]
    rows = rows.filter(ibis.or_(*is_active)).mutate()
    return rows.select(
        *[name for name in persons.columns if name not in _OF_PERSONS],
        **{
            name: _greatest([ibis.coalesce(rows[f"{name}{number}"], 0) for number in lasts])
            for name in _LAST
        },
        late_orders=known_or_zero(rows, "late_orders"),
        late_actions=known_or_zero(rows, "late_actions"),
        **{column.name: _number(rows, column) for column in columns},
    ).mutate()


def with_caps(units: Table, columns: Sequence[UnitColumn]) -> Table:
    """Values above the quantile of the positive ones, of all arms together, count as it.

    The quantile is of the units that count at the end of the query's day.
    """
    capped = [column for column in columns if isinstance(column.cap, CapAtQuantile)]
    if not capped:
        return units
    queries = query_table()
    joined = units.join(queries, units.query_id == queries.query_id)
    rows = joined.select(*[units[name] for name in units.columns], end_us=queries.end_us).mutate()
    limits = rows.group_by("query_id").aggregate(
        **{
            f"cap{n}": when((rows[column.name] > 0) & is_mature(rows, column), rows[column.name])
            .quantile(column.cap.quantile)
            .cast("float64")
            for n, column in enumerate(capped)
            if isinstance(column.cap, CapAtQuantile)
        }
    )
    joined = units.join(limits, units.query_id == limits.query_id)
    cut = {
        column.name: ibis.least(
            units[column.name].cast("float64"),
            # Where nothing is positive nothing is capped.
            ibis.coalesce(limits[f"cap{n}"], units[column.name].cast("float64")),
        )
        for n, column in enumerate(capped)
    }
    return joined.select(**{n: cut.get(n, units[n]) for n in units.columns}).mutate()


def is_mature(rows: Table, column: UnitColumn) -> Value:
    """Whether a unit's number is final at the end of the query's day."""
    final_us = rows.first_us + maturity_us(column.maturity)
    return (rows.end_us == NEVER_US) | (final_us < rows.end_us)


def _by_person(events: Table, numbers: Sequence[Numbers], **late: Value) -> Table:
    return events.group_by(_PERSON).aggregate(
        last_us=events.time_us.max(),
        received_us=events.received_us.max(),
        **late,
        **{name: value for each in numbers for name, value in each.items()},
    )


def _number(rows: Table, column: UnitColumn) -> Value:
    total = unit_number(rows, column)
    if column.is_indicator:
        return (total > 0).cast("int64")
    if isinstance(column.cap, CapAtAmount):
        amount = column.cap.amount * (MICROS if column.is_money else 1 / column.unit)
        return ibis.least(total, ibis.literal(amount)).cast(total.type())
    return total


def _greatest(values: Sequence[Value]) -> Value:
    # Of one value Spark refuses to say which is the greatest.
    return values[0] if len(values) == 1 else ibis.greatest(*values)

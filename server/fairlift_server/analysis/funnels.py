"""Funnels: how far each person came, step by step in the order of time.

A step counts when it happens at the same moment as the step before or later, so a person who
skips a step stops there.
"""

import ibis

from fairlift_server.analysis.columns import FunnelSteps, UnitColumn
from fairlift_server.analysis.events import Table, Value, when
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.measures import Coupons, any_of, is_step


def with_funnel_times(events: Table, query: LedgerQuery) -> Table:
    """The events with, for each step of each funnel, the moment at which the person reached it."""
    columns = [column for column in query.columns if isinstance(column.measure, FunnelSteps)]
    if not columns:
        return events
    person = ibis.window(group_by="person")
    events = _with_variant(events)
    for column in sorted(columns, key=_number_of_steps):
        reached = _reached(events, column, columns, dict(query.coupons))
        events = events.mutate(**{_time_of(column): reached.min().over(person)})
    return events


def funnel_value(events: Table, column: UnitColumn) -> Value:
    """1 where the person reached the column's last step."""
    return any_of(events[_time_of(column)].notnull())


def _with_variant(events: Table) -> Table:
    """The events with the variant of the person's first exposure; ids break ties in time."""
    person = ibis.window(group_by="person")
    is_first = (events.kind == "exposure") & (events.time_us == events.first_us)
    events = events.mutate(first_unit=when(is_first, events.unit).min().over(person))
    is_first = (events.time_us == events.first_us) & (events.unit == events.first_unit)
    return events.mutate(person_variant=when(is_first, events.variant).min().over(person))


def _reached(
    events: Table, column: UnitColumn, columns: list[UnitColumn], coupons: Coupons
) -> Value:
    """The moments of events that are the column's last step, at or after the step before it."""
    assert isinstance(column.measure, FunnelSteps), "the caller chose funnels"
    *before, step = column.measure.steps
    happened = is_step(events, step, column.window, coupons, events.person_variant)
    if before:
        earlier = FunnelSteps(tuple(before))
        previous = next(c for c in columns if c.measure == earlier and c.window == column.window)
        happened &= events.time_us >= events[_time_of(previous)]
    return when(happened, events.time_us)


def _number_of_steps(column: UnitColumn) -> int:
    assert isinstance(column.measure, FunnelSteps), "the caller chose funnels"
    return len(column.measure.steps)


def _time_of(column: UnitColumn) -> str:
    return f"reached:{column.name}"

"""From events to one row per unit: variant, first exposure, and the columns of the query."""

import ibis
from fairlift.engine.metric import CapAtAmount

from fairlift_server.analysis.columns import MICROS, FunnelSteps, UnitColumn
from fairlift_server.analysis.events import Ledger, Table, Value, events_of_exposed
from fairlift_server.analysis.funnels import funnel_value, with_funnel_times
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.measures import first_exposed, measure_total, total_before
from fairlift_server.analysis.variables import known_number


def unit_rows(ledger: Ledger, query: LedgerQuery) -> Table:
    """One row per unit: variant, segments, first exposure, mixing, and the query's columns."""
    events = with_funnel_times(events_of_exposed(ledger, query), query)
    return events.group_by("person").aggregate(
        variant=first_exposed(events, events.variant),
        segments=first_exposed(events, events.segments),
        first_us=events.first_us.min(),
        last_us=events.time_us.max(),
        received_us=events.received_us.max(),
        mixed_us=events.mixed_us.min(),
        late_orders=_late(events, query, "order"),
        late_exposures=_late(events, query, "exposure"),
        late_actions=_late(events, query, "action"),
        **{column.name: _number(events, column, query) for column in query.columns},
    )


def _late(events: Table, query: LedgerQuery, kind: str) -> Value:
    is_late = ibis.literal(False)
    if query.late is not None:
        is_late = (events.time_us < known_number("late_end_us")) & (
            events.received_us > known_number("late_made_us")
        )
    return ibis.ifelse((events.kind == kind) & is_late, 1, 0).sum()


def _number(events: Table, column: UnitColumn, query: LedgerQuery) -> Value:
    coupons = dict(query.coupons)
    if isinstance(column.measure, FunnelSteps):
        return funnel_value(events, column)
    if column.before_days:
        total = total_before(events, column.measure, column.before_days, coupons)
    else:
        total = measure_total(events, column.measure, column.window, coupons)
    if column.is_indicator:
        return (total > 0).cast("int64")
    if isinstance(column.cap, CapAtAmount):
        amount = column.cap.amount * (MICROS if column.is_money else 1)
        return ibis.least(total, ibis.literal(amount)).cast(total.type())
    return total

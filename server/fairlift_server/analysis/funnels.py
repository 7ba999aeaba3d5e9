"""Funnels: how far each person came, step by step in the order of time.

A step counts when it happens at the same moment as the step before or later, so a person who
skips a step stops there.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import ibis
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    LineMeasure,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)

from fairlift_server.analysis.columns import FunnelSteps, UnitColumn, Window
from fairlift_server.analysis.measures import has_returned, in_window, order_amount, when
from fairlift_server.analysis.query_tables import CART
from fairlift_server.analysis.untyped import Table, Value

# A step of a funnel, within the funnel's window.
Step: TypeAlias = tuple[Measure, Window]

_PERSON: Final = ["query_id", "person"]


def funnel_columns(columns: Sequence[UnitColumn]) -> list[UnitColumn]:
    """The columns that are funnels, those of fewer steps first."""
    return sorted((c for c in columns if isinstance(c.measure, FunnelSteps)), key=_number_of_steps)


def funnel_numbers(columns: Sequence[UnitColumn], events: Table) -> Table:
    """One row per person with 1 in the column of each funnel that the person went through.

    Args:
        columns: funnels, with each the shorter one that is all but its last step; at least one.
        events: as `step_events` gives them.
    """
    funnels, steps = funnel_columns(columns), _steps(columns)
    reached: list[Table] = []
    for column in funnels:
        assert isinstance(column.measure, FunnelSteps), "the caller chose funnels"
        *before, step = column.measure.steps
        place = steps.index((step, column.window))
        done = (
            events.filter(events[f"step{place}"]).select("query_id", "person", "time_us").mutate()
        )
        if before:
            earlier = FunnelSteps(tuple(before))
            previous = next(
                at
                for at, shorter in zip(reached, funnels, strict=False)
                if shorter.measure == earlier and shorter.window == column.window
            )
            joined = done.join(
                previous, [done.query_id == previous.query_id, done.person == previous.person]
            )
            done = (
                joined.filter(done.time_us >= previous.reached_us)
                .select(query_id=done.query_id, person=done.person, time_us=done.time_us)
                .mutate()
            )
        reached.append(done.group_by(_PERSON).aggregate(reached_us=done.time_us.min()))
    marked = ibis.union(
        *(at.select(*_PERSON, funnel=ibis.literal(n, "int64")) for n, at in enumerate(reached)),
        distinct=False,
    )
    return marked.group_by(_PERSON).aggregate(
        **{
            column.name: ibis.ifelse(marked.funnel == number, 1, 0).max().cast("int64")
            for number, column in enumerate(funnels)
        }
    )


def step_events(
    columns: Sequence[UnitColumn], orders: Table, actions: Table | None, others: Table | None
) -> Table:
    """Events of persons that are some step of a funnel, and of which.

    Args:
        columns: funnels.
        orders: that count.
        actions: None where no step is one.
        others: everything else that a person does; None where no step needs it.
    """
    steps = _steps(columns)
    facts = _order_facts(orders, steps)
    parts = []
    for kind, events in (("order", orders), ("action", actions), ("other", others)):
        if events is None:
            continue
        joined = events.left_join(
            facts, [events.query_id == facts.query_id, events.person == facts.person]
        )
        known = joined.select(
            *[events[name] for name in events.columns],
            *[facts[name] for name in facts.columns if name not in _PERSON],
        ).mutate()
        flags = {f"step{n}": _is_step(known, kind, step) for n, step in enumerate(steps)}
        marked = known.select("query_id", "person", "time_us", **flags).mutate()
        parts.append(marked.filter(ibis.or_(*(marked[flag] for flag in flags))))
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _steps(columns: Sequence[UnitColumn]) -> list[Step]:
    steps = (
        (step, column.window)
        for column in columns
        if isinstance(column.measure, FunnelSteps)
        for step in column.measure.steps
    )
    return list(dict.fromkeys(steps))


def _order_facts(orders: Table, steps: Sequence[Step]) -> Table:
    """By person the first order, and the first of each window."""
    windows = dict.fromkeys(window for _, window in steps)
    return orders.group_by(_PERSON).aggregate(
        first_order_us=orders.time_us.min(),
        **{
            _first_in(window): when(in_window(orders, window), orders.time_us).min()
            for window in windows
        },
    )


def _is_step(events: Table, kind: str, step: Step) -> Value:
    """Whether an event is this step: whether it alone makes the measure positive.

    A repeat purchase is an order after the first of the window; a cart is abandoned by its first
    event where no order followed.
    """
    measure, window = step
    counts = in_window(events, window)
    match measure, kind:
        case ReturnMeasure(), _:
            returned = counts & has_returned(events, measure)
            return returned if kind == "order" or not measure.bought else ibis.literal(False)
        case ActionMeasure(name, of), "action":
            done = counts & (events.name == name)
            floor = {ActionOf.VALUE: 0, ActionOf.NPS: 8}
            reached = ibis.coalesce(events.value > floor[of], False) if of in floor else True
            return done & reached
        case OrderMeasure.ABANDONED_CARTS, "action":
            return counts & (events.name == CART) & events[_first_in(window)].isnull()
        case OrderMeasure() | LineMeasure(), "order":
            return counts & _is_order_step(events, measure, window)
    return ibis.literal(False)


def _is_order_step(orders: Table, measure: OrderMeasure | LineMeasure, window: Window) -> Value:
    match measure:
        case OrderMeasure.ORDERS | OrderMeasure.BUYERS:
            return ibis.literal(True)
        case (
            OrderMeasure.REPEAT_BUYERS
            | OrderMeasure.REPEAT_ORDERS
            | OrderMeasure.DAYS_BETWEEN_ORDERS
        ):
            return orders.time_us > orders[_first_in(window)]
        case OrderMeasure.ABANDONED_CARTS:
            return ibis.literal(False)
        case OrderMeasure.COUPON_ORDERS | OrderMeasure.COUPON_COST:
            return orders.uses_own_coupon
        case OrderMeasure.FIRST_PURCHASES:
            return ibis.coalesce(orders.first_purchase, orders.time_us == orders.first_order_us)
        case _:
            return order_amount(orders, measure) > 0


def _first_in(window: Window) -> str:
    return f"first_order_in_{'any' if window is None else window}_us"


def _number_of_steps(column: UnitColumn) -> int:
    assert isinstance(column.measure, FunnelSteps), "the caller chose funnels"
    return len(column.measure.steps)

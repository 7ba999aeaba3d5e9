"""What each measure counts or adds up over a person's orders, actions and other events.

Rows of events have `time_us`, and beside it `first_us` of their person. Each number comes from one
kind of event; a measure that needs two is worked out from the numbers of both.
"""

from collections.abc import Mapping
from typing import TypeAlias

import ibis
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    LineMeasure,
    OrderMeasure,
    ReturnMeasure,
)

from fairlift_server.analysis.columns import (
    FunnelSteps,
    UnitColumn,
    Window,
    maturity_us,
    name_of_lines,
)
from fairlift_server.analysis.day_calendar import DAY_US
from fairlift_server.analysis.query_tables import CART
from fairlift_server.analysis.untyped import Table, Value

Numbers: TypeAlias = Mapping[str, Value]


def order_numbers(orders: Table, column: UnitColumn) -> Numbers:
    """What a column needs of a person's orders, as reductions."""
    counts = _counts(orders, column)
    match column.measure:
        case ReturnMeasure(bought=True):
            return {column.name: any_of(counts)}
        case OrderMeasure.ORDERS | OrderMeasure.ABANDONED_CARTS:
            return {_orders_of(column): count_of(counts)}
        case OrderMeasure.BUYERS:
            return {column.name: any_of(counts)}
        case OrderMeasure.REPEAT_BUYERS:
            return {column.name: (count_of(counts) >= 2).cast("int64")}
        case OrderMeasure.FIRST_PURCHASES:
            # The shop says so, or it says nothing and no order was before.
            said = any_of(counts & ibis.coalesce(orders.first_purchase, False))
            unsaid = when(counts & orders.first_purchase.isnull(), orders.time_us).min()
            is_first = ibis.coalesce(unsaid == orders.time_us.min(), False)
            return {column.name: ibis.greatest(said, is_first.cast("int64"))}
        case OrderMeasure.REPEAT_ORDERS:
            return {column.name: ibis.greatest(count_of(counts) - 1, 0)}
        case OrderMeasure.DAYS_BETWEEN_ORDERS:
            moments = when(counts, orders.time_us)
            return {column.name: ibis.coalesce(moments.max() - moments.min(), 0)}
        case OrderMeasure.COUPON_ORDERS:
            return {column.name: count_of(counts & orders.uses_own_coupon)}
        case OrderMeasure() | LineMeasure() as measure:
            return {column.name: _sum(counts, order_amount(orders, measure))}
    return {}


def action_numbers(actions: Table, column: UnitColumn) -> Numbers:
    """What a column needs of a person's actions, as reductions."""
    counts = _counts(actions, column)
    match column.measure:
        case ActionMeasure(name, of):
            return {column.name: _action(actions, of, counts & (actions.name == name))}
        case OrderMeasure.ABANDONED_CARTS:
            return {_carts_of(column): count_of(counts & (actions.name == CART))}
    return {}


def event_numbers(events: Table, column: UnitColumn) -> Numbers:
    """What a column needs of everything that a person did, as reductions."""
    match column.measure:
        case ReturnMeasure(bought=False) as measure:
            return {column.name: any_of(has_returned(events, measure))}
    return {}


def unit_number(numbers: Table, column: UnitColumn) -> Value:
    """The number of a unit from those of its events; 0 where there were none."""
    if column.measure is OrderMeasure.ABANDONED_CARTS:
        carts = known_or_zero(numbers, _carts_of(column))
        return ((carts > 0) & (known_or_zero(numbers, _orders_of(column)) == 0)).cast("int64")
    return known_or_zero(numbers, column.name)


def known_or_zero(numbers: Table, name: str) -> Value:
    """A number that may be missing, or of no event at all."""
    if name not in numbers.columns:
        return ibis.literal(0, "int64")
    return ibis.coalesce(numbers[name], 0)


def order_amount(orders: Table, measure: OrderMeasure | LineMeasure) -> Value:
    """What one order adds to the measure."""
    if isinstance(measure, LineMeasure):
        return orders[name_of_lines(measure)]
    match measure:
        case OrderMeasure.COUPON_COST:
            return ibis.ifelse(orders.uses_own_coupon, orders.shop_discount_micros, 0)
        case OrderMeasure.REFUNDED_ORDERS:
            return orders.refunded.cast("int64")
        case OrderMeasure.UPSELL_ORDERS:
            return orders.upsell.cast("int64")
        case OrderMeasure.CROSS_SELL_ORDERS:
            return orders.cross_sell.cast("int64")
        case OrderMeasure.ITEMS:
            return orders["items"]
        case _:  # the kinds of money have columns of their name
            return orders[f"shop_{measure.value}_micros"]


def any_of(condition: Value) -> Value:
    """1 where the condition holds for some event, else 0."""
    return ibis.ifelse(condition, 1, 0).max().cast("int64")


def when(condition: Value, value: Value) -> Value:
    """The value where the condition holds, else NULL."""
    return ibis.ifelse(condition, value, ibis.null(value.type()))


def in_window(events: Table, window: Window) -> Value:
    """Whether an event falls into the window that begins with the first exposure."""
    since = events.time_us - events.first_us
    return since >= 0 if window is None else (since >= 0) & (since < maturity_us(window))


def has_returned(events: Table, measure: ReturnMeasure) -> Value:
    """Whether an event is a return within these days."""
    since = events.time_us - events.first_us
    returned = (since >= measure.from_day * DAY_US) & (since < measure.to_day * DAY_US)
    # The exposure itself is no return.
    return returned if measure.bought else returned & (events.time_us > events.first_us)


def _counts(events: Table, column: UnitColumn) -> Value:
    if isinstance(column.measure, FunnelSteps):
        return ibis.literal(False)
    if isinstance(column.measure, ReturnMeasure):
        return has_returned(events, column.measure)
    if column.before_days:
        since = events.time_us - events.first_us
        return (since < 0) & (since >= -column.before_days * DAY_US)
    return in_window(events, column.window)


def _action(actions: Table, of: ActionOf, counts: Value) -> Value:
    match of:
        case ActionOf.ANY:
            return any_of(counts)
        case ActionOf.COUNT | ActionOf.WORTH:
            return count_of(counts)
        case ActionOf.VALUE:
            return _sum(counts, actions.value)
        case ActionOf.NPS:
            promoters = counts & actions.value.between(9, 10)
            return count_of(promoters) - count_of(counts & actions.value.between(0, 6))


def _orders_of(column: UnitColumn) -> str:
    is_part = column.measure is OrderMeasure.ABANDONED_CARTS
    return f"{column.name}:orders" if is_part else column.name


def _carts_of(column: UnitColumn) -> str:
    return f"{column.name}:carts"


def _sum(condition: Value, value: Value) -> Value:
    return ibis.ifelse(condition, value, 0).sum()


def count_of(condition: Value) -> Value:
    """The number of events for which the condition holds."""
    return when(condition, ibis.literal(1, "int8")).count()

"""What each measure counts or adds up over a unit's events."""

from collections.abc import Callable, Mapping

import ibis
from fairlift.engine.metric import ActionMeasure, ActionOf, Measure, OrderMeasure, ReturnMeasure

from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import DAY_US
from fairlift_server.analysis.events import CART, Table, Value, when
from fairlift_server.events.ledger import coupon_list

Coupons = Mapping[str, str]
# Where several of them happen at one moment the first is the same for every engine.
_FIRST_BY = ("time_us", "unit", "variant")


def first_exposed(events: Table, value: Value) -> Value:
    """The value at a person's first exposure; the ids break ties in time."""
    order = ibis.struct({name: events[name] for name in _FIRST_BY})
    return value.argmin(order, where=events.kind == "exposure")


def measure_total(events: Table, measure: Measure, window: Window, coupons: Coupons) -> Value:
    """The unit's number: a reduction over its events in the window."""
    match measure:
        case ActionMeasure(name, of):
            return _action(events, name, of, in_window(events, window))
        case ReturnMeasure():
            return any_of(_returned(events, measure))
    return _orders(events, measure, in_window(events, window), coupons)


def total_before(events: Table, measure: Measure, days: int, coupons: Coupons) -> Value:
    """The number over the days before the first exposure."""
    since = events.time_us - events.first_us
    counts = (since < 0) & (since >= -days * DAY_US)
    if isinstance(measure, ActionMeasure):
        return _action(events, measure.name, measure.of, counts)
    assert isinstance(measure, OrderMeasure), "a return has no days before it"
    return _orders(events, measure, counts, coupons)


def is_step(
    events: Table, measure: Measure, window: Window, coupons: Coupons, variant: Value
) -> Value:
    """Whether an event is this step of a funnel: whether it alone makes the measure positive.

    A repeat purchase is an order after the first of the window; a cart is abandoned by its first
    event where no order followed.
    """
    counts = in_window(events, window)
    ordered = counts & (events.kind == "order")
    match measure:
        case ActionMeasure(name, of):
            done = counts & (events.kind == "action") & (events.name == name)
            floor = {ActionOf.VALUE: 0, ActionOf.NPS: 8}
            return done & (events.value > floor[of]) if of in floor else done
        case ReturnMeasure():
            return counts & _returned(events, measure)
        case OrderMeasure.ORDERS | OrderMeasure.BUYERS:
            return ordered
        case OrderMeasure.REPEAT_BUYERS:
            return ordered & (events.time_us > _first_order_in(events, ordered))
        case OrderMeasure.ABANDONED_CARTS:
            carts = counts & (events.kind == "action") & (events.name == CART)
            return carts & _first_order_in(events, ordered).isnull()
        case OrderMeasure.COUPON_ORDERS | OrderMeasure.COUPON_COST:
            used = [(variant == arm) & _used(events, code) for arm, code in coupons.items()]
            return ordered & (ibis.or_(*used) if used else ibis.literal(False))
        case _:
            return ordered & (_amount(events, measure) > 0)


def any_of(condition: Value) -> Value:
    """1 where the condition holds for some event, else 0."""
    return ibis.ifelse(condition, 1, 0).max()


def in_window(events: Table, window: Window) -> Value:
    """Whether an event falls into the window that begins with the first exposure."""
    since = events.time_us - events.first_us
    return since >= 0 if window is None else (since >= 0) & (since < maturity_us(window))


def _returned(events: Table, measure: ReturnMeasure) -> Value:
    since = events.time_us - events.first_us
    counts = (since >= measure.from_day * DAY_US) & (since < measure.to_day * DAY_US)
    if measure.bought:
        return counts & (events.kind == "order")
    # The exposure itself is no return.
    return counts & (events.time_us > events.first_us)


def _action(events: Table, name: str, of: ActionOf, counts: Value) -> Value:
    done = counts & (events.kind == "action") & (events.name == name)
    match of:
        case ActionOf.ANY:
            return any_of(done)
        case ActionOf.COUNT:
            return _count(done)
        case ActionOf.VALUE:
            return _sum(done, events.value)
        case ActionOf.NPS:
            promoters = done & events.value.between(9, 10)
            return _count(promoters) - _count(done & events.value.between(0, 6))


def _orders(events: Table, measure: OrderMeasure, counts: Value, coupons: Coupons) -> Value:
    ordered = counts & (events.kind == "order")
    match measure:
        case OrderMeasure.ORDERS:
            return _count(ordered)
        case OrderMeasure.BUYERS:
            return any_of(ordered)
        case OrderMeasure.REPEAT_BUYERS:
            return (_count(ordered) >= 2).cast("int64")
        case OrderMeasure.FIRST_PURCHASES:
            return any_of(ordered & (_amount(events, measure) > 0))
        case OrderMeasure.ABANDONED_CARTS:
            carts = _count(counts & (events.kind == "action") & (events.name == CART))
            return ((carts > 0) & (_count(ordered) == 0)).cast("int64")
        case OrderMeasure.COUPON_ORDERS:
            return _by_coupon(events, coupons, lambda used: _count(ordered & used))
        case OrderMeasure.COUPON_COST:
            return _by_coupon(events, coupons, lambda used: _sum(ordered & used, events.discount))
        case _:
            return _sum(ordered, _amount(events, measure))


def _amount(events: Table, measure: OrderMeasure) -> Value:
    """What one order adds to the measure."""
    match measure:
        case OrderMeasure.FIRST_PURCHASES:
            is_first = ibis.coalesce(events.first_purchase, events.time_us == events.first_order_us)
            return is_first.cast("int64")
        case OrderMeasure.REFUNDED_ORDERS:
            return events.refunded
        case OrderMeasure.UPSELL_ORDERS:
            return events.upsell
        case OrderMeasure.CROSS_SELL_ORDERS:
            return events.cross_sell
        case _:  # items and the kinds of money have columns of their name
            return events[measure.value]


def _by_coupon(events: Table, coupons: Coupons, total: Callable[[Value], Value]) -> Value:
    """The total over orders with the coupon of the unit's own variant."""
    if not coupons:
        return _count(events.kind == "")
    variant = first_exposed(events, events.variant)
    branches = [
        (variant == name, total(_used(events, code))) for name, code in sorted(coupons.items())
    ]
    return ibis.cases(*branches, else_=0)


def _used(events: Table, code: str) -> Value:
    """Whether the coupon is among those of an order."""
    return events.name.contains(coupon_list([code]))


def _first_order_in(events: Table, ordered: Value) -> Value:
    return when(ordered, events.time_us).min().over(ibis.window(group_by="person"))


def _sum(condition: Value, value: Value) -> Value:
    return ibis.ifelse(condition, value, 0).sum()


def _count(condition: Value) -> Value:
    return ibis.ifelse(condition, 1, 0).sum()

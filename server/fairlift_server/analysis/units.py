"""From events to one row per unit: exposure, attribution, measures.

One union of events, one window over each person's events, one GROUP BY person: no join but the one
that says who is who. It is the form that every engine runs well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import ibis
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    Measure,
    OrderMeasure,
    ReturnMeasure,
)
from ibis import _

from fairlift_server.analysis.columns import MICROS, UnitColumn
from fairlift_server.analysis.question import Question

# Ibis is published without types.
Table: TypeAlias = Any
Value: TypeAlias = Any

DAY_US = 86_400 * 1_000_000

_ORDER_AMOUNTS = (
    "items",
    "revenue",
    "net_revenue",
    "profit",
    "discount",
    "refunded",
    "upsell",
    "cross_sell",
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables that the definition reads, from whatever engine holds them."""

    exposures: Table
    actions: Table
    orders: Table
    identity_links: Table


def units(ledger: Ledger, question: Question) -> Table:
    """One row per unit: variant, segments, contamination, and the question's columns.

    Times are event times, compared only with those of the same unit: history that is replayed
    later gives the same rows.
    """
    events = _with_first_exposure(_with_person(_events(ledger, question), ledger, question))
    exposed = events.filter(_.first_us.notnull())
    is_exposure = exposed.kind == "exposure"
    rows = exposed.group_by("person").aggregate(
        variant=exposed.variant.argmin(exposed.time_us, where=is_exposure),
        segments=exposed.segments.argmin(exposed.time_us, where=is_exposure),
        is_contaminated=_contamination(exposed, question.identity_policy),
        first_us=exposed.first_us.min(),
        last_us=exposed.time_us.max(),
        **{
            column.name: _value(exposed, column, question.coupons or {})
            for column in question.columns
        },
    )
    if question.first_units is None:
        return rows
    # By entry, which no outcome has influenced: the sample is as it was when it was full.
    entry = ibis.row_number().over(ibis.window(order_by=[rows.first_us, rows.person]))
    return rows.mutate(entry=entry).filter(_.entry < question.first_units).drop("entry")


def _events(ledger: Ledger, question: Question) -> Table:
    """Everything that happened to anybody, in one shape."""
    exposures = ledger.exposures.filter(
        _.campaign == question.campaign, _.epoch == question.epoch
    ).select("unit", "time_us", "variant", "segments", kind=ibis.literal("exposure"))
    orders = ledger.orders.filter(~_.cancelled).select(
        "unit",
        "time_us",
        "items",
        "first_purchase",
        kind=ibis.literal("order"),
        name=_.coupon,
        revenue=_.shop_revenue_micros,
        net_revenue=_.shop_net_revenue_micros,
        profit=_.shop_profit_micros,
        discount=_.shop_discount_micros,
        refunded=(_.refunded_micros > 0).cast("int64"),
        upsell=_.upsell.cast("int64"),
        cross_sell=_.cross_sell.cast("int64"),
    )
    parts = [exposures, orders]
    names = _action_names(question.columns)
    if names != []:
        actions = ledger.actions if names is None else ledger.actions.filter(_.name.isin(names))
        parts.append(
            actions.select("unit", "time_us", "name", "value", kind=ibis.literal("action"))
        )
    return ibis.union(*map(_in_one_shape, parts), distinct=False)


_SHAPE: Mapping[str, str] = {
    "unit": "string",
    "time_us": "int64",
    "kind": "string",
    "variant": "string",
    "segments": "string",
    "name": "string",
    "value": "float64",
    "first_purchase": "boolean",
    **dict.fromkeys(_ORDER_AMOUNTS, "int64"),
}


def _in_one_shape(part: Table) -> Table:
    return part.select(
        **{
            name: part[name].cast(kind) if name in part.columns else ibis.null(kind)
            for name, kind in _SHAPE.items()
        }
    )


def _action_names(columns: tuple[UnitColumn, ...]) -> list[str] | None:
    """The actions that are asked for; None when any event counts."""
    names: set[str] = set()
    for column in columns:
        match column.measure:
            case ReturnMeasure(bought=False):
                return None
            case ActionMeasure(name):
                names.add(name)
            case OrderMeasure.ABANDONED_CARTS:
                names.add(CART)
    return sorted(names)


CART = "add_to_cart"


def _with_person(events: Table, ledger: Ledger, question: Question) -> Table:
    """Whose event it is: the customer that a visitor turned out to be, or the unit itself."""
    if question.identity_policy is IdentityPolicy.AS_ASSIGNED:
        return events.mutate(person=_.unit)
    links = ledger.identity_links
    # A device that several people use belongs to the first of them.
    first = links.group_by("visitor").aggregate(customer=links.customer.argmin(links.id))
    joined = events.left_join(first, events.unit == first.visitor)
    return joined.select(
        *[events[name] for name in events.columns],
        person=ibis.coalesce(first.customer, events.unit),
    )


def _with_first_exposure(events: Table) -> Table:
    person, unit = ibis.window(group_by="person"), ibis.window(group_by="unit")
    exposed_at = _when(events.kind == "exposure", events.time_us)
    ordered_at = _when(events.kind == "order", events.time_us)
    return events.mutate(
        first_us=exposed_at.min().over(person),
        first_order_us=ordered_at.min().over(person),
        unit_mixed=events.variant.min().over(unit) != events.variant.max().over(unit),
    )


def _contamination(events: Table, policy: IdentityPolicy) -> Value:
    """Whether variants were mixed up: in one unit always, across a person's units by policy."""
    if policy is IdentityPolicy.EXCLUDE:
        return events.variant.min() != events.variant.max()
    mixed = (events.kind == "exposure") & events.unit_mixed
    return mixed.cast("int64").max() == 1


def _value(events: Table, column: UnitColumn, coupons: Mapping[str, str]) -> Value:
    """The unit's number: a reduction over its events."""
    total = _measure(events, column.measure, _counts(events, column), coupons)
    if column.is_indicator:
        return (total > 0).cast("int64")
    if isinstance(column.cap, CapAtAmount):
        amount = column.cap.amount * (MICROS if column.is_money else 1)
        return ibis.least(total, ibis.literal(amount)).cast(total.type())
    return total


def _counts(events: Table, column: UnitColumn) -> Value:
    """Whether an event falls into the column's days."""
    since = events.time_us - events.first_us
    if column.before_days:
        return (since < 0) & (since >= -column.before_days * DAY_US)
    if isinstance(column.measure, ReturnMeasure):
        first, last = column.measure.from_day, column.measure.to_day
        return (since >= first * DAY_US) & (since < last * DAY_US)
    if column.window_days:
        return (since >= 0) & (since < column.window_days * DAY_US)
    return since >= 0


def _measure(events: Table, measure: Measure, counts: Value, coupons: Mapping[str, str]) -> Value:
    match measure:
        case ActionMeasure(name, of):
            return _action(events, counts & (events.kind == "action") & (events.name == name), of)
        case ReturnMeasure(bought=True):
            return _any(counts & (events.kind == "order"))
        case ReturnMeasure():
            # The exposure itself is no return.
            return _any(counts & (events.time_us > events.first_us))
    return _order(events, measure, counts, coupons)


def _action(events: Table, happened: Value, of: ActionOf) -> Value:
    match of:
        case ActionOf.ANY:
            return _any(happened)
        case ActionOf.COUNT:
            return _count(happened)
        case ActionOf.VALUE:
            return _sum(happened, events.value)
        case ActionOf.NPS:
            return _count(happened & (events.value >= 9)) - _count(happened & (events.value <= 6))


def _order(
    events: Table, measure: OrderMeasure, counts: Value, coupons: Mapping[str, str]
) -> Value:
    bought = counts & (events.kind == "order")
    match measure:
        case OrderMeasure.ORDERS:
            return _count(bought)
        case OrderMeasure.BUYERS:
            return _any(bought)
        case OrderMeasure.REPEAT_BUYERS:
            return (_count(bought) >= 2).cast("int64")
        case OrderMeasure.FIRST_PURCHASES:
            is_first = ibis.coalesce(events.first_purchase, events.time_us == events.first_order_us)
            return _any(bought & is_first)
        case OrderMeasure.ABANDONED_CARTS:
            carts = _count(counts & (events.kind == "action") & (events.name == CART))
            return ((carts > 0) & (_count(bought) == 0)).cast("int64")
        case OrderMeasure.REFUNDED_ORDERS:
            return _count(bought & (events.refunded == 1))
        case OrderMeasure.UPSELL_ORDERS:
            return _count(bought & (events.upsell == 1))
        case OrderMeasure.CROSS_SELL_ORDERS:
            return _count(bought & (events.cross_sell == 1))
        case OrderMeasure.COUPON_ORDERS:
            return _by_coupon(events, coupons, lambda used: _count(bought & used))
        case OrderMeasure.COUPON_COST:
            return _by_coupon(events, coupons, lambda used: _sum(bought & used, events.discount))
        case _:  # items and the kinds of money have columns of their name
            return _sum(bought, events[measure.value])


def _by_coupon(events: Table, coupons: Mapping[str, str], total: Callable[[Value], Value]) -> Value:
    """The total over orders with the coupon of the unit's own variant."""
    if not coupons:
        return _count(events.kind == "")
    variant = events.variant.argmin(events.time_us, where=events.kind == "exposure")
    branches = [
        (variant == name, total(events.name == code)) for name, code in sorted(coupons.items())
    ]
    return ibis.cases(*branches, else_=0)


def _when(condition: Value, value: Value) -> Value:
    return ibis.ifelse(condition, value, ibis.null(value.type()))


def _sum(condition: Value, value: Value) -> Value:
    return ibis.ifelse(condition, value, 0).sum()


def _count(condition: Value) -> Value:
    return ibis.ifelse(condition, 1, 0).sum()


def _any(condition: Value) -> Value:
    return ibis.ifelse(condition, 1, 0).max()

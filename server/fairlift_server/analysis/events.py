"""The events of one epoch of a campaign in one shape: what happened, when, and to whom.

One union of events, then windows over each person's events: no join but the one that says who is
who. It is the form that every engine runs well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import ibis
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import ActionMeasure, OrderMeasure, ReturnMeasure
from ibis import _

from fairlift_server.analysis.columns import UnitColumn, measures_behind
from fairlift_server.analysis.identity import owners
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.restated_orders import orders_as_of
from fairlift_server.analysis.variables import known_number, known_text
from fairlift_server.events.caller_clocks import TOLERANCE_US

# Ibis is published without types.
Table: TypeAlias = Any
Value: TypeAlias = Any

CART = "add_to_cart"
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
_SHAPE: Mapping[str, str] = {
    "unit": "string",
    "time_us": "int64",
    "received_us": "int64",
    "kind": "string",
    "variant": "string",
    "segments": "string",
    "name": "string",
    "value": "float64",
    "first_purchase": "boolean",
    **dict.fromkeys(_ORDER_AMOUNTS, "int64"),
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables that the definition reads, from whatever engine holds them.

    `restated` has orders that were amended after the end of the query's day, as they stood then.
    """

    exposures: Table
    actions: Table
    orders: Table
    amendments: Table
    identity_links: Table
    customer_attributes: Table
    restated: Table


def events_of_exposed(ledger: Ledger, query: LedgerQuery) -> Table:
    """Every event of every person that was exposed, with their first exposure beside it.

    Times are event times, compared only with those of the same person: history that is replayed
    later gives the same rows.
    """
    until = cut_at_day(ledger, query)
    events = _with_first_exposure(with_person(_united(until, query), until, query), query)
    return events.filter(_.first_us.notnull())


def when(condition: Value, value: Value) -> Value:
    """The value where the condition holds, else NULL."""
    return ibis.ifelse(condition, value, ibis.null(value.type()))


def cut_at_day(ledger: Ledger, query: LedgerQuery) -> Ledger:
    """The ledger as of the end of the query's day."""
    if query.as_of_day is None:
        return ledger
    end_us = known_number("end_us")
    orders = ledger.orders.filter(_.time_us < end_us).mutate()
    return Ledger(
        exposures=ledger.exposures.filter(_.time_us < end_us),
        actions=ledger.actions.filter(_.time_us < end_us),
        orders=orders_as_of(orders, ledger.restated),
        amendments=ledger.amendments.filter(_.time_us < end_us),
        identity_links=ledger.identity_links.filter(_.time_us < end_us),
        customer_attributes=ledger.customer_attributes.filter(_.time_us < end_us),
        restated=ledger.restated,
    )


def _united(ledger: Ledger, query: LedgerQuery) -> Table:
    counts = _counts(ledger.exposures, query)
    exposures = ledger.exposures.filter(counts).select(
        "unit",
        "time_us",
        "received_us",
        "variant",
        "segments",
        kind=ibis.literal("exposure"),
    )
    real = ledger.orders.filter(~_.test)
    orders = real.filter(~_.cancelled).select(
        "unit",
        "time_us",
        "received_us",
        "items",
        "first_purchase",
        kind=ibis.literal("order"),
        name=_.coupons,
        revenue=_.shop_revenue_micros,
        net_revenue=_.shop_net_revenue_micros,
        profit=_.shop_profit_micros,
        discount=_.shop_discount_micros,
        refunded=_.refunded.cast("int64"),
        upsell=_.upsell.cast("int64"),
        cross_sell=_.cross_sell.cast("int64"),
    )
    parts = [exposures, orders]
    names = _action_names(query.columns)
    if names != []:
        actions = ledger.actions if names is None else ledger.actions.filter(_.name.isin(names))
        parts.append(
            actions.select(
                "unit", "time_us", "received_us", "name", "value", kind=ibis.literal("action")
            )
        )
    if names is None:
        # Whoever does anything came back: meets another campaign, or cancels the order later.
        links = ledger.identity_links
        others = (
            ledger.exposures.filter(~counts),
            real.filter(_.cancelled),
            links.mutate(unit=links.visitor),
        )
        parts += (
            part.select("unit", "time_us", "received_us", kind=ibis.literal("other"))
            for part in others
        )
    return ibis.union(*map(_in_one_shape, parts), distinct=False)


def _counts(exposures: Table, query: LedgerQuery) -> Value:
    """Whether an exposure may be analysed, however it came in."""
    entry, at = query.entry, exposures.time_us
    counts = (exposures.campaign == known_text("campaign")) & (
        exposures.epoch == known_number("epoch")
    )
    if entry.start_us is not None:
        # It keeps its time: what its person did next was written down by the same slow clock.
        counts &= at >= known_number("start_us") - TOLERANCE_US
    for start_us, end_us in entry.pauses:
        counts &= (at < start_us) if end_us is None else (at < start_us) | (at >= end_us)
    if entry.overrides:
        counts &= exposures.unit.notin(entry.overrides)
    return counts


def _in_one_shape(part: Table) -> Table:
    return part.select(
        **{
            name: part[name].cast(kind) if name in part.columns else ibis.null(kind)
            for name, kind in _SHAPE.items()
        }
    )


def _action_names(columns: tuple[UnitColumn, ...]) -> list[str] | None:
    """The actions that some column needs; None when any event counts."""
    names: set[str] = set()
    for measure in measures_behind(columns):
        match measure:
            case ReturnMeasure(bought=False):
                return None
            case ActionMeasure(name):
                names.add(name)
            case OrderMeasure.ABANDONED_CARTS:
                names.add(CART)
    return sorted(names)


def with_person(events: Table, ledger: Ledger, query: LedgerQuery) -> Table:
    """Whose event it is: the customer that a visitor turned out to be, or the unit itself."""
    if query.identity_policy is IdentityPolicy.AS_ASSIGNED:
        return events.mutate(person=_.unit)
    owner = owners(ledger.identity_links)
    joined = events.left_join(owner, events.unit == owner.visitor)
    return joined.select(
        *[events[name] for name in events.columns],
        person=ibis.coalesce(owner.person, events.unit),
    )


def _with_first_exposure(events: Table, query: LedgerQuery) -> Table:
    """Beside each event the person's first exposure and order, and when variants were mixed up.

    By policy the variants of one unit must agree, or those of all units of a person.
    """
    group = "person" if query.identity_policy is IdentityPolicy.EXCLUDE else "unit"
    over_person, over_group = ibis.window(group_by="person"), ibis.window(group_by=group)
    exposed_at = when(events.kind == "exposure", events.time_us)
    ordered_at = when(events.kind == "order", events.time_us)
    events = events.mutate(
        first_us=exposed_at.min().over(over_person),
        first_order_us=ordered_at.min().over(over_person),
        group_first_us=exposed_at.min().over(over_group),
    )
    at_first = when(events.time_us == events.group_first_us, events.variant)
    events = events.mutate(group_variant=at_first.min().over(over_group))
    return events.mutate(
        mixed_us=when(events.variant != events.group_variant, events.time_us)
    ).drop("group_first_us", "group_variant")

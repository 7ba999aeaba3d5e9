"""What those who were exposed did: each table read once, apart, for all queries."""

from typing import Any, Final

import ibis

from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.query_tables import Traits, query_table
from fairlift_server.analysis.untyped import Table

# Of an order that an amendment may change; restated orders have them as they stood.
ORDER_FACTS: Final = {
    "order_id": "string",
    "unit": "string",
    "time_us": "int64",
    "received_us": "int64",
    "items": "int64",
    "coupons": "string",
    "first_purchase": "boolean",
    "test": "boolean",
    "cancelled": "boolean",
    "refunded": "boolean",
    "upsell": "boolean",
    "cross_sell": "boolean",
    "shop_revenue_micros": "int64",
    "shop_net_revenue_micros": "int64",
    "shop_profit_micros": "int64",
    "shop_discount_micros": "int64",
    "rate_picos": "int64",
    "channel": "string",
}
# Of them, what measures add up.
ORDER_AMOUNTS: Final = (
    "items",
    "shop_revenue_micros",
    "shop_net_revenue_micros",
    "shop_profit_micros",
    "shop_discount_micros",
)


def person_orders(ledger: Ledger, ids: Table, traits: Traits, restated: Table) -> Table:
    """Orders of the persons, those of a past moment as they stood then; tests and cancelled too.

    Args:
        ledger: its orders.
        ids: of the persons.
        traits: of the queries.
        restated: orders that stood otherwise at the moment of a query, by `query_id`.
    """
    orders = ledger.orders.select(*ORDER_FACTS)
    rows = _of_persons(orders, ids, [orders.unit == ids.unit])
    if traits.restates:
        rows = rows.anti_join(restated, ["query_id", "order_id"]).mutate()
        known = restated.rename(known_to="query_id")
        stood = _of_persons(known, ids, [known.known_to == ids.query_id, known.unit == ids.unit])
        rows = ibis.union(rows, stood.select(*rows.columns), distinct=False)
    if not traits.coupons:
        return rows.mutate(uses_own_coupon=ibis.literal(False))
    coupons = query_table("query_coupons")
    joined = rows.left_join(
        coupons, [rows.query_id == coupons.query_id, rows.variant == coupons.variant]
    )
    used = ibis.coalesce(rows.coupons.contains(coupons.own_coupon), False)
    return joined.select(*[rows[name] for name in rows.columns], uses_own_coupon=used).mutate()


def person_actions(ledger: Ledger, ids: Table, traits: Traits) -> Table:
    """Actions of the persons, those that some query needs."""
    actions = ledger.actions
    if traits.actions is not None:
        actions = actions.filter(actions.name.isin(traits.actions))
    actions = actions.mutate()
    return _of_persons(actions, ids, [actions.unit == ids.unit])


def other_events(ledger: Ledger, ids: Table) -> Table:
    """Whatever else tells that a person came back: exposures of all campaigns, and links."""
    exposures = ledger.exposures.select("unit", "time_us", "received_us")
    links = ledger.identity_links.select(
        "time_us", "received_us", unit=ledger.identity_links.visitor
    )
    rows = ibis.union(exposures, links.select(*exposures.columns), distinct=False)
    return _of_persons(rows, ids, [rows.unit == ids.unit])


def _of_persons(events: Table, ids: Table, is_same: list[Any]) -> Table:
    """The events until the query's moment, with whose they are, and whether they came late.

    What happened before the first exposure is no outcome: an import of old orders is not late.
    """
    # Joins of three tables need a name of its own for each key.
    queries = query_table().rename(number="query_id")
    joined = events.join(ids, is_same).join(queries, ids.query_id == queries.number)
    at = events.time_us
    is_outcome = (at >= ids.first_us) & (at < queries.late_end_us)
    return (
        joined.filter(at < queries.end_us)
        .select(
            query_id=ids.query_id,
            person=ids.person,
            first_us=ids.first_us,
            variant=ids.variant,
            is_late=is_outcome & (events.received_us > queries.late_made_us),
            **{name: events[name] for name in events.columns if name not in ("unit", "known_to")},
        )
        .mutate()
    )

"""What is known of now beside the sums: orders by day and by coupon, and late amendments."""

from typing import Final

import ibis

from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.local_days import clocks_table, local_day
from fairlift_server.analysis.query_tables import query_table
from fairlift_server.analysis.untyped import Table

# All that is read of them: the table is written down.
_COUNTED_COLUMNS: Final = (
    "query_id",
    "person",
    "variant",
    "order_id",
    "time_us",
    "items",
    "coupons",
    "channel",
    "first_purchase",
    "shop_revenue_micros",
    "shop_profit_micros",
    "shop_discount_micros",
)


def counted_orders(orders: Table, changed: Table) -> Table:
    """The orders that the totals of a live query count, each with the variant of its unit.

    Args:
        orders: of the persons, tests and cancelled ones too.
        changed: persons of whom several stays are known: some met several variants.
    """
    mixed = changed.filter(changed.mixed_us.notnull()).mutate()
    real = orders.filter(~orders.test, ~orders.cancelled).mutate()
    single = real.anti_join(mixed, ["query_id", "person"]).mutate()
    queries = query_table().select(number="query_id", counted_us="counted_us")
    rows = single.join(queries, single.query_id == queries.number).mutate()
    since = rows.time_us - rows.first_us
    return rows.filter((since >= 0) & (since < rows.counted_us)).select(*_COUNTED_COLUMNS).mutate()


def orders_by_day(orders: Table, changes: int) -> Table:
    """One row per query, variant and day of the order."""
    clocks = clocks_table(changes)
    joined = orders.join(clocks, orders.query_id == clocks.query_id)
    days = joined.select(
        query_id=orders.query_id,
        variant=orders.variant,
        day=local_day(orders.time_us, clocks, changes),
        revenue=orders.shop_revenue_micros,
    ).mutate()
    return days.group_by(["query_id", "variant", "day"]).aggregate(
        orders=days.count(), revenue_micros=days.revenue.sum().cast("int64")
    )


def orders_by_coupon(orders: Table) -> Table:
    """One row per query, variant and coupon, whatever the case of its letters."""
    used = orders.filter(orders.coupons != "")
    # Each stands between two line breaks; one order counts for each of its coupons.
    used = used.mutate(coupon=used.coupons.strip().split("\n").unnest())
    used = used.mutate(coupon=used.coupon.upper())
    return used.group_by(["query_id", "variant", "coupon"]).aggregate(
        orders=used.count(), discount_micros=used.shop_discount_micros.sum().cast("int64")
    )


def late_amendments(ledger: Ledger, orders: Table) -> Table:
    """One row per query: refunds and cancellations of its units' orders that came too late.

    Args:
        ledger: its amendments.
        orders: of the persons, tests and cancelled ones too.
    """
    queries, amendments = query_table(), ledger.amendments
    applied = amendments.filter(amendments.status == "applied").mutate()
    crossed = applied.cross_join(queries)
    late = (
        crossed.filter(
            applied.time_us < queries.late_end_us, applied.received_us > queries.late_made_us
        )
        .select(query_id=queries.query_id, order_id=applied.order_id)
        .mutate()
    )
    joined = late.join(
        orders, [late.query_id == orders.query_id, late.order_id == orders.order_id]
    ).select(query_id=late.query_id, order_id=late.order_id)
    joined = joined.mutate()
    return joined.group_by("query_id").aggregate(late=joined.count())


def last_restated(ledger: Ledger) -> Table:
    """One row: the times of the newest amendment of an order and of the newest link."""
    amendments, links = ledger.amendments, ledger.identity_links
    known = amendments.filter(amendments.status != "waiting").mutate()
    of_amendments = known.aggregate(last_amendment_us=known.time_us.max())
    of_links = links.aggregate(last_link_us=links.time_us.max())
    return ibis.cross_join(of_amendments, of_links)

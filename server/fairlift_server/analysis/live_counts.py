"""What is known of now beside the sums: orders by day and by coupon, and late amendments.

Over the rows of units that are worked out already: orders are few beside exposures, so that this
costs little.
"""

from ibis import _

from fairlift_server.analysis.cells import Offsets, local_day
from fairlift_server.analysis.events import Ledger, Table, with_person
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.measures import in_window
from fairlift_server.analysis.variables import known_number


def counted_orders(ledger: Ledger, units: Table, query: LedgerQuery) -> Table:
    """The orders that the totals count, each with the variant of its unit."""
    assert query.live is not None, "the caller asks of now"
    orders = with_person(ledger.orders.filter(~_.cancelled, ~_.test), ledger, query)
    orders = orders.select(
        "person",
        "time_us",
        "coupons",
        revenue=_.shop_revenue_micros,
        discount=_.shop_discount_micros,
    )
    single = units.filter(_.mixed_us.isnull()).select("person", "variant", "first_us")
    joined = orders.join(single, "person")
    return joined.filter(in_window(joined, query.live.window))


def orders_by_day(orders: Table, offsets: Offsets) -> Table:
    """One row per variant and day of the order."""
    days = orders.mutate(day=local_day(orders.time_us, offsets))
    return days.group_by(["variant", "day"]).aggregate(
        orders=days.count(), revenue_micros=days.revenue.sum().cast("int64")
    )


def orders_by_coupon(orders: Table) -> Table:
    """One row per variant and coupon, whatever the case of its letters."""
    used = orders.filter(orders.coupons != "")
    # Each stands between two line breaks; one order counts for each of its coupons.
    used = used.mutate(coupon=used.coupons.strip().split("\n").unnest())
    used = used.mutate(coupon=used.coupon.upper())
    return used.group_by(["variant", "coupon"]).aggregate(
        orders=used.count(), discount_micros=used.discount.sum().cast("int64")
    )


def late_amendments(ledger: Ledger, units: Table, query: LedgerQuery) -> Table:
    """How many refunds and cancellations of the units' orders came too late for the last look."""
    assert query.late is not None, "the caller asks of late events"
    late = ledger.amendments.filter(
        _.time_us < known_number("late_end_us"),
        _.received_us > known_number("late_made_us"),
        _.status == "applied",
    ).select("order_id")
    owned = with_person(ledger.orders.select("order_id", "unit"), ledger, query)
    amended = late.join(owned, "order_id").semi_join(units, "person")
    return amended.aggregate(late=amended.count())

"""Expressions behind the facts of a live query; orders and persons are worked out by then."""

from collections.abc import Sequence
from typing import Final

import ibis

from fairlift_server.analysis.day_calendar import MINUTE_US
from fairlift_server.analysis.ledger_facts import MOST_LARGEST
from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.local_days import clocks_table, local_hour
from fairlift_server.analysis.query_tables import query_table
from fairlift_server.analysis.untyped import Table

# No person has more exposures of one campaign, or orders.
BUSY_EXPOSURES: Final = 200
BUSY_ORDERS: Final = 20
_ARM: Final = ("query_id", "variant")
_SAME: Final = (
    "query_id",
    "person",
    "minute",
    "shop_revenue_micros",
    "shop_discount_micros",
    "items",
)


def units_by_hour(persons: Table, changes: int) -> Table:
    """Units that saw one variant, by variant and hour of their first exposure."""
    clocks = clocks_table(changes)
    single = persons.filter(persons.mixed_us.isnull()).mutate()
    joined = single.join(clocks, single.query_id == clocks.query_id)
    rows = joined.select(
        query_id=single.query_id,
        variant=single.variant,
        hour=local_hour(single.first_us, clocks, changes),
    ).mutate()
    return rows.group_by(["query_id", "variant", "hour"]).aggregate(units=rows.count())


def largest_buyers(counted: Table) -> Table:
    """By query and variant what the units that spent most spent, of the orders that count."""
    spent = counted.group_by([*_ARM, "person"]).aggregate(
        total=counted.shop_revenue_micros.sum().cast("float64")
    )
    return _largest(spent, _ARM)


def largest_action_values(actions: Table) -> Table:
    """By query, variant and action the largest sums of values of a unit since its exposure."""
    since = actions.filter(actions.value.notnull(), actions.time_us >= actions.first_us).mutate()
    sums = since.group_by([*_ARM, "name", "person"]).aggregate(
        total=since.value.sum(), number=since.count()
    )
    return _largest(sums, (*_ARM, "name"))


def _largest(totals: Table, groups: Sequence[str]) -> Table:
    """Of each group the rows with the largest totals, whatever their sign."""
    rows = totals.mutate(size=totals.total.abs())
    by_group = ibis.window(group_by=list(groups))
    ordered = ibis.window(group_by=list(groups), order_by=[rows["size"].desc(), rows.person])
    more = {"number": rows.number.sum().over(by_group)} if "number" in rows.columns else {}
    ranked = rows.mutate(place=ibis.row_number().over(ordered), **more)
    return ranked.filter(ranked.place < MOST_LARGEST).select(*groups, "total", *more, "place")


def orders_by_source(counted: Table) -> Table:
    """By query, variant and channel the orders that the totals count."""
    return counted.group_by(["query_id", "variant", "channel"]).aggregate(orders=counted.count())


def all_orders(ledger: Ledger) -> Table:
    """By query the orders since its epoch began, whoever placed them."""
    orders, queries = ledger.orders, query_table()
    crossed = orders.filter(~orders.test).mutate().cross_join(queries)
    rows = crossed.filter(
        crossed.time_us >= crossed.start_us, crossed.time_us < crossed.end_us
    ).mutate()
    return rows.group_by("query_id").aggregate(orders=rows.count())


def seen_orders(orders: Table) -> Table:
    """By query those of them whose units were exposed, before or after.

    Args:
        orders: of the persons, tests and cancelled ones too.
    """
    queries = query_table().select(number="query_id", start_us="start_us")
    rows = orders.join(queries, orders.query_id == queries.number).mutate()
    rows = rows.filter(~rows.test, rows.time_us >= rows.start_us).mutate()
    return rows.group_by("query_id").aggregate(orders=rows.count())


def busy_units(persons: Table, orders: Table) -> Table:
    """By query and variant, units with more exposures or orders than a person has."""
    many = orders.group_by(["query_id", "person"]).aggregate(orders=orders.count())
    many = many.filter(many.orders > BUSY_ORDERS).mutate()
    joined = persons.left_join(
        many, [persons.query_id == many.query_id, persons.person == many.person]
    )
    rows = joined.select(
        query_id=persons.query_id,
        variant=persons.variant,
        is_busy=(persons.exposures > BUSY_EXPOSURES) | many.orders.notnull(),
    ).mutate()
    busy = rows.filter(rows.is_busy).mutate()
    return busy.group_by(["query_id", "variant"]).aggregate(units=busy.count())


def perhaps_twins(counted: Table) -> Table:
    """Orders of one person within one minute that are worth the same."""
    rows = counted.mutate(minute=counted.time_us // MINUTE_US)
    rows = rows.select(*_SAME, "order_id", "time_us").mutate()
    groups = rows.group_by(list(_SAME)).aggregate(number=rows.count())
    several = groups.filter(groups.number > 1).mutate()
    return rows.semi_join(several, list(_SAME)).mutate()


def queries_with(rows: Table) -> Table:
    """The queries that have any of these rows."""
    return rows.select("query_id").distinct()


def lines_of_twins(lines: Table, twins: Table) -> Table:
    """The lines of these orders, one row each."""
    joined = twins.left_join(lines, twins.order_id == lines.order_id)
    return joined.select(
        query_id=twins.query_id,
        person=twins.person,
        minute=twins.minute,
        order_id=twins.order_id,
        time_us=twins.time_us,
        product_id=lines.product_id,
        quantity=lines.quantity,
        unit_price_micros=lines.unit_price_micros,
    ).mutate()


def orders_by_channel(orders: Table, counted: Table) -> Table:
    """By query and channel, what its orders brought.

    Args:
        orders: of the persons, those that count.
        counted: of them those in the window of the totals.
    """
    first = orders.group_by(["query_id", "person"]).aggregate(first_order_us=orders.time_us.min())
    joined = counted.join(
        first, [counted.query_id == first.query_id, counted.person == first.person]
    )
    rows = joined.select(
        query_id=counted.query_id,
        channel=counted.channel,
        is_first=ibis.coalesce(
            counted.first_purchase, counted.time_us == first.first_order_us
        ).cast("int64"),
        revenue=counted.shop_revenue_micros,
        profit=counted.shop_profit_micros,
    ).mutate()
    return rows.group_by(["query_id", "channel"]).aggregate(
        orders=rows.count(),
        first_orders=rows.is_first.sum().cast("int64"),
        revenue_micros=rows.revenue.sum().cast("int64"),
        profit_micros=rows.profit.sum().cast("int64"),
    )


def costs_by_channel(ledger: Ledger) -> Table:
    """By query and channel, the costs of its campaign since the epoch began."""
    costs, queries = ledger.costs, query_table()
    joined = costs.join(queries, costs.campaign == queries.campaign)
    rows = (
        joined.filter(costs.time_us >= queries.start_us, costs.time_us < queries.end_us)
        .select(query_id=queries.query_id, channel=costs.channel, amount=costs.shop_amount_micros)
        .mutate()
    )
    return rows.group_by(["query_id", "channel"]).aggregate(
        cost_micros=rows.amount.sum().cast("int64")
    )

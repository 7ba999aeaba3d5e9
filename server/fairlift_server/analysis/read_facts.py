"""Facts of live queries: rows of statements, put together in Python."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

from fairlift_server.analysis.columns import values_added_up
from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.ledger_facts import ChannelCount, LedgerFacts, SeenOrders, TwinOrders
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.live_counts import counted_orders
from fairlift_server.analysis.live_facts import (
    all_orders,
    busy_units,
    costs_by_channel,
    largest_action_values,
    largest_buyers,
    lines_of_twins,
    orders_by_channel,
    orders_by_source,
    perhaps_twins,
    queries_with,
    seen_orders,
    units_by_hour,
)
from fairlift_server.analysis.query_tables import Traits
from fairlift_server.analysis.shared_rows import Keeper, SharedRows
from fairlift_server.analysis.untyped import Row, Table, by_query

_MOST_EXAMPLES: Final = 5


def live_facts(
    engine: Engine,
    traits: Traits,
    shared: SharedRows,
    changes: int,
    queries: Mapping[int, LedgerQuery],
) -> dict[int, LedgerFacts]:
    """By query, the facts of its units.

    Args:
        engine: that has the ledger.
        traits: of the queries.
        shared: what was read for all of them.
        changes: how often clocks change.
        queries: by number.
    """
    key = ("facts", traits, changes)
    keep = Keeper(engine, key).keep
    orders = shared.orders.filter(~shared.orders.test, ~shared.orders.cancelled).mutate()
    counted = keep("counted", lambda: counted_orders(shared.orders, shared.changed))
    twins = keep("twins", lambda: perhaps_twins(counted))
    rows: dict[str, Mapping[int, list[Row]]] = {}

    def read(name: str, expression: Callable[[], Table]) -> None:
        rows[name] = by_query(engine.rows((key, name), expression))

    read("hours", lambda: units_by_hour(shared.persons, changes))
    read("largest", lambda: largest_buyers(counted))
    read("sources", lambda: orders_by_source(counted))
    read("all orders", lambda: all_orders(engine.ledger))
    read("seen orders", lambda: seen_orders(shared.orders))
    read("busy", lambda: busy_units(shared.persons, orders))
    read("costs", lambda: costs_by_channel(engine.ledger))
    if rows["costs"]:
        read("channels", lambda: orders_by_channel(orders, counted))
    read("twins", lambda: queries_with(twins))
    if rows["twins"]:
        # The lines of all orders are many.
        read("twin lines", lambda: lines_of_twins(engine.ledger.order_lines, twins))
    actions = shared.actions
    if any(values_added_up(query.columns) for query in queries.values()):
        assert actions is not None, "a value is that of an action"
        read("values", lambda: largest_action_values(actions))
    return {
        number: _facts(
            {name: numbered.get(number, []) for name, numbered in rows.items()},
            values_added_up(query.columns),
        )
        for number, query in queries.items()
    }


# A row's values have no types, so `int` says them; what buyers spent comes as a double.
def _facts(rows: Mapping[str, list[Row]], actions: Container[str]) -> LedgerFacts:
    return LedgerFacts(
        hours={(row["variant"], int(row["hour"])): int(row["units"]) for row in rows["hours"]},
        largest_buyers={
            variant: tuple(int(row["total"]) for row in in_arm)
            for (variant,), in_arm in _in_groups(rows["largest"], "variant").items()
        },
        largest_values={
            (variant, name): (
                tuple(float(row["total"]) for row in in_arm),
                int(in_arm[0]["number"]),
            )
            for (variant, name), in_arm in _in_groups(
                rows.get("values", ()), "variant", "name"
            ).items()
            if name in actions
        },
        sources={(row["variant"], row["channel"]): int(row["orders"]) for row in rows["sources"]},
        seen=_seen(_number(rows["all orders"]), _number(rows["seen orders"])),
        busy_units={row["variant"]: int(row["units"]) for row in rows["busy"]},
        twins=_twins(rows.get("twin lines", ())),
        channels=_channels(rows.get("channels", ()), rows["costs"]),
    )


def _in_groups(rows: Iterable[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    """The rows with each values of these columns, by their places; in the order of the values."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["place"])):
        groups[tuple(str(row[column]) for column in columns)].append(row)
    return dict(sorted(groups.items()))


def _number(rows: list[Row]) -> int:
    return int(rows[0]["orders"]) if rows else 0


def _seen(orders: int, seen: int) -> SeenOrders:
    return SeenOrders(orders, orders - seen)


def _twins(lines: Iterable[Row]) -> TwinOrders:
    """Of the orders that are worth the same, those with the same lines."""
    contents: dict[tuple[object, ...], list[tuple[object, ...]]] = defaultdict(list)
    for row in lines:
        order = (row["person"], row["minute"], row["time_us"], row["order_id"])
        contents[order].append((row["product_id"], row["quantity"], row["unit_price_micros"]))
    same: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for (person, minute, _, order_id), content in sorted(
        contents.items(), key=lambda item: tuple(map(str, item[0]))
    ):
        lines_of_order = tuple(sorted(content, key=str))
        same[person, minute, lines_of_order].append(str(order_id))
    several = [ids for ids in same.values() if len(ids) > 1]
    return TwinOrders(
        sum(len(ids) - 1 for ids in several),
        tuple((ids[0], ids[1]) for ids in several[:_MOST_EXAMPLES]),
    )


def _channels(orders: Iterable[Row], costs: Iterable[Row]) -> tuple[ChannelCount, ...]:
    """By channel; nothing where nothing was spent."""
    spent = {row["channel"]: int(row["cost_micros"]) for row in costs}
    if not spent:
        return ()
    brought = {row["channel"]: row for row in orders}
    return tuple(
        ChannelCount(
            channel,
            **{
                name: int(brought[channel][name]) if channel in brought else 0
                for name in ("orders", "first_orders", "revenue_micros", "profit_micros")
            },
            cost_micros=spent.get(channel, 0),
        )
        for channel in sorted({*spent, *brought})
    )

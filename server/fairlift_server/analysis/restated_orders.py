"""Orders as they stood at a moment: what was said of them later had not happened yet.

An order's row stands as restated by all its amendments so far. A look of a past day needs it as
restated until then, or it would depend on the day on which it is made.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import ibis

from fairlift_server.events.ledger import (
    AmendmentEntry,
    AmendmentKind,
    OrderContent,
    content_from_text,
)
from fairlift_server.events.order_standing import PICOS, OrderStanding, order_standing

# Ibis is published without types.
Table: TypeAlias = Any
# A database's values.
Row: TypeAlias = Mapping[str, Any]
# Answers a query with rows.
ReadRows: TypeAlias = Callable[[str], Iterable[Row]]

# The columns of an order that an amendment may change.
RESTATED_COLUMNS: Final[Mapping[str, str]] = {
    "order_id": "string",
    "unit": "string",
    "items": "int64",
    "coupons": "string",
    "first_purchase": "boolean",
    "test": "boolean",
    "refunded": "boolean",
    "upsell": "boolean",
    "cross_sell": "boolean",
    "cancelled": "boolean",
    "shop_revenue_micros": "int64",
    "shop_net_revenue_micros": "int64",
    "shop_profit_micros": "int64",
    "shop_discount_micros": "int64",
}
_CONTENT: Final = OrderContent._fields[:-1]  # all but the lines, which no standing needs
_ORDERS: Final = (
    f"SELECT order_id, time_us, placed, rate_picos, {', '.join(_CONTENT)} FROM shop.orders "
    "WHERE time_us < {end_us} AND order_id IN "
    "(SELECT order_id FROM shop.amendments WHERE time_us >= {end_us})"
)
_AMENDMENTS: Final = (
    f"SELECT {', '.join(AmendmentEntry._fields)} FROM shop.amendments WHERE time_us < {{end_us}} "
    "AND order_id IN (SELECT order_id FROM shop.amendments WHERE time_us >= {end_us})"
)
_RATES: Final = (
    "SELECT currency_code, time_us, event_id, shop_picos_per_unit FROM shop.exchange_rates"
)
_SHOP: Final = "SELECT currency_code FROM shop.shop"


def last_amendment_us(amendments: Table) -> Table:
    """One row: the time of the newest amendment of an order."""
    known = amendments.filter(amendments.status != "waiting")
    return known.aggregate(last=known.time_us.max())


def orders_as_of(orders: Table, restated: Table) -> Table:
    """The orders, those that were amended later as they stood before."""
    joined = orders.left_join(restated, orders.order_id == restated.order_id)
    is_restated = restated.order_id.notnull()
    return joined.select(
        *[orders[name] for name in orders.columns if name not in RESTATED_COLUMNS],
        **{
            name: ibis.ifelse(is_restated, restated[name].cast(orders[name].type()), orders[name])
            for name in RESTATED_COLUMNS
            if name in orders.columns
        },
    ).mutate()


def restated_orders(ask: ReadRows, end_us: int) -> list[tuple[Any, ...]]:
    """The orders that were amended at or after the moment, as they stood before it.

    Args:
        ask: answers a query of the ledger's tables.
        end_us: the moment.

    Returns:
        Rows of RESTATED_COLUMNS.
    """
    amendments: dict[str, list[AmendmentEntry]] = defaultdict(list)
    for row in ask(_AMENDMENTS.format(end_us=end_us)):
        entry = AmendmentEntry(**{**row, "kind": AmendmentKind(row["kind"])})
        amendments[entry.order_id].append(entry)
    [shop] = ask(_SHOP)
    rates = _Rates(ask(_RATES), shop["currency_code"])
    rows = []
    for row in ask(_ORDERS.format(end_us=end_us)):
        standing, _ = order_standing(
            _placed(row), amendments[row["order_id"]], rates.at(row["time_us"])
        )
        rows.append((row["order_id"], *_restated(standing)))
    return rows


def _placed(row: Row) -> OrderContent:
    if row["placed"] is not None:
        return content_from_text(row["placed"])
    return OrderContent._make([*(row[name] for name in _CONTENT), ()])


def _restated(standing: OrderStanding) -> Iterable[Any]:
    holders: Sequence[object] = (standing, standing.content)
    for name in RESTATED_COLUMNS:
        if name != "order_id":
            yield next(getattr(holder, name) for holder in holders if hasattr(holder, name))


class _Rates:
    """The exchange rates of the ledger."""

    def __init__(self, rows: Iterable[Row], shop_currency: str) -> None:
        self._shop_currency = shop_currency
        self._by_currency: dict[str, list[tuple[int, bytes, int]]] = defaultdict(list)
        for row in rows:
            rate = (row["time_us"], bytes(row["event_id"]), row["shop_picos_per_unit"])
            self._by_currency[row["currency_code"]].append(rate)

    def at(self, time_us: int) -> Callable[[str], int | None]:
        """The latest rate of a currency at or before the time; None if there is none."""

        def rate_of(currency: str) -> int | None:
            if currency == self._shop_currency:
                return PICOS
            known = (rate for rate in self._by_currency[currency] if rate[0] <= time_us)
            latest = max(known, default=None)
            return None if latest is None else latest[2]

        return rate_of

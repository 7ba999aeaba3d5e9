"""Orders as they stood at a moment: what was said of them later had not happened yet.

An order's row stands as restated by all its amendments so far. A look of a past day needs it as
restated until then, or it would depend on the day on which it is made.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlift_server.analysis.engine import Engine
from fairlift_server.analysis.ledger_tables import LEDGER_COLUMNS, Ledger
from fairlift_server.analysis.person_events import ORDER_FACTS
from fairlift_server.analysis.query_tables import NEVER_US, query_table
from fairlift_server.analysis.untyped import Row, Table
from fairlift_server.events.ledger import (
    AmendmentEntry,
    AmendmentKind,
    OrderContent,
    content_from_text,
)
from fairlift_server.events.order_standing import PICOS, OrderStanding, order_standing

RESTATED: Final = "restated_orders"
RESTATED_COLUMNS: Final[Mapping[str, str]] = {"query_id": "int64", **ORDER_FACTS}
# All but the lines: orders that were never corrected keep those that they have.
_CONTENT: Final = OrderContent._fields[:-1]
_LINE_FACTS: Final = tuple(name for name in LEDGER_COLUMNS["order_lines"] if name != "order_id")
_TIMES: Final = ("order_id", "time_us", "received_us")


@dataclass(frozen=True, slots=True)
class RestatedOrder:
    """An order as it stood for a query.

    Attributes:
        facts: a row of RESTATED_COLUMNS.
        lines: rows of RESTATED_LINE_COLUMNS, of an order that was ever corrected.
    """

    facts: tuple[Any, ...]
    lines: tuple[tuple[Any, ...], ...]


def restated_orders(engine: Engine, ends: Mapping[int, int]) -> Iterator[RestatedOrder]:
    """The orders that were amended at or after a query's moment, as they stood before it.

    Args:
        engine: that has the ledger and the tables of the queries.
        ends: the moment of each query; NEVER_US for those of now.
    """
    moments: dict[int, list[int]] = defaultdict(list)
    for number, end_us in ends.items():
        if end_us < NEVER_US:
            moments[end_us].append(number)
    if not moments:
        return
    ledger = engine.ledger
    amendments: dict[str, list[AmendmentEntry]] = defaultdict(list)
    for row in engine.rows("amendments of restated orders", lambda: _amendments(ledger)):
        entry = AmendmentEntry(**{**row, "kind": AmendmentKind(row["kind"])})
        amendments[entry.order_id].append(entry)
    if not amendments:
        return
    [shop] = engine.rows("shop", lambda: ledger.shop.select("currency_code"))
    rates = _Rates(engine.rows("rates", lambda: ledger.exchange_rates), shop["currency_code"])
    for row in engine.rows("restated orders", lambda: _orders(ledger)):
        about = amendments[row["order_id"]]
        for end_us, numbers in moments.items():
            before = [entry for entry in about if entry.time_us < end_us]
            if row["time_us"] < end_us and len(before) < len(about):
                standing, _ = order_standing(_placed(row), before, rates.at(row["time_us"]))
                facts = tuple(_facts(row, standing))
                lines = [
                    (row["order_id"], *(getattr(line, name) for name in _LINE_FACTS))
                    for line in standing.content.lines
                ]
                for number in numbers:
                    yield RestatedOrder((number, *facts), tuple((number, *line) for line in lines))


def _later(ledger: Ledger) -> Table:
    """Ids of orders that were amended at or after the first moment."""
    queries, amendments = query_table(), ledger.amendments
    first = queries.aggregate(end_us=queries.end_us.min())
    crossed = amendments.cross_join(first)
    later = crossed.filter(amendments.time_us >= first.end_us)
    return later.select(order_id=amendments.order_id).mutate().distinct()


def _amendments(ledger: Ledger) -> Table:
    about = ledger.amendments.semi_join(_later(ledger), "order_id").mutate()
    return about.select(*AmendmentEntry._fields)


def _orders(ledger: Ledger) -> Table:
    orders = ledger.orders.semi_join(_later(ledger), "order_id").mutate()
    return orders.select(*_TIMES, "placed", *_CONTENT)


def _placed(row: Row) -> OrderContent:
    if row["placed"] is not None:
        return content_from_text(row["placed"])
    return OrderContent._make([*(row[name] for name in _CONTENT), ()])


def _facts(row: Row, standing: OrderStanding) -> Iterable[Any]:
    shop = {f"shop_{name}_micros": value for name, value in standing.figures._asdict().items()}
    for name in ORDER_FACTS:
        if name in _TIMES:
            yield row[name]
        elif name in shop:
            yield shop[name]
        else:
            holder = standing if hasattr(standing, name) else standing.content
            yield getattr(holder, name)


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

"""Stores orders and what became of them: each order is one row, restated by all its amendments."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection

from fairlift_server.events.ledger import (
    AmendmentEntry,
    AmendmentKind,
    EventOutcome,
    IdleOutcome,
    LineEntry,
    OrderContent,
    OrderEntry,
    RefusalReason,
    RefusedEvent,
    content_from_text,
    content_text,
    new_tuple,
)
from fairlift_server.events.order_standing import (
    PICOS,
    OrderStanding,
    RateOf,
    order_beyond_limit,
    order_standing,
    shop_figures,
)
from fairlift_server.store import tables
from fairlift_server.store.locks import lock_orders
from fairlift_server.store.rates import Rates
from fairlift_server.store.statements import (
    execute,
    execute_many,
    insert_many,
    insertion,
    select_by_key,
    updating,
)

_IDENTITY = OrderEntry._fields[:-1]  # all but the content
_CONTENT = OrderContent._fields[:-1]  # all but the lines
_STANDING = (
    *_CONTENT,
    "rate_picos",
    "placed",
    "refunded_micros",
    "recovered_cost_micros",
    "returned_items",
    "refunded",
    "cancelled",
    "shop_revenue_micros",
    "shop_net_revenue_micros",
    "shop_profit_micros",
    "shop_discount_micros",
)
# From the rate, which is that of the shop's own currency, to whether it was cancelled.
_AS_PLACED = (None, None, 0, 0, 0, False, False)
_ORDER = insertion(tables.orders, (*_IDENTITY, *_STANDING))
_RESTATE = updating(tables.orders, _STANDING, "order_id")
_MOVE = updating(tables.orders, ("time_us", "event_id"), "order_id")
_CHANGED = insertion(tables.order_changes, ("order_id",))
_LINE = insertion(tables.order_lines, ("order_id", *LineEntry._fields))
_AMENDMENT = insertion(tables.amendments, (*AmendmentEntry._fields, "status", "problem"))
_STATUS = updating(tables.amendments, ("status", "problem"), "id")


class _KnownOrder(NamedTuple):
    """By what an order that is sent again is recognised, and since when it is known."""

    digest: bytes
    time_us: int
    event_id: bytes


class _Amended(NamedTuple):
    """A stored amendment."""

    id: int
    status: str
    problem: str
    entry: AmendmentEntry


class OrderBook:
    """The orders of one group of events."""

    def __init__(self, connection: Connection, rates: Rates, shop_currency: str) -> None:
        self._connection = connection
        self._rates = rates
        self._shop_currency = shop_currency
        self._outcomes: dict[int, EventOutcome] = {}
        self._new_orders: set[str] = set()
        self._moved: set[str] = set()
        self._contradictions: dict[bytes, IdleOutcome] = {}

    def store(
        self,
        orders: Sequence[tuple[int, OrderEntry]],
        amendments: Sequence[tuple[int, AmendmentEntry]],
        restated: set[str],
    ) -> dict[int, EventOutcome]:
        """Outcomes other than "accepted", by position.

        Args:
            orders: with their positions among the group's events.
            amendments: likewise.
            restated: stored orders to which another exchange rate may apply.
        """
        touched = {order.order_id for _, order in orders} | restated
        lock_orders(self._connection, touched | {entry.order_id for _, entry in amendments})
        rows = [(*entry, "waiting", "") for _, entry in amendments]
        insert_many(self._connection, _AMENDMENT, rows)
        self._store_orders(orders)
        amended = {entry.order_id for _, entry in amendments}
        self._restate((amended | restated | self._moved) - self._new_orders)
        for index, entry in amendments:
            if contradiction := self._contradictions.get(entry.event_id):
                self._outcomes[index] = contradiction
        return self._outcomes

    def _store_orders(self, orders: Sequence[tuple[int, OrderEntry]]) -> None:
        if not orders:
            return
        ids = [order.order_id for _, order in orders]
        select = f"SELECT order_id, {', '.join(_KnownOrder._fields)} FROM orders"
        stored = select_by_key(self._connection, select, "order_id", ids)
        known = {order_id: _KnownOrder(*rest) for order_id, *rest in stored}
        accepted: list[OrderEntry] = []
        moves: list[tuple[int, bytes, str]] = []
        for index, order in orders:
            before = known.get(order.order_id)
            if outcome := self._outcome(order, before):
                self._outcomes[index] = outcome
            if isinstance(outcome, RefusedEvent):
                continue
            this = new_tuple(_KnownOrder, (order.digest, order.time_us, order.event_id))
            if before is None:
                accepted.append(order)
            elif this[1:] < before[1:]:
                moves.append((order.time_us, order.event_id, order.order_id))
            else:
                continue
            known[order.order_id] = this
        self._insert(accepted)
        execute_many(self._connection, _MOVE, moves)
        self._moved = {order_id for *_, order_id in moves}
        self._new_orders = {order.order_id for order in accepted} - self._moved

    def _outcome(self, order: OrderEntry, before: _KnownOrder | None) -> EventOutcome | None:
        """None for a new order that can be stored."""
        if before is not None and before.digest != order.digest:
            return RefusedEvent(
                RefusalReason.CONFLICT,
                f"{order.order_id} was sent before with different contents; send a correction to "
                "change an order, and give another order another id",
                "order.order_id",
            )
        if before is not None and (order.time_us, order.event_id) > before[1:]:
            return "duplicate"
        rate = self._rates.at(order.content.currency_code, order.time_us)
        if rate is None:
            return self._rates.missing(order.content.currency_code, "order", order.time_us)
        # In the shop's own currency the reader has checked it.
        if rate != PICOS and (beyond := order_beyond_limit(order.content, rate)):
            return beyond
        return None if before is None else "duplicate"

    def _insert(self, orders: Sequence[OrderEntry]) -> None:
        amendments = self._amendments(order.order_id for order in orders)
        rows: list[tuple[Any, ...]] = []
        lines: list[tuple[Any, ...]] = []
        for order in orders:
            event_id, order_id, digest, time_us, received_us, content = order
            amended = amendments.get(order_id, ())
            if amended or content.currency_code != self._shop_currency:
                standing = self._standing(content, amended, time_us)
                row, placed = self._row(standing, content), standing.content
            else:  # as nearly all
                figures = shop_figures(content, PICOS)
                row, placed = (*content[:-1], *_AS_PLACED, *figures), content
            rows.append((event_id, order_id, digest, time_us, received_us, *row))
            lines.extend([(order_id, *line) for line in placed.lines])
        insert_many(self._connection, _ORDER, rows)
        insert_many(self._connection, _LINE, lines)

    def _restate(self, ids: set[str]) -> None:
        if not ids:
            return
        ordered = sorted(ids)
        select = f"SELECT order_id, time_us, placed, rate_picos, {', '.join(_CONTENT)} FROM orders"
        stored = select_by_key(self._connection, select, "order_id", ordered)
        amendments = self._amendments(order_id for order_id, *_ in stored)
        rows = []
        for order_id, time_us, placed, rate_picos, *columns in stored:
            amended = amendments.get(order_id, ())
            corrects = any(one.entry.kind is AmendmentKind.CORRECTION for one in amended)
            if placed is not None:
                content = content_from_text(placed)
            else:
                lines = self._lines(order_id) if corrects else ()
                content = OrderContent._make([*columns, lines])
            standing = self._standing(content, amended, time_us)
            if order_beyond_limit(standing.content, standing.rate_picos):
                # A rate that makes an order worth more than can be kept is a mistake: the order
                # keeps the one that it has, and what became of it counts all the same.
                known = {columns[_CONTENT.index("currency_code")]: rate_picos or PICOS}
                standing = self._standing(content, amended, time_us, known)
            if order_beyond_limit(standing.content, standing.rate_picos):
                continue  # by a correction in yet another currency
            rows.append((*self._row(standing, content), order_id))
            if corrects:
                self._replace_lines(order_id, standing.content.lines)
        execute_many(self._connection, _RESTATE, rows)
        insert_many(self._connection, _CHANGED, [(order_id,) for order_id, *_ in stored])

    def _standing(
        self,
        placed: OrderContent,
        amended: Sequence[_Amended],
        time_us: int,
        known: Mapping[str, int] = MappingProxyType({}),
    ) -> OrderStanding:
        """The order after its amendments, whose status is noted."""
        if not amended and not known:
            rate = self._rates.at(placed.currency_code, time_us)
            assert rate is not None, "an order without a rate is refused"
            return OrderStanding(placed, rate)
        standing, contradictions = order_standing(
            placed, [one.entry for one in amended], self._rate_of(time_us, known)
        )
        self._contradictions |= contradictions
        statuses = []
        for one in amended:
            contradiction = contradictions.get(one.entry.event_id)
            status, problem = (
                ("contradicts", contradiction.conflict.to_text())
                if contradiction
                else ("applied", "")
            )
            if (status, problem) != (one.status, one.problem):
                statuses.append((status, problem, one.id))
        execute_many(self._connection, _STATUS, statuses)
        return standing

    def _rate_of(self, time_us: int, known: Mapping[str, int]) -> RateOf:
        return lambda currency: known.get(currency) or self._rates.at(currency, time_us)

    def _row(self, standing: OrderStanding, placed: OrderContent) -> tuple[Any, ...]:
        content = standing.content
        is_foreign = content.currency_code != self._shop_currency
        return (
            *content[:-1],
            standing.rate_picos if is_foreign else None,
            None if content is placed else content_text(placed),
            standing.refunded_micros,
            standing.recovered_cost_micros,
            standing.returned_items,
            standing.refunded,
            standing.cancelled,
            *standing.figures,
        )

    def _amendments(self, ids: Iterable[str]) -> dict[str, list[_Amended]]:
        columns = ("id", "status", "problem", *AmendmentEntry._fields)
        select = f"SELECT {', '.join(columns)} FROM amendments"
        by_order: dict[str, list[_Amended]] = defaultdict(list)
        for row_id, status, problem, *fields in select_by_key(
            self._connection, select, "order_id", ids
        ):
            entry = AmendmentEntry(*fields)
            entry = entry._replace(kind=AmendmentKind(entry.kind))
            by_order[entry.order_id].append(_Amended(row_id, status, problem, entry))
        return by_order

    def _lines(self, order_id: str) -> tuple[LineEntry, ...]:
        columns = ", ".join(LineEntry._fields)
        select = f"SELECT {columns} FROM order_lines WHERE order_id = ? ORDER BY id"
        return tuple(LineEntry._make(row) for row in execute(self._connection, select, (order_id,)))

    def _replace_lines(self, order_id: str, lines: Sequence[LineEntry]) -> None:
        execute_many(self._connection, "DELETE FROM order_lines WHERE order_id = ?", [(order_id,)])
        insert_many(self._connection, _LINE, [(order_id, *line) for line in lines])

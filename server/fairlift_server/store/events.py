"""Stores events in the ledger, each event once, a group of events per transaction.

Statements are built once and executed with tuples: SQLAlchemy's own executemany halves the ingest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select

from fairlift_server.events.ledger import (
    MICROS,
    ActionEntry,
    AmendmentEntry,
    CostEntry,
    Event,
    EventOutcome,
    ExposureEntry,
    IdentityEntry,
    LineEntry,
    OrderEntry,
    OrderState,
    RateEntry,
    RefusalReason,
    RefusedEvent,
    exchanged,
)
from fairlift_server.store import tables

# Half of the number of parameters that SQLite allows in one statement.
_CHUNK = 16_000


def _insert(table: Table, columns: Iterable[str], *, or_ignore: bool = False) -> str:
    names = tuple(columns)
    for name in names:
        assert name in table.c, f"{table.name} has no column {name}"
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    return f"{verb} INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_SEEN = _insert(tables.seen_events, ("event_id", "digest"), or_ignore=True)
_INSERT_BY_TYPE = {
    ExposureEntry: _insert(tables.exposures, ExposureEntry._fields),
    ActionEntry: _insert(tables.actions, ActionEntry._fields),
    IdentityEntry: _insert(tables.identity_links, IdentityEntry._fields),
    RateEntry: _insert(tables.exchange_rates, RateEntry._fields),
}
_COST = _insert(tables.costs, (*CostEntry._fields, "shop_amount_micros"))
_LINE = _insert(tables.order_lines, LineEntry._fields)
_AMENDMENT = _insert(tables.amendments, (*AmendmentEntry._fields, "status"))
_RESTATED = (
    "refunded_micros",
    "recovered_cost_micros",
    "returned_items",
    "cancelled",
    "shop_revenue_micros",
    "shop_net_revenue_micros",
    "shop_profit_micros",
    "shop_discount_micros",
)
_PLACED = OrderEntry._fields[:-1]  # all but the lines
_ORDER = _insert(tables.orders, (*_PLACED, "rate_micros", *_RESTATED))
_RESTATE = f"UPDATE orders SET {', '.join(f'{name} = ?' for name in _RESTATED)} WHERE order_id = ?"
_STATE = OrderState.__slots__
_RECEIVED = (
    tables.exposures,
    tables.actions,
    tables.orders,
    tables.amendments,
    tables.identity_links,
    tables.costs,
    tables.exchange_rates,
)
_RATE = (
    "SELECT shop_micros_per_unit FROM exchange_rates WHERE currency_code = ? AND time_us <= ? "
    "ORDER BY time_us DESC, id DESC LIMIT 1"
)


def store_events(
    connection: Connection, events: Sequence[Event], currency: str
) -> list[EventOutcome]:
    """One outcome per event, in order; accepted events are part of the connection's transaction.

    Args:
        connection: in a transaction; there is no other writer.
        events: events that passed the checks; ids may repeat.
        currency: the shop's currency.
    """
    return _EventGroup(connection, currency).outcomes(events)


def last_received_us(connection: Connection) -> int | None:
    """When the newest event of the ledger came in; None while it is empty."""
    newest = (
        connection.execute(
            select(table.c.received_us).order_by(table.c.id.desc()).limit(1)
        ).scalar_one_or_none()
        for table in _RECEIVED
    )
    return max((time_us for time_us in newest if time_us is not None), default=None)


class _EventGroup:
    """Stores one group of events."""

    def __init__(self, connection: Connection, currency: str) -> None:
        self._connection = connection
        self._currency = currency
        self._refused: dict[int, EventOutcome] = {}

    def outcomes(self, events: Sequence[Event]) -> list[EventOutcome]:
        new = self._mark_new(events)
        by_kind: dict[type, list[tuple[int, Any]]] = defaultdict(list)
        for index in new:
            entry = events[index].entry
            by_kind[type(entry)].append((index, entry))
        for kind, statement in _INSERT_BY_TYPE.items():
            self._execute_many(statement, [entry for _, entry in by_kind[kind]])
        # After the exchange rates: orders and costs of the same group use them.
        self._costs(by_kind[CostEntry])
        self._orders(by_kind[OrderEntry])
        self._amendments(by_kind[AmendmentEntry])
        outcomes: list[EventOutcome] = ["duplicate"] * len(events)
        for index in new:
            outcomes[index] = "accepted"
        for index, outcome in self._refused.items():
            outcomes[index] = outcome
        self._unmark_refused(events, new, outcomes)
        return outcomes

    def _mark_new(self, events: Sequence[Event]) -> Sequence[int]:
        """Positions of the events with new ids; stores these ids as seen."""
        marks = [(event.event_id, event.digest) for event in events]
        savepoint = self._connection.begin_nested()
        if self._execute_many(_SEEN, marks) == len(marks):
            savepoint.commit()
            return range(len(events))
        # Some ids were seen before, and the driver does not say which: look them up.
        savepoint.rollback()
        digests = dict(
            self._select_by_key("SELECT event_id, digest FROM seen_events", "event_id", marks)
        )
        new = []
        for index, (event_id, digest) in enumerate(marks):
            seen_digest = digests.get(event_id)
            if seen_digest is None:
                digests[event_id] = digest
                new.append(index)
            elif seen_digest != digest:
                self._refused[index] = RefusedEvent(
                    RefusalReason.CONFLICT,
                    "was sent before with different contents; give every event its own id",
                    "event_id",
                )
        self._execute_many(_SEEN, [marks[index] for index in new])
        return new

    def _unmark_refused(
        self, events: Sequence[Event], new: Sequence[int], outcomes: list[EventOutcome]
    ) -> None:
        """Removes refused events from the seen ids, so that they can be sent again."""
        refused = {
            events[index].event_id: outcomes[index]
            for index in new
            if isinstance(outcomes[index], RefusedEvent)
        }
        if not refused:
            return
        self._execute_many(
            "DELETE FROM seen_events WHERE event_id = ?", [(event_id,) for event_id in refused]
        )
        for index, event in enumerate(events):
            if outcomes[index] == "duplicate":  # of an event in this group that was refused
                outcomes[index] = refused.get(event.event_id, "duplicate")

    def _costs(self, costs: list[tuple[int, CostEntry]]) -> None:
        rows = []
        for index, cost in costs:
            rate = self._rate(cost.currency_code, cost.time_us)
            if rate is None:
                self._refused[index] = self._no_rate(cost.currency_code, "cost")
            else:
                rows.append((*cost, exchanged(cost.amount_micros, rate)))
        self._execute_many(_COST, rows)

    def _orders(self, orders: list[tuple[int, OrderEntry]]) -> None:
        if not orders:
            return
        ids = [(order.order_id,) for _, order in orders]
        digests = dict(self._select_by_key("SELECT order_id, digest FROM orders", "order_id", ids))
        waiting = self._waiting_amendments(ids)
        rows = []
        lines: list[LineEntry] = []
        for index, order in orders:
            if order.order_id in digests:
                self._refused[index] = _repeated_order(order, digests[order.order_id])
                continue
            rate = self._rate(order.currency_code, order.time_us)
            if rate is None:
                self._refused[index] = self._no_rate(order.currency_code, "order")
                continue
            digests[order.order_id] = order.digest
            state = OrderState.placed(order, rate)
            for row_id, amendment in waiting.get(order.order_id, ()):
                state = self._applied(state, row_id, amendment)
            rows.append((*order[:-1], rate, *_restated(state)))
            lines += order.lines
        self._execute_many(_ORDER, rows)
        self._execute_many(_LINE, lines)

    def _waiting_amendments(
        self, ids: Sequence[tuple[str]]
    ) -> dict[str, list[tuple[int, AmendmentEntry]]]:
        """Amendments that arrived before these orders, in order of arrival."""
        select = f"SELECT id, {', '.join(AmendmentEntry._fields)} FROM amendments"
        by_order: dict[str, list[tuple[int, AmendmentEntry]]] = defaultdict(list)
        for row_id, *columns in sorted(self._select_by_key(select, "order_id", ids)):
            amendment = AmendmentEntry(*columns)
            by_order[amendment.order_id].append((row_id, amendment))
        return by_order

    def _applied(self, state: OrderState, row_id: int, amendment: AmendmentEntry) -> OrderState:
        restated = state.amended(amendment)
        contradicts = isinstance(restated, RefusedEvent)
        status = "contradicts" if contradicts else "applied"
        self._execute_many("UPDATE amendments SET status = ? WHERE id = ?", [(status, row_id)])
        return state if isinstance(restated, RefusedEvent) else restated

    def _amendments(self, amendments: list[tuple[int, AmendmentEntry]]) -> None:
        if not amendments:
            return
        select = f"SELECT order_id, {', '.join(_STATE)} FROM orders"
        ids = [(amendment.order_id,) for _, amendment in amendments]
        states = {
            order_id: OrderState(*state)
            for order_id, *state in self._select_by_key(select, "order_id", ids)
        }
        rows, changed = [], set()
        for index, amendment in amendments:
            state = states.get(amendment.order_id)
            restated = None if state is None else state.amended(amendment)
            match restated:
                case None:
                    rows.append((*amendment, "waiting"))
                case RefusedEvent():
                    self._refused[index] = restated
                case OrderState():
                    states[amendment.order_id] = restated
                    changed.add(amendment.order_id)
                    rows.append((*amendment, "applied"))
        self._execute_many(_AMENDMENT, rows)
        self._execute_many(
            _RESTATE, [(*_restated(states[order]), order) for order in sorted(changed)]
        )

    def _rate(self, currency: str, time_us: int) -> int | None:
        if currency == self._currency:
            return MICROS
        row = self._connection.exec_driver_sql(_RATE, (currency, time_us)).first()
        return None if row is None else int(row[0])

    def _no_rate(self, currency: str, kind: str) -> RefusedEvent:
        return RefusedEvent(
            RefusalReason.CURRENCY,
            f"is {currency}, the shop's currency is {self._currency}, and there is no "
            f"exchange rate for {currency} at or before the time of the {kind}; send one first",
            f"{kind}.currency_code",
        )

    def _execute_many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Number of rows affected. `Any`: whatever type the driver accepts."""
        if not rows:
            return 0
        return self._connection.exec_driver_sql(statement, list(rows)).rowcount

    def _select_by_key(self, select: str, key: str, keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Rows whose key is in the first column of `keys`."""
        rows: list[Any] = []
        for start in range(0, len(keys), _CHUNK):
            chunk = tuple({key_row[0] for key_row in keys[start : start + _CHUNK]})
            statement = f"{select} WHERE {key} IN ({', '.join('?' * len(chunk))})"
            rows += map(tuple, self._connection.exec_driver_sql(statement, chunk))
        return rows


def _restated(state: OrderState) -> tuple[Any, ...]:
    return tuple(getattr(state, name) for name in _RESTATED)


def _repeated_order(order: OrderEntry, digest: bytes) -> EventOutcome:
    if digest == order.digest:
        return "duplicate"
    return RefusedEvent(
        RefusalReason.CONFLICT,
        f"{order.order_id} was sent before with different contents; change an order with an "
        "amendment, and give another order another id",
        "order.order_id",
    )

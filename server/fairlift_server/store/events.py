"""Events into the ledger: once each, whole groups in one transaction.

Statements are built once and take tuples: SQLAlchemy's own executemany halves the ingest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from fairlift_server.ledger import (
    MICROS,
    ActionEntry,
    AmendmentEntry,
    CostEntry,
    Event,
    ExposureEntry,
    IdentityEntry,
    LineEntry,
    OrderEntry,
    OrderState,
    Outcome,
    RateEntry,
    Refusal,
    Refused,
    exchanged,
)
from fairlift_server.store import tables

# Half of SQLite's limit on the parameters of one statement.
_CHUNK = 16_000


def _insert(table: Table, columns: Iterable[str], *, or_ignore: bool = False) -> str:
    names = tuple(columns)
    for name in names:
        assert name in table.c, f"{table.name} has no column {name}"
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    return f"{verb} INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_SEEN = _insert(tables.seen_events, ("event_id", "digest"), or_ignore=True)
_PLAIN = {
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
_RATE = (
    "SELECT shop_micros_per_unit FROM exchange_rates WHERE currency_code = ? AND time_us <= ? "
    "ORDER BY time_us DESC, id DESC LIMIT 1"
)


def record(connection: Connection, events: Sequence[Event], currency: str) -> list[Outcome]:
    """One outcome per event, in order; what was accepted is in the connection's transaction.

    Args:
        connection: in a transaction that no other writer shares.
        events: those that passed the checks; ids may repeat.
        currency: the shop's own.
    """
    return _Recording(connection, currency).outcomes(events)


class _Recording:
    """One group of events on its way into the tables."""

    def __init__(self, connection: Connection, currency: str) -> None:
        self._connection = connection
        self._currency = currency
        self._refused: dict[int, Outcome] = {}

    def outcomes(self, events: Sequence[Event]) -> list[Outcome]:
        fresh = self._fresh(events)
        by_kind: dict[type, list[tuple[int, Any]]] = defaultdict(list)
        for index in fresh:
            entry = events[index].entry
            by_kind[type(entry)].append((index, entry))
        for kind, statement in _PLAIN.items():
            self._many(statement, [entry for _, entry in by_kind[kind]])
        # Rates stand by now, so that orders and costs of the same group can use them.
        self._costs(by_kind[CostEntry])
        self._orders(by_kind[OrderEntry])
        self._amendments(by_kind[AmendmentEntry])
        outcomes: list[Outcome] = ["duplicate"] * len(events)
        for index in fresh:
            outcomes[index] = "accepted"
        for index, outcome in self._refused.items():
            outcomes[index] = outcome
        self._forget(events, fresh, outcomes)
        return outcomes

    def _fresh(self, events: Sequence[Event]) -> Sequence[int]:
        """Positions of the events whose id was never seen; marks them as seen."""
        marks = [(event.event_id, event.digest) for event in events]
        savepoint = self._connection.begin_nested()
        if self._many(_SEEN, marks) == len(marks):
            savepoint.commit()
            return range(len(events))
        # Some were seen, which ones the driver does not say: look them up, and mark the rest.
        savepoint.rollback()
        digests = dict(self._chosen("SELECT event_id, digest FROM seen_events", "event_id", marks))
        fresh = []
        for index, (event_id, digest) in enumerate(marks):
            known = digests.get(event_id)
            if known is None:
                digests[event_id] = digest
                fresh.append(index)
            elif known != digest:
                self._refused[index] = Refused(
                    Refusal.CONFLICT,
                    "was sent before with different contents; give every event its own id",
                    "event_id",
                )
        self._many(_SEEN, [marks[index] for index in fresh])
        return fresh

    def _forget(
        self, events: Sequence[Event], fresh: Sequence[int], outcomes: list[Outcome]
    ) -> None:
        """Lets refused events come again: corrected, or after what they wait for."""
        refused = {
            events[index].event_id: outcomes[index]
            for index in fresh
            if isinstance(outcomes[index], Refused)
        }
        if not refused:
            return
        self._many("DELETE FROM seen_events WHERE event_id = ?", [(each,) for each in refused])
        for index, event in enumerate(events):
            if outcomes[index] == "duplicate":  # of an event that was refused just now
                outcomes[index] = refused.get(event.event_id, "duplicate")

    def _costs(self, costs: list[tuple[int, CostEntry]]) -> None:
        rows = []
        for index, cost in costs:
            rate = self._rate(cost.currency_code, cost.time_us)
            if rate is None:
                self._refused[index] = self._no_rate(cost.currency_code, "cost")
            else:
                rows.append((*cost, exchanged(cost.amount_micros, rate)))
        self._many(_COST, rows)

    def _orders(self, orders: list[tuple[int, OrderEntry]]) -> None:
        if not orders:
            return
        ids = [(order.order_id,) for _, order in orders]
        digests = dict(self._chosen("SELECT order_id, digest FROM orders", "order_id", ids))
        waiting = self._waiting(ids)
        rows = []
        lines: list[LineEntry] = []
        for index, order in orders:
            if order.order_id in digests:
                self._refused[index] = _sent_again(order, digests[order.order_id])
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
        self._many(_ORDER, rows)
        self._many(_LINE, lines)

    def _waiting(self, ids: Sequence[tuple[str]]) -> dict[str, list[tuple[int, AmendmentEntry]]]:
        """Amendments that came before these orders, in the order in which they came."""
        select = f"SELECT id, {', '.join(AmendmentEntry._fields)} FROM amendments"
        found: dict[str, list[tuple[int, AmendmentEntry]]] = defaultdict(list)
        for row_id, *columns in sorted(self._chosen(select, "order_id", ids)):
            amendment = AmendmentEntry(*columns)
            found[amendment.order_id].append((row_id, amendment))
        return found

    def _applied(self, state: OrderState, row_id: int, amendment: AmendmentEntry) -> OrderState:
        restated = state.amended(amendment)
        contradicts = isinstance(restated, Refused)
        status = "contradicts" if contradicts else "applied"
        self._many("UPDATE amendments SET status = ? WHERE id = ?", [(status, row_id)])
        return state if isinstance(restated, Refused) else restated

    def _amendments(self, amendments: list[tuple[int, AmendmentEntry]]) -> None:
        if not amendments:
            return
        select = f"SELECT order_id, {', '.join(_STATE)} FROM orders"
        ids = [(amendment.order_id,) for _, amendment in amendments]
        states = {
            order_id: OrderState(*state)
            for order_id, *state in self._chosen(select, "order_id", ids)
        }
        rows, touched = [], set()
        for index, amendment in amendments:
            state = states.get(amendment.order_id)
            restated = None if state is None else state.amended(amendment)
            match restated:
                case None:
                    rows.append((*amendment, "waiting"))
                case Refused():
                    self._refused[index] = restated
                case OrderState():
                    states[amendment.order_id] = restated
                    touched.add(amendment.order_id)
                    rows.append((*amendment, "applied"))
        self._many(_AMENDMENT, rows)
        self._many(_RESTATE, [(*_restated(states[order]), order) for order in sorted(touched)])

    def _rate(self, currency: str, time_us: int) -> int | None:
        if currency == self._currency:
            return MICROS
        row = self._connection.exec_driver_sql(_RATE, (currency, time_us)).first()
        return None if row is None else int(row[0])

    def _no_rate(self, currency: str, kind: str) -> Refused:
        return Refused(
            Refusal.CURRENCY,
            f"is {currency}, the shop's currency is {self._currency}, and there is no "
            f"exchange rate for {currency} at or before the time of the {kind}; send one first",
            f"{kind}.currency_code",
        )

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Rows that the statement touched; `Any`: what a driver takes."""
        if not rows:
            return 0
        return self._connection.exec_driver_sql(statement, list(rows)).rowcount

    def _chosen(self, select: str, key: str, keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Rows whose key is among the first columns of `keys`."""
        found: list[Any] = []
        for start in range(0, len(keys), _CHUNK):
            chunk = tuple({each[0] for each in keys[start : start + _CHUNK]})
            statement = f"{select} WHERE {key} IN ({', '.join('?' * len(chunk))})"
            found += map(tuple, self._connection.exec_driver_sql(statement, chunk))
        return found


def _restated(state: OrderState) -> tuple[Any, ...]:
    return tuple(getattr(state, name) for name in _RESTATED)


def _sent_again(order: OrderEntry, digest: bytes) -> Outcome:
    if digest == order.digest:
        return "duplicate"
    return Refused(
        Refusal.CONFLICT,
        f"{order.order_id} was sent before with different contents; change an order with an "
        "amendment, and give another order another id",
        "order.order_id",
    )

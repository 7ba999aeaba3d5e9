"""Stores events in the ledger, each event once, a group of events per transaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    AttributeEntry,
    CostEntry,
    Event,
    EventOutcome,
    ExposureEntry,
    IdentityEntry,
    OrderEntry,
    RateEntry,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.order_standing import beyond_limit, exchanged
from fairlift_server.store import tables
from fairlift_server.store.locks import lock_rates
from fairlift_server.store.orders import OrderBook
from fairlift_server.store.rates import Rates
from fairlift_server.store.seen_events import mark_new, unmark
from fairlift_server.store.statements import insert_many, insertion
from fairlift_server.store.value_limits import ValueLimits

CONFLICT = RefusedEvent(
    RefusalReason.CONFLICT,
    "was sent before with different contents; give every event its own id",
    "event_id",
)

_INSERT_BY_TYPE = {
    ExposureEntry: insertion(tables.exposures, ExposureEntry._fields),
    ActionEntry: insertion(tables.actions, ActionEntry._fields),
    IdentityEntry: insertion(tables.identity_links, IdentityEntry._fields),
    RateEntry: insertion(tables.exchange_rates, RateEntry._fields),
    AttributeEntry: insertion(tables.customer_attributes, AttributeEntry._fields),
}
# What may have a limit.
_LIMITED = (ActionEntry, OrderEntry, AmendmentEntry)
# What is worth something in the shop's currency.
_EXCHANGED = (OrderEntry, AmendmentEntry, CostEntry)
_COST = insertion(tables.costs, (*CostEntry._fields, "shop_amount_micros"))


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


class _EventGroup:
    """Stores one group of events."""

    def __init__(self, connection: Connection, currency: str) -> None:
        self._connection = connection
        self._currency = currency
        self._rates = Rates(connection, currency)
        # Those that are not "accepted", by position.
        self._outcomes: dict[int, EventOutcome] = {}

    def outcomes(self, events: Sequence[Event]) -> list[EventOutcome]:
        self._wait_for_rates(events)
        new = self._mark_new(events)
        by_kind: dict[type, list[tuple[int, Any]]] = defaultdict(list)
        for index in new:
            entry = events[index].entry
            by_kind[type(entry)].append((index, entry))
        self._hold_above_limits(by_kind)
        for kind, inserted in _INSERT_BY_TYPE.items():
            insert_many(self._connection, inserted, [entry for _, entry in by_kind[kind]])
        # After the exchange rates: orders and costs of the same group use them.
        self._costs(by_kind[CostEntry])
        restated = self._rates.restate(rate for _, rate in by_kind[RateEntry])
        book = OrderBook(self._connection, self._rates, self._currency)
        self._outcomes |= book.store(by_kind[OrderEntry], by_kind[AmendmentEntry], restated)
        outcomes: list[EventOutcome] = ["duplicate"] * len(events)
        for index in new:
            outcomes[index] = "accepted"
        for index, outcome in self._outcomes.items():
            outcomes[index] = outcome
        self._unmark_refused(events, new, outcomes)
        return outcomes

    def _hold_above_limits(self, by_kind: dict[type, list[tuple[int, Any]]]) -> None:
        """Takes out what is above a limit."""
        if by_kind.keys().isdisjoint(_LIMITED):
            return
        limits = ValueLimits(self._connection, self._rates, self._currency)
        for kind in by_kind.keys() & set(_LIMITED):
            below = []
            for index, entry in by_kind[kind]:
                if problem := limits.problem(entry):
                    self._outcomes[index] = problem
                else:
                    below.append((index, entry))
            by_kind[kind] = below

    def _wait_for_rates(self, events: Sequence[Event]) -> None:
        """Lets rates, and what is exchanged by them, come one after the other.

        An order in the shop's own currency, too: a correction that waits for it may name another.
        """
        kinds = {type(event.entry) for event in events}
        if RateEntry in kinds:
            lock_rates(self._connection, to_write=True)
        elif not kinds.isdisjoint(_EXCHANGED):
            lock_rates(self._connection, to_write=False)

    def _mark_new(self, events: Sequence[Event]) -> Sequence[int]:
        """Positions of the events with new ids; stores these ids as seen."""
        marks = [(event.event_id, event.digest) for event in events]
        new, others = mark_new(self._connection, marks)
        self._outcomes |= dict.fromkeys(others, CONFLICT)
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
        unmark(self._connection, refused)
        for index, event in enumerate(events):
            if outcomes[index] == "duplicate":  # of an event in this group that was refused
                outcomes[index] = refused.get(event.event_id, "duplicate")

    def _costs(self, costs: list[tuple[int, CostEntry]]) -> None:
        rows = []
        for index, cost in costs:
            rate = self._rates.at(cost.currency_code, cost.time_us)
            if rate is None:
                self._outcomes[index] = self._rates.missing(
                    cost.currency_code, "cost", cost.time_us
                )
            elif beyond := beyond_limit({"cost.amount_micros": cost.amount_micros}, rate):
                self._outcomes[index] = beyond
            else:
                rows.append((*cost, exchanged(cost.amount_micros, rate)))
        insert_many(self._connection, _COST, rows)

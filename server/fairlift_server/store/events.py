"""Stores events in the ledger, each event once, a group of events per transaction."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
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
    LedgerEntry,
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
_LIMITED = {ActionEntry, OrderEntry, AmendmentEntry}
# What may be refused, or change nothing, after its id was marked.
_WITH_OUTCOMES = {*_LIMITED, CostEntry}
# What is worth something in the shop's currency.
_EXCHANGED = (OrderEntry, AmendmentEntry, CostEntry)
# The id and the digest of an event.
_MARK = itemgetter(0, 1)
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


def _by_kind(entries: Sequence[LedgerEntry]) -> dict[type, list[Any]]:
    """Entries by their type, in order. `Any`: of that type."""
    by_kind: dict[type, list[Any]] = {}
    for kind, run in groupby(entries, type):  # most events of a call are of one kind
        by_kind.setdefault(kind, []).extend(run)
    return by_kind


class _EventGroup:
    """Stores one group of events."""

    def __init__(self, connection: Connection, currency: str) -> None:
        self._connection = connection
        self._currency = currency
        self._rates = Rates(connection, currency)
        # Those that are not "accepted", by position.
        self._outcomes: dict[int, EventOutcome] = {}

    def outcomes(self, events: Sequence[Event]) -> list[EventOutcome]:
        entries = [event.entry for event in events]
        self._wait_for_rates(set(map(type, entries)))
        new = self._mark_new(events)
        if len(new) < len(events):
            entries = [entries[index] for index in new]
        by_kind = _by_kind(entries)
        placed: dict[type, list[tuple[int, Any]]] = {
            kind: [
                (index, entry)
                for index, entry in zip(new, entries, strict=True)
                if type(entry) is kind
            ]
            for kind in by_kind.keys() & _WITH_OUTCOMES
        }
        self._hold_above_limits(placed)
        for kind, inserted in _INSERT_BY_TYPE.items():
            rows = [entry for _, entry in placed[kind]] if kind in placed else by_kind.get(kind, ())
            insert_many(self._connection, inserted, rows)
        # After the exchange rates: orders and costs of the same group use them.
        self._costs(placed.get(CostEntry, []))
        restated = self._rates.restate(by_kind.get(RateEntry, ()))
        book = OrderBook(self._connection, self._rates, self._currency)
        self._outcomes |= book.store(
            placed.get(OrderEntry, []), placed.get(AmendmentEntry, []), restated
        )
        if len(new) == len(events) and not self._outcomes:  # as nearly always
            return ["accepted"] * len(events)
        outcomes: list[EventOutcome] = ["duplicate"] * len(events)
        for index in new:
            outcomes[index] = "accepted"
        for index, outcome in self._outcomes.items():
            outcomes[index] = outcome
        self._unmark_refused(events, new, outcomes)
        return outcomes

    def _hold_above_limits(self, placed: dict[type, list[tuple[int, Any]]]) -> None:
        """Takes out what is above a limit."""
        if placed.keys().isdisjoint(_LIMITED):
            return
        limits = ValueLimits(self._connection, self._rates, self._currency)
        for kind in placed.keys() & _LIMITED:
            below = []
            for index, entry in placed[kind]:
                if problem := limits.problem(entry):
                    self._outcomes[index] = problem
                else:
                    below.append((index, entry))
            placed[kind] = below

    def _wait_for_rates(self, kinds: set[type]) -> None:
        """Lets rates, and what is exchanged by them, come one after the other.

        An order in the shop's own currency, too: a correction that waits for it may name another.
        """
        if RateEntry in kinds:
            lock_rates(self._connection, to_write=True)
        elif not kinds.isdisjoint(_EXCHANGED):
            lock_rates(self._connection, to_write=False)

    def _mark_new(self, events: Sequence[Event]) -> Sequence[int]:
        """Positions of the events with new ids; stores these ids as seen."""
        marks = list(map(_MARK, events))
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

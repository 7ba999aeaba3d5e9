"""Stores a group of events in one transaction: each is accepted, parked or refused by itself."""

import logging
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DatabaseError

from fairlift_server.events.ledger import (
    Event,
    EventOutcome,
    IdleOutcome,
    ParkedEvent,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import ParkingLimits, WaitingEvent
from fairlift_server.store import parked_events, tables
from fairlift_server.store.erased_units import ERASED, ErasedUnits
from fairlift_server.store.events import CONFLICT, store_events
from fairlift_server.store.seen_events import mark, seen_digests, unmark
from fairlift_server.store.write_failures import FAULTS_OF_A_JOB

log = logging.getLogger("fairlift.store")

# To where a group goes back whose events cannot be stored together.
_SAVE = "SAVEPOINT ready_events"
_GO_BACK, _RELEASE = "ROLLBACK TO SAVEPOINT ready_events", "RELEASE SAVEPOINT ready_events"

StoreReady = Callable[[Connection, Sequence[Event], str], list[EventOutcome]]


def store_group(
    connection: Connection,
    events: Sequence[Event | WaitingEvent],
    currency: str,
    limits: ParkingLimits,
    *,
    erased: ErasedUnits | None = None,
    store: StoreReady = store_events,
    is_last: bool = False,
) -> list[EventOutcome]:
    """One outcome per event, in order; all changes are part of the connection's transaction.

    Args:
        connection: in a transaction.
        events: as they were read; ids may repeat.
        currency: the shop's currency.
        limits: of what may be parked.
        erased: whose events are refused.
        store: how events that can be judged are stored.
        is_last: whether the transaction ends with this group, and its savepoint by itself.
    """
    if erased is None:
        connection.exec_driver_sql(_SAVE)
        allowed = events
    elif erased.read(connection, _SAVE):
        allowed = [event for event in events if not erased.covers(event)]
    else:
        allowed = events
    ready = [event for event in allowed if isinstance(event, Event)]
    stored = _stored_together(connection, ready, currency, store)
    if not is_last:
        connection.exec_driver_sql(_RELEASE)
    outcomes = _with_parked(connection, allowed, stored, limits)
    if erased is None or len(allowed) == len(events):
        return outcomes
    following = iter(outcomes)
    return [ERASED if erased.covers(event) else next(following) for event in events]


def _with_parked(
    connection: Connection,
    events: Sequence[Event | WaitingEvent],
    stored: list[EventOutcome],
    limits: ParkingLimits,
) -> list[EventOutcome]:
    """One outcome per event, from those of the ready ones; what waits is parked."""
    if stored.count("accepted") == len(events):  # as nearly always
        _note_corrections(connection, events, stored)
        return stored
    outcomes: list[EventOutcome] = ["duplicate"] * len(events)
    waiting: list[tuple[int, WaitingEvent]] = []
    following = iter(stored)
    for index, event in enumerate(events):
        if isinstance(event, WaitingEvent):
            waiting.append((index, event))
            continue
        outcome = next(following)
        if isinstance(outcome, RefusedEvent) and outcome.waits_for:
            waiting.append((index, WaitingEvent.of(event, outcome)))
        else:
            outcomes[index] = outcome
    _note_corrections(connection, events, outcomes)
    _park(connection, waiting, outcomes, limits)
    _answer_for_parked(connection, events, outcomes)
    return outcomes


def judge_again(
    connection: Connection,
    judged: Sequence[tuple[bytes, Event | RefusedEvent]],
    currency: str,
    erased: ErasedUnits | None = None,
) -> list[EventOutcome]:
    """One outcome per parked event; what is accepted is parked no longer, in the same transaction.

    Events that another server has judged meanwhile are left out.

    Args:
        connection: in a transaction; there is no other writer.
        judged: ids of parked events, each as it was read now.
        currency: the shop's currency.
        erased: whose events are not there any more, though they were when they were read.
    """
    still_parked = parked_events.locked(connection, [event_id for event_id, _ in judged])
    judged = [(event_id, event) for event_id, event in judged if event_id in still_parked]
    if erased is not None and erased.read(connection):
        judged = [
            (event_id, event)
            for event_id, event in judged
            if isinstance(event, RefusedEvent) or not erased.covers(event)
        ]
    ready = [event for _, event in judged if isinstance(event, Event)]
    unmark(connection, [event.event_id for event in ready])
    stored = stored_apart(connection, ready, currency, store_events)
    _note_corrections(connection, ready, stored)
    following = iter(stored)
    outcomes = [next(following) if isinstance(event, Event) else event for _, event in judged]
    refusals = [
        (event_id, outcome)
        for (event_id, _), outcome in zip(judged, outcomes, strict=True)
        if isinstance(outcome, RefusedEvent)
    ]
    parked_events.restate(connection, refusals)
    refused_ids = {event_id for event_id, _ in refusals}
    mark(connection, _marks(event for event in ready if event.event_id in refused_ids))
    parked_events.remove(
        connection, [event_id for event_id, _ in judged if event_id not in refused_ids]
    )
    return [
        ParkedEvent(outcome) if isinstance(outcome, RefusedEvent) and outcome.waits_for else outcome
        for outcome in outcomes
    ]


def stored_apart(
    connection: Connection, events: Sequence[Event], currency: str, store: StoreReady
) -> list[EventOutcome]:
    """The outcomes of `store`; an event that makes it fail is refused, and the others are stored.

    After a failure the two halves are stored apart, and so on: one such event among a thousand
    costs twenty more attempts.
    """
    connection.exec_driver_sql(_SAVE)
    outcomes = _stored_together(connection, events, currency, store)
    connection.exec_driver_sql(_RELEASE)
    return outcomes


def _stored_together(
    connection: Connection, events: Sequence[Event], currency: str, store: StoreReady
) -> list[EventOutcome]:
    """As `stored_apart`, where the savepoint was just made; it is not released."""
    if not events:
        return []
    try:
        return store(connection, events, currency)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, DatabaseError) and not isinstance(error, FAULTS_OF_A_JOB):
            raise
        connection.exec_driver_sql(_GO_BACK)
        if len(events) == 1:
            return [_failed(events[0], error)]
        half = len(events) // 2
        first = stored_apart(connection, events[:half], currency, store)
        return first + stored_apart(connection, events[half:], currency, store)


def _failed(event: Event, error: Exception) -> RefusedEvent:
    name = event.event_id.hex()
    log.error(
        "an event cannot be stored because of an error in the server",
        extra={"fields": {"event_id": name, "kind": type(event.entry).__name__}},
        exc_info=error,
    )
    text = (
        f"the server failed to store this event ({type(error).__name__}) and logged the cause "
        "under the event's id; keep the event, and report the error"
    )
    return RefusedEvent(RefusalReason.INVALID, text, is_retryable=True)


def _park(
    connection: Connection,
    waiting: Sequence[tuple[int, WaitingEvent]],
    outcomes: list[EventOutcome],
    limits: ParkingLimits,
) -> None:
    """Parks each new id once, and marks it as seen; the same event again is answered alike."""
    if not waiting:
        return
    digests = seen_digests(connection, [event.event_id for _, event in waiting])
    new: dict[bytes, WaitingEvent] = {}
    same = []
    for index, event in waiting:
        seen_digest = digests.get(event.event_id)
        if seen_digest is None:
            digests[event.event_id] = event.digest
            new[event.event_id] = event
        if seen_digest in (None, event.digest):
            same.append((index, event.event_id))
        else:
            outcomes[index] = CONFLICT
    parked = dict(zip(new, parked_events.park(connection, list(new.values()), limits), strict=True))
    for index, event_id in same:
        outcomes[index] = parked.get(event_id, "duplicate")
    kinds = parked.items()
    mark(connection, _marks(new[each] for each, kind in kinds if isinstance(kind, ParkedEvent)))


def _marks(events: Iterable[Event | WaitingEvent]) -> list[tuple[bytes, bytes]]:
    return [(event.event_id, event.digest) for event in events]


def _answer_for_parked(
    connection: Connection,
    events: Sequence[Event | WaitingEvent],
    outcomes: list[EventOutcome],
) -> None:
    """Says of ids that were seen before whether they are parked, or what became of them."""
    repeated = {
        event.event_id
        for event, outcome in zip(events, outcomes, strict=True)
        if outcome == "duplicate"
    }
    if not repeated:
        return
    known = parked_events.outcomes_of(connection, repeated)
    for index, event in enumerate(events):
        if outcomes[index] == "duplicate":
            outcomes[index] = known.get(event.event_id, "duplicate")


def _note_corrections(
    connection: Connection,
    events: Sequence[Event | WaitingEvent],
    outcomes: Sequence[EventOutcome],
) -> None:
    if not any(event.shift_us for event in events):
        return
    rows = [
        {"event_id": event.event_id, "shift_us": event.shift_us}
        for event, outcome in zip(events, outcomes, strict=True)
        if event.shift_us and (outcome == "accepted" or isinstance(outcome, IdleOutcome))
    ]
    if rows:
        connection.execute(insert(tables.clock_corrections), rows)

"""EventService: stores events and acknowledges them once they are durable."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never

import grpc
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceServicer

from fairlift_server.api.event_entries import EventReader
from fairlift_server.api.event_fields import EventRefusal, contents_of, microseconds_of
from fairlift_server.api.sender_checks import SenderChecks
from fairlift_server.api.unit_fields import Stored, hide_ids
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.ledger import (
    Event,
    EventOutcome,
    IdleOutcome,
    ParkedEvent,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import WaitingEvent
from fairlift_server.store.campaigns import microseconds

MAX_EVENTS = 1_000
_REASONS = {
    refusal: pb.RefusalReason.Value(f"REFUSAL_REASON_{refusal.name}") for refusal in RefusalReason
}

_ABOUT_CAMPAIGNS = frozenset(
    {
        RefusalReason.UNKNOWN_CAMPAIGN,
        RefusalReason.UNKNOWN_EPOCH,
        RefusalReason.UNKNOWN_VARIANT,
        RefusalReason.NOT_RUNNING,
    }
)

RecordContext = grpc.aio.ServicerContext[pb.RecordEventsRequest, pb.RecordEventsResponse]
StreamContext = grpc.aio.ServicerContext[pb.StreamEventsRequest, pb.StreamEventsResponse]

# Brings the campaigns in memory up to those that other servers have stored.
CatchUp: TypeAlias = Callable[[], Awaitable[None]]
# Is told of every event its kind and what became of it.
CountEvents: TypeAlias = Callable[[Iterable[tuple[str, str]]], None]


@dataclass(frozen=True, slots=True)
class EventRules:
    """What the events of a server are read by.

    Attributes:
        currency: the shop's.
        history_days: how far back events are taken.
        parked_days: how long events wait.
    """

    currency: str
    history_days: int
    parked_days: int


class EventApi(EventServiceServicer):
    """Reads events, stores them, and reports the outcome of each."""

    def __init__(
        self,
        ingest: Ingest,
        live: LiveCampaigns,
        clocks: CallerClocks,
        senders: SenderChecks,
        *,
        rules: EventRules,
        stored: Stored,
        now: Callable[[], datetime],
        catch_up: CatchUp,
        count: CountEvents | None = None,
    ) -> None:
        self._ingest = ingest
        self._count = count
        self._catch_up = catch_up
        self._live = live
        self._clocks = clocks
        self._senders = senders
        self._rules = rules
        self._stored = stored
        self._now = now

    def has_room(self) -> bool:
        """Whether one more batch may wait for the disk."""
        return self._ingest.has_room

    def expected_wait_s(self) -> float:
        """How long a batch that comes now will wait until it is durable."""
        return self._ingest.expected_wait_s

    def RecordEvents(  # type: ignore[override]  # the guard sends bytes as they are
        self,
        request: pb.RecordEventsRequest,
        context: RecordContext,
    ) -> Awaitable[bytes]:
        """One outcome per event, in order, once all accepted and parked events are durable.

        An encoded RecordEventsResponse.
        """
        # Without a frame of its own, which would keep the request.
        return self._record(request, context)

    async def StreamEvents(
        self,
        requests: AsyncIterator[pb.StreamEventsRequest],
        context: StreamContext,
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        """One acknowledgement per batch, in order; the next batch is read when one is durable."""
        expected = 1
        async for request in requests:
            if request.sequence != expected:
                text = f"is {request.sequence}, must be {expected}: batches are numbered 1, 2, 3, …"
                raise InvalidRequest([Violation("sequence", text)])
            outcomes = await self._record(request, context)
            response = pb.StreamEventsResponse(sequence=expected)
            response.outcomes.extend(pb.RecordEventsResponse.FromString(outcomes).outcomes)
            yield response
            expected += 1

    async def _record(
        self,
        request: pb.RecordEventsRequest | pb.StreamEventsRequest,
        context: RecordContext | StreamContext,
    ) -> bytes:
        """The outcomes, encoded as a RecordEventsResponse has them."""
        events = list(request.events)  # each is made once so, and not whenever it is read
        if len(events) > MAX_EVENTS:
            text = (
                f"contains {len(events)}, must contain at most {MAX_EVENTS}; send several batches"
            )
            raise InvalidRequest([Violation("events", text)])
        metadata = context.invocation_metadata() or ()
        reader = self._reader(request, context.peer(), self._senders.is_relay(metadata))
        refused = self._senders.refused(request, metadata)
        ids = [event.event_id for event in events]
        kinds = [] if self._count is None else [e.WhichOneof("kind") or "none" for e in events]
        if not refused:
            storing = self._outcomes(events, reader, request)
            # While events wait for the disk, their messages are not kept: the memory serves others.
            del events, request
            return self._answer(ids, kinds, await storing)
        allowed = [event for index, event in enumerate(events) if index not in refused]
        allowed_outcomes = iter(await self._outcomes(allowed, reader))
        outcomes = [
            refused[index] if index in refused else next(allowed_outcomes)
            for index in range(len(events))
        ]
        return self._answer(ids, kinds, outcomes)

    async def _outcomes(
        self,
        events: Sequence[pb.Event],
        reader: EventReader,
        request: pb.RecordEventsRequest | pb.StreamEventsRequest | None = None,
    ) -> Sequence[EventOutcome]:
        """The outcomes of events, which may be all events of a request."""
        raw_units = hide_ids(events, self._stored)
        contents = [b""] * len(events) if request is None else contents_of(request)
        known = self._live.published
        # Not by `map`: between two events the thread that writes may have the interpreter.
        read = [
            reader.read(event, raw_unit, content)
            for event, raw_unit, content in zip(events, raw_units, contents, strict=True)
        ]
        ready = [event for event in read if isinstance(event, Event)]
        if len(ready) == len(read):  # as nearly always
            del events, request
            return await self._ingest.record(ready)
        if any(map(_is_about_campaigns, read)):
            await self._catch_up()
            if self._live.published is not known:
                # By what another server made of the campaigns since.
                read = [
                    event if isinstance(event, Event) else reader.read(message, raw_unit)
                    for event, message, raw_unit in zip(read, events, raw_units, strict=True)
                ]
        to_store = [event for event in read if not isinstance(event, RefusedEvent)]
        stored = iter(await self._ingest.record(to_store))
        return [event if isinstance(event, RefusedEvent) else next(stored) for event in read]

    def _answer(
        self, ids: Sequence[str], kinds: Sequence[str], outcomes: Sequence[EventOutcome]
    ) -> bytes:
        if self._count is not None:
            self._count(zip(kinds, map(_outcome_name, outcomes), strict=True))
        return _encoded_all(ids, outcomes)

    def _reader(
        self,
        request: pb.RecordEventsRequest | pb.StreamEventsRequest,
        caller: str,
        is_relayed: bool,
    ) -> EventReader:
        sent_us, shift_us = None, 0
        if request.HasField("sent_time"):
            try:
                sent_us = microseconds_of("sent_time", request.sent_time)
            except EventRefusal as refusal:
                raise InvalidRequest(
                    [Violation(refusal.event.field, refusal.event.message)]
                ) from None
            shift_us = self._clocks.shift_us(caller, sent_us)
            sent_us += shift_us
        return event_reader(
            self._live,
            self._now(),
            self._rules,
            shift_us=shift_us,
            sent_us=sent_us,
            is_relayed=is_relayed,
        )


def event_reader(
    live: LiveCampaigns,
    now: datetime,
    rules: EventRules,
    *,
    shift_us: int = 0,
    sent_us: int | None = None,
    is_relayed: bool = False,
) -> EventReader:
    """A reader of events as of now; they hold their ids as they are stored."""
    return EventReader(
        live,
        now_us=microseconds(now),
        history_days=rules.history_days,
        parked_days=rules.parked_days,
        currency=rules.currency,
        shift_us=shift_us,
        sent_us=sent_us,
        is_relayed=is_relayed,
    )


def _outcome_name(outcome: EventOutcome) -> str:
    """What became of an event, in a word; why, where it was refused."""
    match outcome:
        case ParkedEvent():
            return "waiting"
        case RefusedEvent():
            return f"refused_{outcome.reason.value}"
        case IdleOutcome():
            return "changes_nothing"
        case _:
            return outcome


def _is_about_campaigns(read: Event | WaitingEvent | RefusedEvent) -> bool:
    """Whether an event waits, or is refused, because of what this server knows of campaigns."""
    if isinstance(read, Event):
        return False
    refusal = read.refusal if isinstance(read, WaitingEvent) else read
    return refusal.reason in _ABOUT_CAMPAIGNS


# A RecordEventsResponse with one accepted event of an id of 36 characters is encoded as these two,
# with the id between them: a tenth of the time of making the message.
_PLACEHOLDER = "-" * 36
_ACCEPTED_START, _ACCEPTED_END = (
    pb.RecordEventsResponse(
        outcomes=[pb.EventOutcome(event_id=_PLACEHOLDER, status=pb.EVENT_STATUS_ACCEPTED)]
    )
    .SerializeToString()
    .split(_PLACEHOLDER.encode())
)
# Of ASCII alone, as ids are.
_BETWEEN_ACCEPTED = (_ACCEPTED_END + _ACCEPTED_START).decode()


def _encoded_all(ids: Sequence[str], outcomes: Sequence[EventOutcome]) -> bytes:
    """The outcomes of events with these ids, encoded as a RecordEventsResponse."""
    if ids and outcomes.count("accepted") == len(ids):
        return _ACCEPTED_START + _BETWEEN_ACCEPTED.join(ids).encode() + _ACCEPTED_END
    return b"".join(map(_encoded, ids, outcomes))


def _encoded(event_id: str, outcome: EventOutcome) -> bytes:
    """The outcome, encoded as a RecordEventsResponse has it."""
    if outcome == "accepted":  # an accepted event has an id of 36 characters
        return _ACCEPTED_START + event_id.encode() + _ACCEPTED_END
    return pb.RecordEventsResponse(outcomes=[_outcome(event_id, outcome)]).SerializeToString()


def _outcome(event_id: str, outcome: EventOutcome) -> pb.EventOutcome:
    match outcome:
        case "accepted":
            return pb.EventOutcome(event_id=event_id, status=pb.EVENT_STATUS_ACCEPTED)
        case "duplicate":
            return pb.EventOutcome(event_id=event_id, status=pb.EVENT_STATUS_DUPLICATE)
        case IdleOutcome():
            return pb.EventOutcome(
                event_id=event_id,
                status=pb.EVENT_STATUS_ACCEPTED,
                message=str(outcome),
                field=outcome.field,
            )
        case ParkedEvent(refusal):
            return _not_taken(event_id, pb.EVENT_STATUS_PARKED, refusal)
        case RefusedEvent():
            return _not_taken(event_id, pb.EVENT_STATUS_REFUSED, outcome)
        case _:
            assert_never(outcome)


def _not_taken(
    event_id: str, status: "pb.EventStatus.ValueType", refusal: RefusedEvent
) -> pb.EventOutcome:
    field, message = refusal.field, refusal.message
    return pb.EventOutcome(
        event_id=event_id[:64],  # the id itself may be why the event is refused
        status=status,
        reason=_REASONS[refusal.reason],
        message=f"{field}: {message}" if field else message,
        field=field,
        retryable=refusal.is_retryable,
    )

"""EventService: stores events and acknowledges them once they are durable."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never

import grpc
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceServicer

from fairlift_server.api.event_entries import EventReader
from fairlift_server.api.event_fields import EventRefusal, microseconds_of
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
RECORD_EVENTS = "/fairlift.v1.EventService/RecordEvents"
STREAM_EVENTS = "/fairlift.v1.EventService/StreamEvents"
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
        *,
        rules: EventRules,
        stored: Stored,
        now: Callable[[], datetime],
        catch_up: CatchUp,
    ) -> None:
        self._ingest = ingest
        self._catch_up = catch_up
        self._live = live
        self._clocks = clocks
        self._rules = rules
        self._stored = stored
        self._now = now

    def has_room(self) -> bool:
        """Whether one more batch may wait for the disk."""
        return self._ingest.has_room

    async def RecordEvents(
        self,
        request: pb.RecordEventsRequest,
        context: RecordContext,
    ) -> pb.RecordEventsResponse:
        """One outcome per event, in order, once all accepted and parked events are durable."""
        outcomes = await self._record(request, context.peer())
        return pb.RecordEventsResponse.FromString(outcomes)

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
            outcomes = await self._record(request, context.peer())
            response = pb.StreamEventsResponse(sequence=expected)
            response.outcomes.extend(pb.RecordEventsResponse.FromString(outcomes).outcomes)
            yield response
            expected += 1

    async def _record(
        self, request: pb.RecordEventsRequest | pb.StreamEventsRequest, caller: str
    ) -> bytes:
        """The outcomes, encoded as a RecordEventsResponse has them."""
        events = request.events
        if len(events) > MAX_EVENTS:
            text = (
                f"contains {len(events)}, must contain at most {MAX_EVENTS}; send several batches"
            )
            raise InvalidRequest([Violation("events", text)])
        reader = self._reader(request, caller)
        raw_units = hide_ids(events, self._stored)
        known = self._live.published
        read = [reader.read(*each) for each in zip(events, raw_units, strict=True)]
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
        outcomes = (event if isinstance(event, RefusedEvent) else next(stored) for event in read)
        return b"".join(
            _encoded(event.event_id, outcome)
            for event, outcome in zip(events, outcomes, strict=True)
        )

    def _reader(
        self, request: pb.RecordEventsRequest | pb.StreamEventsRequest, caller: str
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
        )


def event_reader(
    live: LiveCampaigns,
    now: datetime,
    rules: EventRules,
    *,
    shift_us: int = 0,
    sent_us: int | None = None,
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
    )


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

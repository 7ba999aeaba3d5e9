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
from fairlift_server.api.unit_fields import Stored
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
from fairlift_server.store.campaigns import microseconds

MAX_EVENTS = 1_000
RECORD_EVENTS = "/fairlift.v1.EventService/RecordEvents"
STREAM_EVENTS = "/fairlift.v1.EventService/StreamEvents"
_REASONS = {
    refusal: pb.RefusalReason.Value(f"REFUSAL_REASON_{refusal.name}") for refusal in RefusalReason
}

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
        return pb.RecordEventsResponse(outcomes=await self._record(request, context.peer()))

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
            yield pb.StreamEventsResponse(sequence=expected, outcomes=outcomes)
            expected += 1

    async def _record(
        self, request: pb.RecordEventsRequest | pb.StreamEventsRequest, caller: str
    ) -> list[pb.EventOutcome]:
        events = request.events
        if len(events) > MAX_EVENTS:
            text = (
                f"contains {len(events)}, must contain at most {MAX_EVENTS}; send several batches"
            )
            raise InvalidRequest([Violation("events", text)])
        reader = self._reader(request, caller)
        known = self._live.published
        read = [reader.read(event) for event in events]
        if any(not isinstance(event, Event) for event in read):
            await self._catch_up()
            if self._live.published is not known:
                # By what another server made of the campaigns since.
                read = [
                    event if isinstance(event, Event) else reader.read(message)
                    for event, message in zip(read, events, strict=True)
                ]
        to_store = [event for event in read if not isinstance(event, RefusedEvent)]
        stored = iter(await self._ingest.record(to_store))
        outcomes = (event if isinstance(event, RefusedEvent) else next(stored) for event in read)
        return [
            _outcome(event.event_id, outcome)
            for event, outcome in zip(events, outcomes, strict=True)
        ]

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
            stored=self._stored,
        )


def event_reader(
    live: LiveCampaigns,
    now: datetime,
    rules: EventRules,
    *,
    shift_us: int = 0,
    sent_us: int | None = None,
    stored: Stored = str,
) -> EventReader:
    """A reader of events as of now; by default of events whose ids are stored ones already."""
    return EventReader(
        live,
        now_us=microseconds(now),
        history_days=rules.history_days,
        parked_days=rules.parked_days,
        currency=rules.currency,
        shift_us=shift_us,
        sent_us=sent_us,
        stored=stored,
    )


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

"""EventService: stores events and acknowledges them once they are durable."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import grpc
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceServicer

from fairlift_server.api.event_entries import EventReader
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.ledger import EventOutcome, RefusalReason, RefusedEvent

MAX_EVENTS = 1_000
RECORD_EVENTS = "/fairlift.v1.EventService/RecordEvents"
_REASONS = {
    refusal: pb.RefusalReason.Value(f"REFUSAL_REASON_{refusal.name}") for refusal in RefusalReason
}

RecordContext = grpc.aio.ServicerContext[pb.RecordEventsRequest, pb.RecordEventsResponse]
StreamContext = grpc.aio.ServicerContext[pb.StreamEventsRequest, pb.StreamEventsResponse]


class EventApi(EventServiceServicer):
    """Reads events, stores them, and reports the outcome of each."""

    def __init__(
        self,
        ingest: Ingest,
        live: LiveCampaigns,
        *,
        currency: str,
        history_days: int,
        now: Callable[[], datetime],
    ) -> None:
        self._ingest = ingest
        self._live = live
        self._currency = currency
        self._history_days = history_days
        self._now = now

    def has_room(self) -> bool:
        """Whether one more batch may wait for the disk."""
        return self._ingest.has_room

    async def RecordEvents(
        self,
        request: pb.RecordEventsRequest,
        context: RecordContext,
    ) -> pb.RecordEventsResponse:
        """One outcome per event, in order, once all accepted events are durable."""
        return pb.RecordEventsResponse(outcomes=await self._record(request))

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
            outcomes = await self._record(request)
            yield pb.StreamEventsResponse(sequence=expected, outcomes=outcomes)
            expected += 1

    async def _record(
        self, request: pb.RecordEventsRequest | pb.StreamEventsRequest
    ) -> list[pb.EventOutcome]:
        events = request.events
        if request.HasField("sent_time"):
            text = "is not supported by this server version; leave it out"
            raise InvalidRequest([Violation("sent_time", text)])
        if len(events) > MAX_EVENTS:
            text = (
                f"contains {len(events)}, must contain at most {MAX_EVENTS}; send several batches"
            )
            raise InvalidRequest([Violation("events", text)])
        reader = EventReader(
            self._live,
            now_us=int(self._now().timestamp() * 1_000_000),
            history_days=self._history_days,
            currency=self._currency,
        )
        checked = [reader.read(event) for event in events]
        valid = [event for event in checked if not isinstance(event, RefusedEvent)]
        stored = iter(await self._ingest.record(valid))
        outcomes = (event if isinstance(event, RefusedEvent) else next(stored) for event in checked)
        return [
            _outcome(event.event_id, outcome)
            for event, outcome in zip(events, outcomes, strict=True)
        ]


def _outcome(event_id: str, outcome: EventOutcome) -> pb.EventOutcome:
    if isinstance(outcome, RefusedEvent):
        return pb.EventOutcome(
            event_id=event_id[:64],  # the id itself may be why the event is refused
            status=pb.EVENT_STATUS_REFUSED,
            reason=_REASONS[outcome.reason],
            message=f"{outcome.field}: {outcome.message}" if outcome.field else outcome.message,
            field=outcome.field,
        )
    accepted = outcome == "accepted"
    return pb.EventOutcome(
        event_id=event_id,
        status=pb.EVENT_STATUS_ACCEPTED if accepted else pb.EVENT_STATUS_DUPLICATE,
    )

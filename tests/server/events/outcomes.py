"""Outcomes of single events that are not accepted."""

from fairlift.v1.event_service_pb2 import (
    EVENT_STATUS_PARKED,
    EVENT_STATUS_REFUSED,
    Event,
    EventOutcome,
)

from tests.server.client import Caller


async def waits(caller: Caller, event: Event) -> EventOutcome:
    """The outcome of an event that is parked; its message begins with its field."""
    (outcome,) = await caller.record(event)
    assert outcome.status == EVENT_STATUS_PARKED
    assert outcome.message.startswith(outcome.field)
    return outcome


async def refusal(caller: Caller, event: Event) -> EventOutcome:
    """The outcome of an event that is refused; its message begins with its field."""
    (outcome,) = await caller.record(event)
    assert outcome.status == EVENT_STATUS_REFUSED
    assert outcome.message.startswith(outcome.field)
    return outcome

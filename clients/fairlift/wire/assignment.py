"""Assignments, for callers who ask the server."""

from fairlift.engine.assignment import Assignment, Outcome, Reason, assignment
from fairlift.engine.matching import Attributes
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.campaign import COLLECTION, campaign_id
from fairlift.wire.enums import EnumTable
from fairlift.wire.values import struct_from, struct_to

_REASONS = EnumTable(Reason, pb.Reason, "REASON")


def outcome_to(outcome: Outcome) -> pb.Assignment:
    """All of an assignment but its unit, which is what units of one outcome share."""
    return pb.Assignment(
        campaign=f"{COLLECTION}{outcome.campaign}",
        variant=outcome.variant,
        reason=_REASONS.to(outcome.reason),
        payload=struct_to(outcome.payload) if outcome.payload else None,
        control=outcome.is_control,
        epoch=outcome.epoch,
    )


def assignment_from(
    message: pb.Assignment, attributes: Attributes, *, time: float, snapshot_time: float
) -> Assignment:
    """The assignment that a server gave for these attributes; times in epoch seconds."""
    outcome = Outcome(
        campaign=campaign_id(message.campaign),
        variant=message.variant,
        payload=struct_from(message.payload),
        reason=_REASONS.get(message.reason, Reason.ERROR),
        is_control=message.control,
        epoch=message.epoch,
        snapshot_time=snapshot_time,
    )
    return assignment(outcome, message.unit_id, attributes, time)

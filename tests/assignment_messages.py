"""Assignments and attributes as messages, in the direction that the product does not need."""

from collections.abc import Mapping

from fairlift.engine.assignment import Assignment
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1.value_pb2 import Value
from fairlift.wire.assignment import outcome_to
from fairlift.wire.values import Attribute, value_from


def assignment_to(decided: Assignment) -> pb.Assignment:
    """The assignment as a message."""
    message = outcome_to(decided.outcome)
    message.unit_id = decided.unit
    return message


def attributes_from(messages: Mapping[str, Value]) -> dict[str, Attribute | None]:
    """What a visitor is known by."""
    return {name: value_from(message) for name, message in messages.items()}

"""The ids of visitors and customers in event messages, from as they came to as they are stored."""

from collections.abc import Callable
from typing import TypeAlias

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import checked_text

# From an id as it came to the id as it is stored.
Stored: TypeAlias = Callable[[str], str]


def stored_unit(field: str, message: pb.Exposure | pb.Action | pb.Order, stored: Stored) -> str:
    """The message's id as it is stored; the message holds it from now on in place of the raw one.

    So whatever is kept of the message, such as its digest or the event that waits, shows no id.
    """
    raw = checked_text(field, message.unit_id)
    unit = stored(raw)
    if unit is not raw:
        message.unit_id = unit
    return unit


def hide_in_attributes(message: pb.Exposure, stored: Stored) -> None:
    """Replaces attributes that repeat the unit's id, which the message holds as it is stored."""
    unit = message.unit_id
    for value in message.attributes.values():
        text = value.string_value
        if text and text != unit and stored(text) == unit:
            value.string_value = unit


def units_in(message: pb.Event) -> tuple[str, ...]:
    """The ids in a message."""
    match message.WhichOneof("kind"):
        case "exposure":
            return (message.exposure.unit_id,)
        case "action":
            return (message.action.unit_id,)
        case "order":
            return (message.order.unit_id,)
        case "identity":
            return (message.identity.visitor_id, message.identity.customer_id)
        case "amendment" if message.amendment.HasField("correction"):
            return (message.amendment.correction.unit_id,)
        case _:
            return ()


def order_in(message: pb.Event) -> str:
    """The id of the order that a message is about; empty for all others."""
    match message.WhichOneof("kind"):
        case "order":
            return message.order.order_id
        case "amendment":
            return message.amendment.order_id
        case _:
            return ""

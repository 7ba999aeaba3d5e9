"""The ids of visitors and customers in event messages, from as they came to as they are stored."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.event_fields import is_text

# From an id as it came to the id as it is stored.
Stored: TypeAlias = Callable[[str], str]


def hide_ids(events: Iterable[pb.Event], stored: Stored) -> list[str]:
    """Replaces the ids in events, before anything is made of them, by the ids as they are stored.

    So nothing that is kept of an event shows an id: its entry, its digest, the event that waits.
    All events of a call in one go: one by one, each would cost twice as much. What cannot be an id
    stays; the event is refused for it. Tokens of exposures go as well.

    Returns:
        For each event the raw id of its exposure, which attributes may repeat; else empty.
    """
    return [_hidden(event, stored) for event in events]


def _hidden(event: pb.Event, stored: Stored) -> str:
    kind = event.WhichOneof("kind")
    if kind == "exposure":
        exposure = event.exposure
        if exposure.exposure_token:
            exposure.exposure_token = ""  # it was checked when it came, and says nothing later
        return _hide_unit(exposure, stored)
    if kind == "action":
        _hide_unit(event.action, stored)
    elif kind == "order":
        _hide_unit(event.order, stored)
    elif kind == "amendment" and event.amendment.HasField("correction"):
        _hide_unit(event.amendment.correction, stored)
    elif kind == "identity":
        link = event.identity
        if is_text(link.visitor_id):
            link.visitor_id = stored(link.visitor_id)
        if is_text(link.customer_id):
            link.customer_id = stored(link.customer_id)
    return ""


def _hide_unit(message: pb.Exposure | pb.Action | pb.Order, stored: Stored) -> str:
    """The raw id, if the message held one and it is stored in another form."""
    raw = message.unit_id
    if not is_text(raw):
        return ""
    unit = stored(raw)
    if unit == raw:
        return ""
    message.unit_id = unit
    return raw


def hide_in_attributes(message: pb.Exposure, raw: str) -> None:
    """Replaces attributes that repeat the unit's raw id."""
    for value in message.attributes.values():
        if value.string_value == raw:
            value.string_value = message.unit_id


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

"""Attributes, payloads and times."""

from collections.abc import Iterable, Mapping, MutableMapping
from datetime import UTC, datetime

from google.protobuf.struct_pb2 import ListValue, Struct
from google.protobuf.struct_pb2 import Value as StructValue
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift.engine.attribute_values import AttributeValue, attribute_value
from fairlift.engine.audience import Scalar
from fairlift.engine.campaign import JSON
from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.engine.matching import Attributes
from fairlift.v1.value_pb2 import Value

Attribute = Scalar | tuple[str, ...]


def value_from(message: Value) -> Attribute | None:
    """What the value holds, or None when it holds nothing; whole numbers become int."""
    match message.WhichOneof("kind"):
        case "string_value":
            return message.string_value
        case "number_value":
            return _number(message.number_value)
        case "bool_value":
            return message.bool_value
        case "time_value":
            return time_from(message.time_value)
        case "list_value":
            return tuple(message.list_value.values)
        case _:
            return None


def value_to(value: Attribute | Iterable[str]) -> Value:
    """The value as a message.

    Raises:
        TypeError: it means nothing (see `attribute_value`).
    """
    known = attribute_value(value)
    if known is None:
        raise TypeError(f"an attribute cannot be {value!r}; give a text, number, bool or time")
    message = Value()
    _put(message, known)
    return message


def put_attributes(into: MutableMapping[str, Value], attributes: Attributes) -> None:
    """Puts them into a message's map, but for those that mean nothing.

    There are some for every visitor, and this costs a third of making values and copying them in.
    """
    for name, value in attributes.items():
        known = attribute_value(value)
        if known is not None:
            try:
                message = into[name]
            except (TypeError, ValueError):  # the name is no text, or has no UTF-8 form
                continue
            _put(message, known)


def _put(message: Value, value: AttributeValue) -> None:
    match value:
        case str():
            message.string_value = value
        case bool():
            message.bool_value = value
        case float():
            message.number_value = value
        case datetime():
            message.time_value.FromDatetime(value)
        case tuple():
            message.list_value.SetInParent()
            message.list_value.values.extend(value)


def time_from(message: Timestamp) -> datetime:
    """The moment, in UTC.

    Raises:
        InvalidCampaign: it lies outside the years 1 to 9999.
    """
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidCampaign(
            [Violation("", f"{message.seconds} s is not a time between the years 1 and 9999")]
        ) from None


def time_to(moment: datetime) -> Timestamp:
    """The moment as a message."""
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message


def struct_from(message: Struct) -> dict[str, JSON]:
    """The object as Python has it; whole numbers become int."""
    return {name: _json_from(value) for name, value in message.fields.items()}


def struct_to(payload: Mapping[str, JSON]) -> Struct:
    """The object as a message."""
    return Struct(fields={name: _json_to(value) for name, value in payload.items()})


def _json_from(value: StructValue) -> JSON:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return struct_from(value.struct_value)
        case "list_value":
            return [_json_from(item) for item in value.list_value.values]
        case _:
            return None


def _json_to(value: JSON) -> StructValue:
    match value:
        case None:
            return StructValue(null_value=0)  # type: ignore[arg-type]  # NULL_VALUE
        case bool():
            return StructValue(bool_value=value)
        case int() | float():
            return StructValue(number_value=value)
        case str():
            return StructValue(string_value=value)
        case dict():
            return StructValue(struct_value=struct_to(value))
        case _:
            return StructValue(list_value=ListValue(values=map(_json_to, value)))


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value

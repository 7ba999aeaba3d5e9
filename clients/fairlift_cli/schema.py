"""How the messages of the contract are written in YAML: the few shorthands beside the fields."""

import functools
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

_BPS = "_bps"
_PACKAGE = "fairlift.v1."

# What the server says, never a file.
_OUTPUT_ONLY = {
    "Campaign": frozenset(
        {
            *("state", "epoch", "hash_version", "etag", "create_time", "update_time"),
            *("start_time", "stop_time", "epoch_time"),
        }
    ),
    "Plan": frozenset({"hash", "seal_time", "rule_version"}),
}

# A bare value in place of the message stands for a message with this field.
_BARE = {
    "PlannedMetric": "metric",
    "Measure": "order",
    "ConditionList": "conditions",
    "StringList": "values",
}


class Form(Enum):
    """How the value of a key is written."""

    PLAIN = "plain"
    # A percentage, kept in basis points.
    PERCENT = "percent"
    # An id, kept as campaigns/{id}.
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Key:
    """What a key of a YAML mapping sets."""

    field: FieldDescriptor
    form: Form = Form.PLAIN


@functools.cache
def keys(message: Descriptor) -> dict[str, Key]:
    """The keys by which a message is written, shorthands included."""
    found: dict[str, Key] = {}
    for field in message.fields:
        if is_output_only(field):
            continue
        found[field.name] = Key(field)
        if field.name.endswith(_BPS):
            found[field.name.removesuffix(_BPS)] = Key(field, Form.PERCENT)
    if message.full_name == f"{_PACKAGE}Campaign":
        found["campaign"] = Key(message.fields_by_name["name"], Form.CAMPAIGN)
    elif message.full_name == f"{_PACKAGE}Prerequisite":
        found["campaign"] = Key(message.fields_by_name["campaign"], Form.CAMPAIGN)
    return found


def is_output_only(field: FieldDescriptor) -> bool:
    """Whether only the server sets this field."""
    message = field.containing_type
    return message is not None and field.name in _OUTPUT_ONLY.get(_short_name(message), ())


def bare_field(message: Descriptor) -> FieldDescriptor | None:
    """The field that a bare value in place of the message sets, if there is one."""
    name = _BARE.get(_short_name(message))
    return message.fields_by_name[name] if name else None


def named_choices(message: Descriptor) -> dict[str, FieldDescriptor]:
    """The kinds of a message that is nothing but a choice, if a bare name may choose one."""
    if len(message.oneofs) != 1 or len(message.oneofs[0].fields) != len(message.fields):
        return {}
    return {field.name: field for field in message.fields if field.message_type}


@functools.cache
def enum_words(enum: EnumDescriptor) -> dict[str, int]:
    """The values of an enum as files write them: short and lower-case."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {
        value.name.removeprefix(prefix).lower(): value.number
        for value in enum.values
        if value.number != 0
    }


def homes(message: Descriptor, key: str) -> list[str]:
    """Where a key that the message does not have would be known: in which of its parts."""
    return [
        f"{name}.{key}"
        for name, at in keys(message).items()
        if at.field.message_type
        and not at.field.is_repeated
        and at.field.message_type.full_name.startswith(_PACKAGE)
        and key in keys(at.field.message_type)
    ]


def _short_name(message: Descriptor) -> str:
    return message.full_name.removeprefix(_PACKAGE)

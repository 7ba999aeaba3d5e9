"""The YAML keys of the contract's messages: their fields, and a few shorthands."""

import functools
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

_BPS = "_bps"
_PACKAGE = "fairlift.v1."

# Fields that only the server sets.
_OUTPUT_ONLY = {
    "Campaign": frozenset(
        {
            *("state", "epoch", "hash_version", "etag", "create_time", "update_time"),
            *("start_time", "stop_time", "epoch_time"),
        }
    ),
    "Plan": frozenset({"hash", "seal_time", "rule_version"}),
}

# Messages that may be written as a bare value, which sets this field.
_BARE = {
    "PlannedMetric": "metric",
    "Measure": "order",
    "ConditionList": "conditions",
    "StringList": "values",
}


class ValueForm(Enum):
    """The way in which the value of a key is written."""

    PLAIN = "plain"
    # A percentage, kept in basis points.
    PERCENT = "percent"
    # An id, kept as campaigns/{id}.
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class YamlKey:
    """A key of a YAML mapping: the field that it sets, and how its value is written."""

    field: FieldDescriptor
    form: ValueForm = ValueForm.PLAIN


@functools.cache
def keys(message: Descriptor) -> dict[str, YamlKey]:
    """The keys of a message, with shorthands, by name."""
    keys_by_name: dict[str, YamlKey] = {}
    for field in message.fields:
        if is_output_only(field):
            continue
        keys_by_name[field.name] = YamlKey(field)
        if field.name.endswith(_BPS):
            keys_by_name[field.name.removesuffix(_BPS)] = YamlKey(field, ValueForm.PERCENT)
    if message.full_name == f"{_PACKAGE}Campaign":
        keys_by_name["campaign"] = YamlKey(message.fields_by_name["name"], ValueForm.CAMPAIGN)
    elif message.full_name == f"{_PACKAGE}Prerequisite":
        keys_by_name["campaign"] = YamlKey(message.fields_by_name["campaign"], ValueForm.CAMPAIGN)
    return keys_by_name


def is_output_only(field: FieldDescriptor) -> bool:
    """Whether only the server sets this field."""
    message = field.containing_type
    return message is not None and field.name in _OUTPUT_ONLY.get(_short_name(message), ())


def bare_field(message: Descriptor) -> FieldDescriptor | None:
    """The field that a bare value in place of the message sets, if there is one."""
    name = _BARE.get(_short_name(message))
    return message.fields_by_name[name] if name else None


def named_choices(message: Descriptor) -> dict[str, FieldDescriptor]:
    """The fields of a message that is a single oneof, any of which a bare name may choose."""
    if not is_choice(message):
        return {}
    return {field.name: field for field in message.fields if field.message_type}


def is_choice(message: Descriptor) -> bool:
    """Whether a message is one of several things and nothing else."""
    return len(message.oneofs) == 1 and len(message.oneofs[0].fields) == len(message.fields)


@functools.cache
def enum_words(enum: EnumDescriptor) -> dict[str, int]:
    """The numbers of an enum's values by their names in files: short and lower-case."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {
        value.name.removeprefix(prefix).lower(): value.number
        for value in enum.values
        if value.number != 0
    }


def nested_paths(message: Descriptor, key: str) -> list[str]:
    """The paths of a key that the message lacks and one of its parts has."""
    return [
        f"{name}.{key}"
        for name, part in keys(message).items()
        if part.field.message_type
        and not part.field.is_repeated
        and part.field.message_type.full_name.startswith(_PACKAGE)
        and key in keys(part.field.message_type)
    ]


def _short_name(message: Descriptor) -> str:
    return message.full_name.removeprefix(_PACKAGE)

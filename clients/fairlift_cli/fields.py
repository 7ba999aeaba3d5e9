"""Fills a protobuf message from a YAML mapping, field by field from its descriptor."""

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from typing import Any, cast

from fairlift.engine.audience import Condition as Audience
from fairlift.engine.errors import InvalidAudience, InvalidCampaign
from fairlift.v1.audience_pb2 import Condition
from fairlift.v1.campaign_pb2 import Variant
from fairlift.v1.value_pb2 import Value
from fairlift.wire.audience import condition_to
from fairlift.wire.values import time_to
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.struct_pb2 import Value as JsonValue
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_cli import yaml_values
from fairlift_cli.audience.parser import parse_with_places
from fairlift_cli.findings import Finding, did_you_mean, nearest
from fairlift_cli.schema import (
    ValueForm,
    YamlKey,
    bare_field,
    is_choice,
    is_output_only,
    keys,
    named_choices,
    nested_paths,
)
from fairlift_cli.yaml_tree import Position, YamlEntry, YamlList, YamlMapping, YamlScalar, YamlValue
from fairlift_cli.yaml_values import WrongValue

# A message of more than 100 is not read, and requests and campaigns need some of them.
_MAX_MESSAGE_LEVELS = 84
# Characters. To find the lines of all parts takes the square of it; a longer one has one place.
_PLACED_AUDIENCE = 1_000


class MessageReader:
    """Reads one document; collects its findings, positions and flagged paths."""

    def __init__(self, path: str, audiences: Mapping[str, Audience] | None = None) -> None:
        self._audiences = audiences or {}
        self.findings: list[Finding] = []
        self.positions: dict[str, tuple[Position, str]] = {}
        self.flagged: set[str] = set()
        self._path = path
        self._special: dict[str, Callable[[YamlValue, Any, str], bool]] = {
            Timestamp.DESCRIPTOR.full_name: self._timestamp,
            Struct.DESCRIPTOR.full_name: self._payload,
            Condition.DESCRIPTOR.full_name: self._condition,
            Value.DESCRIPTOR.full_name: self._value,
        }

    def read(self, tree: YamlValue, message: Message, at: str = "") -> None:
        """Fills the message at a field path; the document itself has the path ""."""
        self.positions.setdefault(at, (tree.position, at))
        special = self._special.get(message.DESCRIPTOR.full_name)
        if special and special(tree, message, at):
            return
        if self._fill_from_bare_value(tree, message, at):
            return
        if not isinstance(tree, YamlMapping):
            self._add_mistake(at, tree, _expected_mapping(tree, _descriptor(message)))
            return
        self._report_repeated_keys(tree, at)
        entries_by_field: dict[str, YamlEntry] = {}
        for entry in tree.entries:
            key = self._key_of(entry, _descriptor(message), at)
            if key and self._sets_field_first(entry, key, entries_by_field, at):
                self._field(entry, key, message, at)
        if isinstance(message, Variant) and "weight" not in entries_by_field:
            message.weight = 1  # without weights all variants weigh the same

    def _key_of(self, entry: YamlEntry, message: Descriptor, at: str) -> YamlKey | None:
        keys_here = keys(message)
        if entry.key in keys_here:
            return keys_here[entry.key]
        path = _join(at, entry.key)
        nested_path = next(iter(nested_paths(message, entry.key)), None)
        own_field = message.fields_by_name.get(entry.key)
        if own_field and not nested_path and is_output_only(own_field):
            self._add_finding(
                path, entry.position, "is set by the server; remove the line", "FL109"
            )
            return None
        suggestion = nested_path or nearest(entry.key, keys_here)
        if suggestion in keys_here:
            # Else its absence would be reported too.
            self.flagged.add(_join(at, keys_here[suggestion].field.name))
        hint = (
            f"did you mean {suggestion}?"
            if suggestion
            else f"known keys are {', '.join(sorted(keys_here))}"
        )
        if is_choice(message):
            # Without its only key, the message would be reported as empty too.
            self.flagged.add(at)
        self._add_finding(path, entry.position, f"is not known; {hint}", "FL105")
        return None

    def _sets_field_first(
        self, entry: YamlEntry, key: YamlKey, entries_by_field: dict[str, YamlEntry], at: str
    ) -> bool:
        """Whether no earlier entry sets the same field, or another field of the same oneof."""
        for name in (key.field.name, _oneof(key.field)):
            earlier = entries_by_field.get(name) if name else None
            if earlier is not None:
                line = earlier.position.line
                mistake = f"cannot be combined with {earlier.key} (line {line}); keep one"
                self._add_finding(_join(at, entry.key), entry.position, mistake, "FL106")
                return False
        for name in (key.field.name, _oneof(key.field)):
            if name:
                entries_by_field[name] = entry
        return True

    def _field(self, entry: YamlEntry, key: YamlKey, message: Message, at: str) -> None:
        path = _join(at, key.field.name)
        # One text where both read alike: positions are most of what a folder keeps in memory.
        written = path if entry.key == key.field.name else _join(at, entry.key)
        self.positions[path] = (entry.position, written)
        self._fill(entry.value, key, message, path)

    def _fill(self, tree: YamlValue, key: YamlKey, message: Message, path: str) -> None:
        field = key.field
        current = getattr(message, field.name)
        if field.is_repeated and isinstance(current, MutableMapping):
            self._map(tree, field, current, path)
        elif field.is_repeated:
            self._list(tree, field, current, path)
        elif field.message_type:
            if isinstance(tree, YamlScalar) and tree.is_null:
                self._add_mistake(path, tree, "has no value; give one, or remove the line")
                return
            current.SetInParent()
            self.read(tree, current, path)
        else:
            self._scalar(tree, field, key.form, lambda v: setattr(message, field.name, v), path)

    def _list(
        self, tree: YamlValue, field: FieldDescriptor, items: MutableSequence[Any], path: str
    ) -> None:
        element = field.message_type
        takes_bare = element is None or bare_field(element) is not None
        if not isinstance(tree, YamlList):
            empty = isinstance(tree, YamlScalar) and tree.is_null
            if not takes_bare or empty or (element is None and isinstance(tree, YamlMapping)):
                self._add_mistake(path, tree, f"is {_kind(tree)}, must be a list")
                return
            self.positions[f"{path}[0]"] = self.positions[path]
            tree = YamlList((tree,), tree.position, tree.size)
        for index, item in enumerate(tree.items):
            item_path = f"{path}[{index}]"
            self.positions.setdefault(
                item_path, (item.position, f"{self._written_path(path)}[{index}]")
            )
            if element is not None:
                self.read(item, items.add(), item_path)  # type: ignore[attr-defined]  # protobuf's list
            else:
                self._scalar(item, field, ValueForm.PLAIN, items.append, item_path)

    def _map(
        self, tree: YamlValue, field: FieldDescriptor, entries: MutableMapping[str, Any], path: str
    ) -> None:
        if not isinstance(tree, YamlMapping):
            self._add_mistake(
                path, tree, f"is {_kind(tree)}, must be a mapping such as {{key: value}}"
            )
            return
        self._report_repeated_keys(tree, path)
        assert field.message_type  # for the type checker: a map's entries are messages
        value_field = field.message_type.fields_by_name["value"]
        for entry in tree.entries:
            entry_path = _join(path, entry.key)
            self.positions[entry_path] = (entry.position, entry_path)

            def put(scalar: object, key: str = entry.key) -> None:
                entries[key] = scalar

            self._scalar(entry.value, value_field, ValueForm.PLAIN, put, entry_path)

    def _scalar(
        self,
        tree: YamlValue,
        field: FieldDescriptor,
        form: ValueForm,
        put: Callable[[Any], None],
        path: str,
    ) -> None:
        try:
            put(yaml_values.scalar_value(tree, field, form))
        except WrongValue as mistake:
            self._add_mistake(path, tree, str(mistake))

    def _fill_from_bare_value(self, tree: YamlValue, message: Message, at: str) -> bool:
        """Reads a bare value in place of the message; False when the schema does not allow one."""
        descriptor = _descriptor(message)
        if isinstance(tree, YamlMapping) or (isinstance(tree, YamlScalar) and tree.is_null):
            return False
        if field := bare_field(descriptor):
            if field.is_repeated == isinstance(tree, YamlList):
                path = _join(at, field.name)
                self.positions[path] = (tree.position, self._written_path(at))
                self._fill(tree, YamlKey(field), message, path)
                if path in self.flagged:
                    self.flagged.add(at)
                return True
            return False
        choices = named_choices(descriptor)
        if not choices or not isinstance(tree, YamlScalar):
            return False
        if tree.text not in choices:
            hint = did_you_mean(tree.text, choices)
            self._add_mistake(
                at, tree, f'is "{tree.text}", must be one of {", ".join(choices)}{hint}'
            )
        else:
            getattr(message, tree.text).SetInParent()
        return True

    def _timestamp(self, tree: YamlValue, message: Timestamp, at: str) -> bool:
        try:
            message.CopyFrom(time_to(yaml_values.timestamp(tree)))
        except WrongValue as mistake:
            self._add_mistake(at, tree, str(mistake))
        return True

    def _condition(self, tree: YamlValue, message: Condition, at: str) -> bool:
        if not isinstance(tree, YamlScalar) or tree.is_null:
            return False
        try:
            audience, places = parse_with_places(tree.text.rstrip(), self._audiences)
            message.CopyFrom(condition_to(audience))
            if len(tree.text) <= _PLACED_AUDIENCE:
                for path, index in places.items():
                    place = tree.position_of(index)
                    self.positions[_join(at, path)] = (place, self._written_path(at))
        except InvalidAudience as error:
            sentence = error.violations[0].message.partition(": ")[2]
            self._add_finding(at, tree.position_of(error.position), sentence, "FL301")
        except InvalidCampaign as error:
            self._add_mistake(at, tree, "; ".join(map(str, error.violations)), "FL306")
        return True

    def _value(self, tree: YamlValue, message: Value, at: str) -> bool:
        if isinstance(tree, YamlMapping):
            return False
        if isinstance(tree, YamlList):
            message.list_value.SetInParent()
            self.read(tree, message.list_value, at)
            return True
        self._fill_json_value(tree, message, at)
        return True

    def _payload(self, tree: YamlValue, message: Struct, at: str) -> bool:
        """A mapping that is not too deep to be sent."""
        if _levels(tree) > _MAX_MESSAGE_LEVELS:
            self._add_mistake(
                at, tree, "is nested too deep to be sent; 25 levels always fit", "FL103"
            )
            return True
        return self._struct(tree, message, at)

    def _struct(self, tree: YamlValue, message: Struct, at: str) -> bool:
        if not isinstance(tree, YamlMapping):
            self._add_mistake(
                at, tree, f"is {_kind(tree)}, must be a mapping such as {{key: value}}"
            )
            return True
        self._report_repeated_keys(tree, at)
        for entry in tree.entries:
            path = _join(at, entry.key)
            self.positions[path] = (entry.position, path)
            self._json(entry.value, message.fields[entry.key], path)
        return True

    def _json(self, tree: YamlValue, value: JsonValue, at: str) -> None:
        if isinstance(tree, YamlMapping):
            value.struct_value.SetInParent()
            self._struct(tree, value.struct_value, at)
        elif isinstance(tree, YamlList):
            value.list_value.SetInParent()
            for index, item in enumerate(tree.items):
                self._json(item, value.list_value.values.add(), f"{at}[{index}]")
        else:
            self._fill_json_value(tree, value, at)

    def _fill_json_value(self, tree: YamlScalar, value: Value | JsonValue, at: str) -> None:
        try:
            match yaml_values.json_value(tree):
                case bool(truth):
                    value.bool_value = truth
                case float(number):
                    value.number_value = number
                case str(text):
                    value.string_value = text
                case None if isinstance(value, JsonValue):
                    value.null_value = 0  # type: ignore[assignment]  # its only value
                case None:
                    raise WrongValue("has no value, must be a text, a number, true or false")
        except WrongValue as mistake:
            self._add_mistake(at, tree, str(mistake))

    def _report_repeated_keys(self, tree: YamlMapping, at: str) -> None:
        for entry, first in tree.repeated:
            message = f"appears twice, first on line {first.line}; keep one"
            self._add_finding(_join(at, entry.key), entry.position, message, "FL106")

    def _written_path(self, path: str) -> str:
        return self.positions[path][1] if path in self.positions else path

    def _add_mistake(self, path: str, tree: YamlValue, message: str, rule: str = "FL107") -> None:
        self.flagged.add(path)
        self._add_finding(self._written_path(path), tree.position, message, rule)

    def _add_finding(self, written: str, position: Position, message: str, rule: str) -> None:
        self.flagged.add(written)
        finding = Finding(self._path, position.line, position.column, written, message, rule)
        self.findings.append(finding)


def nearest_place(positions: Mapping[str, tuple[Position, str]], path: str) -> tuple[Position, str]:
    """Where a field stands, or else the part that should have it, and its path as written."""
    nearest = path
    while nearest and nearest not in positions:
        nearest = nearest[: max(nearest.rfind("."), nearest.rfind("["), 0)]
    position, written = positions[nearest]
    return position, written + path[len(nearest) :]


def _levels(tree: YamlValue) -> int:
    """How deep the messages are that JSON takes: three for a mapping, two for a list."""
    match tree:
        case YamlMapping():
            return 3 + max((_levels(entry.value) for entry in tree.entries), default=0)
        case YamlList():
            return 2 + max(map(_levels, tree.items), default=0)
    return 0


def _descriptor(message: Message) -> Descriptor:
    # The stubs also name the type of the C implementation, which has the same interface.
    return cast("Descriptor", message.DESCRIPTOR)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _oneof(field: FieldDescriptor) -> str | None:
    oneof = field.containing_oneof
    # proto3 wraps every `optional` field in a oneof of its own.
    return f"oneof {oneof.name}" if oneof and len(oneof.fields) > 1 else None


def _kind(tree: YamlValue) -> str:
    if isinstance(tree, YamlScalar):
        return "empty" if tree.is_null else yaml_values.as_written(tree)
    return "a mapping" if isinstance(tree, YamlMapping) else "a list"


def _expected_mapping(tree: YamlValue, message: Descriptor) -> str:
    return f"is {_kind(tree)}, must be a mapping with {', '.join(sorted(keys(message)))}"

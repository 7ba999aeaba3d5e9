"""Fills a message from a YAML mapping, generically along the message's descriptor."""

from collections.abc import Callable, MutableMapping, MutableSequence
from typing import Any, cast

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
from fairlift_cli.audience.parser import parse
from fairlift_cli.findings import Finding, did_you_mean, nearest
from fairlift_cli.schema import Form, Key, bare_field, homes, is_output_only, keys, named_choices
from fairlift_cli.yaml_tree import Entry, Fields, Place, Scalar, Sequence, Tree
from fairlift_cli.yaml_values import Mistaken


class MessageReader:
    """Reads one document; collects its findings, places and flagged paths."""

    def __init__(self, path: str) -> None:
        self.findings: list[Finding] = []
        self.places: dict[str, tuple[Place, str]] = {}
        self.flagged: set[str] = set()
        self._path = path
        self._special: dict[str, Callable[[Tree, Any, str], bool]] = {
            Timestamp.DESCRIPTOR.full_name: self._timestamp,
            Struct.DESCRIPTOR.full_name: self._struct,
            Condition.DESCRIPTOR.full_name: self._condition,
            Value.DESCRIPTOR.full_name: self._value,
        }

    def read(self, tree: Tree, message: Message, at: str = "") -> None:
        """Fills the message that stands at a field path; the whole document has the path ""."""
        self.places.setdefault(at, (tree.place, at))
        special = self._special.get(message.DESCRIPTOR.full_name)
        if (special and special(tree, message, at)) or self._bare(tree, message, at):
            return
        if not isinstance(tree, Fields):
            self._wrong(at, tree, _kind_wanted(tree, _descriptor(message)))
            return
        self._repeated(tree, at)
        seen: dict[str, Entry] = {}
        for entry in tree.entries:
            key = self._known(entry, _descriptor(message), at)
            if key and self._is_first(entry, key, seen, at):
                self._field(entry, key, message, at)
        if isinstance(message, Variant) and "weight" not in seen:
            message.weight = 1  # without weights all variants weigh the same

    def _known(self, entry: Entry, message: Descriptor, at: str) -> Key | None:
        known = keys(message)
        if entry.key in known:
            return known[entry.key]
        path = _join(at, entry.key)
        home = next(iter(homes(message, entry.key)), None)
        own = message.fields_by_name.get(entry.key)
        if own and not home and is_output_only(own):
            self._say(path, entry.place, "is set by the server; remove the line")
            return None
        meant = home or nearest(entry.key, known)
        if meant in known:
            # What follows from its absence is not news.
            self.flagged.add(_join(at, known[meant].field.name))
        hint = f"did you mean {meant}?" if meant else f"known keys are {', '.join(sorted(known))}"
        self._say(path, entry.place, f"is not known; {hint}")
        return None

    def _is_first(self, entry: Entry, key: Key, seen: dict[str, Entry], at: str) -> bool:
        """Whether nothing set the field before, by a shorthand or as another of its kinds."""
        for rival in (key.field.name, _oneof(key.field)):
            before = seen.get(rival) if rival else None
            if before is not None:
                verb = f"cannot be combined with {before.key} (line {before.place.line}); keep one"
                self._say(_join(at, entry.key), entry.place, verb)
                return False
        for rival in (key.field.name, _oneof(key.field)):
            if rival:
                seen[rival] = entry
        return True

    def _field(self, entry: Entry, key: Key, message: Message, at: str) -> None:
        path = _join(at, key.field.name)
        self.places[path] = (entry.place, _join(at, entry.key))
        self._fill(entry.value, key, message, path)

    def _fill(self, tree: Tree, key: Key, message: Message, path: str) -> None:
        field = key.field
        found = getattr(message, field.name)
        if field.is_repeated and isinstance(found, MutableMapping):
            self._map(tree, field, found, path)
        elif field.is_repeated:
            self._list(tree, field, found, path)
        elif field.message_type:
            if isinstance(tree, Scalar) and tree.is_null:
                self._wrong(path, tree, "has no value; give one, or remove the line")
                return
            found.SetInParent()
            self.read(tree, found, path)
        else:
            self._scalar(tree, field, key.form, lambda v: setattr(message, field.name, v), path)

    def _list(
        self, tree: Tree, field: FieldDescriptor, items: MutableSequence[Any], path: str
    ) -> None:
        element = field.message_type
        takes_bare = element is None or bare_field(element) is not None
        if not isinstance(tree, Sequence):
            empty = isinstance(tree, Scalar) and tree.is_null
            if not takes_bare or empty or (element is None and isinstance(tree, Fields)):
                self._wrong(path, tree, f"is {_kind(tree)}, must be a list")
                return
            self.places[f"{path}[0]"] = self.places[path]
            tree = Sequence((tree,), tree.place, tree.size)
        for index, item in enumerate(tree.items):
            here = f"{path}[{index}]"
            self.places.setdefault(here, (item.place, f"{self._written(path)}[{index}]"))
            if element is not None:
                self.read(item, items.add(), here)  # type: ignore[attr-defined]  # protobuf's list
            else:
                self._scalar(item, field, Form.PLAIN, items.append, here)

    def _map(
        self, tree: Tree, field: FieldDescriptor, entries: MutableMapping[str, Any], path: str
    ) -> None:
        if not isinstance(tree, Fields):
            self._wrong(path, tree, f"is {_kind(tree)}, must be a mapping such as {{key: value}}")
            return
        self._repeated(tree, path)
        assert field.message_type  # for the type checker: a map's entries are messages
        value = field.message_type.fields_by_name["value"]
        for entry in tree.entries:
            here = _join(path, entry.key)
            self.places[here] = (entry.place, here)

            def put(found: object, key: str = entry.key) -> None:
                entries[key] = found

            self._scalar(entry.value, value, Form.PLAIN, put, here)

    def _scalar(
        self,
        tree: Tree,
        field: FieldDescriptor,
        form: Form,
        put: Callable[[Any], None],
        path: str,
    ) -> None:
        try:
            put(yaml_values.scalar(tree, field, form))
        except Mistaken as mistake:
            self._wrong(path, tree, str(mistake))

    def _bare(self, tree: Tree, message: Message, at: str) -> bool:
        """Whether a bare value stood for the message, as the schema allows."""
        descriptor = _descriptor(message)
        if isinstance(tree, Fields) or (isinstance(tree, Scalar) and tree.is_null):
            return False
        if field := bare_field(descriptor):
            if field.is_repeated == isinstance(tree, Sequence):
                path = _join(at, field.name)
                self.places[path] = (tree.place, self._written(at))
                self._fill(tree, Key(field), message, path)
                if path in self.flagged:
                    self.flagged.add(at)
                return True
            return False
        choices = named_choices(descriptor)
        if not choices or not isinstance(tree, Scalar):
            return False
        if tree.text not in choices:
            hint = did_you_mean(tree.text, choices)
            self._wrong(at, tree, f'is "{tree.text}", must be one of {", ".join(choices)}{hint}')
        else:
            getattr(message, tree.text).SetInParent()
        return True

    def _timestamp(self, tree: Tree, message: Timestamp, at: str) -> bool:
        try:
            message.CopyFrom(time_to(yaml_values.time(tree)))
        except Mistaken as mistake:
            self._wrong(at, tree, str(mistake))
        return True

    def _condition(self, tree: Tree, message: Condition, at: str) -> bool:
        if not isinstance(tree, Scalar) or tree.is_null:
            return False
        try:
            message.CopyFrom(condition_to(parse(tree.text.rstrip())))
        except InvalidAudience as error:
            sentence = error.violations[0].message.partition(": ")[2]
            self._say(at, tree.place_of(error.position), sentence, with_column=True)
        except InvalidCampaign as error:
            self._wrong(at, tree, "; ".join(map(str, error.violations)))
        return True

    def _value(self, tree: Tree, message: Value, at: str) -> bool:
        if isinstance(tree, Fields):
            return False
        if isinstance(tree, Sequence):
            message.list_value.SetInParent()
            self.read(tree, message.list_value, at)
            return True
        self._loose(tree, message, at)
        return True

    def _struct(self, tree: Tree, message: Struct, at: str) -> bool:
        if not isinstance(tree, Fields):
            self._wrong(at, tree, f"is {_kind(tree)}, must be a mapping such as {{key: value}}")
            return True
        self._repeated(tree, at)
        for entry in tree.entries:
            path = _join(at, entry.key)
            self.places[path] = (entry.place, path)
            self._json(entry.value, message.fields[entry.key], path)
        return True

    def _json(self, tree: Tree, value: JsonValue, at: str) -> None:
        if isinstance(tree, Fields):
            value.struct_value.SetInParent()
            self._struct(tree, value.struct_value, at)
        elif isinstance(tree, Sequence):
            value.list_value.SetInParent()
            for index, item in enumerate(tree.items):
                self._json(item, value.list_value.values.add(), f"{at}[{index}]")
        else:
            self._loose(tree, value, at)

    def _loose(self, tree: Scalar, value: Value | JsonValue, at: str) -> None:
        try:
            match yaml_values.loose(tree):
                case bool(truth):
                    value.bool_value = truth
                case float(number):
                    value.number_value = number
                case str(text):
                    value.string_value = text
                case None if isinstance(value, JsonValue):
                    value.null_value = 0  # type: ignore[assignment]  # its only value
                case None:
                    raise Mistaken("has no value, must be a text, a number, true or false")
        except Mistaken as mistake:
            self._wrong(at, tree, str(mistake))

    def _repeated(self, tree: Fields, at: str) -> None:
        for entry, first in tree.repeated:
            message = f"appears twice, first on line {first.line}; keep one"
            self._say(_join(at, entry.key), entry.place, message)

    def _written(self, path: str) -> str:
        return self.places[path][1] if path in self.places else path

    def _wrong(self, path: str, tree: Tree, message: str) -> None:
        self.flagged.add(path)
        self._say(self._written(path), tree.place, message)

    def _say(self, written: str, place: Place, message: str, *, with_column: bool = False) -> None:
        self.flagged.add(written)
        column = place.column if with_column else None
        self.findings.append(Finding(self._path, place.line, column, written, message))


def _descriptor(message: Message) -> Descriptor:
    # The stubs name the C implementation beside the pure one; both look the same.
    return cast("Descriptor", message.DESCRIPTOR)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _oneof(field: FieldDescriptor) -> str | None:
    oneof = field.containing_oneof
    # proto3 wraps every `optional` field in a oneof of its own.
    return f"oneof {oneof.name}" if oneof and len(oneof.fields) > 1 else None


def _kind(tree: Tree) -> str:
    if isinstance(tree, Scalar):
        return "empty" if tree.is_null else f'"{tree.text}"'
    return "a mapping" if isinstance(tree, Fields) else "a list"


def _kind_wanted(tree: Tree, message: Descriptor) -> str:
    return f"is {_kind(tree)}, must be a mapping with {', '.join(sorted(keys(message)))}"

"""Reads YAML into a tree of values that know their line and column, within limits.

Only values that JSON has are read: no tags but !!str, and `NO` is a text, not false.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

MAX_BYTES = 1 << 20
MAX_YAML_DEPTH = 64
MAX_VALUES = 100_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# A number as YAML writes it, in digits of ASCII.
YAML_NUMBER = re.compile(r"[-+]?(\d+(_\d+)*(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_MERGE = "<<"
_MAX_DIGITS = 400
# What YAML takes for a line break beside the one of Unix, sign for sign.
_BREAKS = dict.fromkeys(map(ord, "\r\x85\u2028\u2029"), "\n")


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a file; both numbers count from 1."""

    line: int
    column: int


def with_plain_breaks(text: str) -> str:
    """The text with all line breaks of YAML as those of Unix; places stay what they are."""
    return text.replace("\r\n", " \n").translate(_BREAKS)


class YamlError(Exception):
    """The text is not YAML, or exceeds the limits of a campaign file; `rule` is what it breaks."""

    def __init__(self, message: str, position: Position, rule: str = "FL101") -> None:
        self.position = position
        self.rule = rule
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A text, number, boolean or null as written; `source` includes the quotes."""

    text: str
    quoted: bool
    position: Position
    source: str
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Whether the value is empty or null."""
        return not self.quoted and self.text in _NULL

    @property
    def as_bool(self) -> bool | None:
        """The value as a boolean, or None when it is not one."""
        return None if self.quoted else _BOOLS.get(self.text)

    @property
    def as_number(self) -> int | float | None:
        """The value as a number, or None when it is not one."""
        if self.quoted or not YAML_NUMBER.fullmatch(self.text):
            return None
        digits = self.text.replace("_", "")
        # Python reads no integer of more than 4,300 digits, and no field holds one of 400.
        is_whole = digits.lstrip("+-").isdigit() and len(digits) < _MAX_DIGITS
        return int(digits) if is_whole else float(digits)

    def position_of(self, index: int) -> Position:
        """The position in the file of the character `index` of the text."""
        offset = _skip_opening(self.source)
        for character in self.text[:index]:
            match_start = self.source.find(character, offset) if not character.isspace() else offset
            offset = max(match_start, offset) + 1
        while index < len(self.text.rstrip()) and self.source[offset].isspace():
            offset += 1
        preceding = self.source[:offset]
        line = self.position.line + preceding.count("\n")
        column = (
            offset - preceding.rfind("\n") if "\n" in preceding else self.position.column + offset
        )
        return Position(line, column)


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list."""

    items: tuple["YamlValue", ...]
    position: Position
    size: int


@dataclass(frozen=True, slots=True)
class YamlEntry:
    """A key and its value."""

    key: str
    position: Position
    value: "YamlValue"


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """A mapping with its entries in order.

    `repeated` holds entries whose key came before, with the position of the first.
    """

    entries: tuple[YamlEntry, ...]
    repeated: tuple[tuple[YamlEntry, Position], ...]
    position: Position
    size: int


YamlValue: TypeAlias = YamlScalar | YamlList | YamlMapping


def yaml_documents(text: str, scalars: list[tuple[int, int]] | None = None) -> Iterator[YamlValue]:
    """The documents of the text, in order.

    Args:
        text: several documents allowed.
        scalars: gets the first and the last character of every scalar, if given.

    Raises:
        YamlError: the text is not YAML, too deep or too large; what came before was given.
    """
    try:
        yield from _Composer(text, scalars).documents()
    except yaml.MarkedYAMLError as error:
        raise YamlError(_explained(error), _within(text, error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"contains the control character U+{code:04X}; remove it"
        raise YamlError(message, Position(line, 1)) from None


class _Composer:
    """Builds trees from the parser's events; the parser's own composer recurses without limit."""

    def __init__(self, text: str, scalars: list[tuple[int, int]] | None) -> None:
        self._text = text
        self._scalars = scalars
        # Not yaml.parse, which asks twice for each event.
        self._next_event = _LOADER(text).get_event
        self._anchors: dict[str, YamlValue] = {}
        self._values = 0

    def documents(self) -> Iterator[YamlValue]:
        while (event := self._next_event()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._tree(self._next_event(), 1)

    # PyYAML's stubs say nothing of what the kinds of events hold, hence Any.
    def _tree(self, event: Any, depth: int) -> YamlValue:
        position = _position(event.start_mark)
        if depth > MAX_YAML_DEPTH:
            raise YamlError(f"is nested more than {MAX_YAML_DEPTH} levels deep", position, "FL103")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, position)
        tag = event.tag
        if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag in _TEXT_TAGS):
            raise YamlError(
                f"has the tag {tag}; tags are not supported; remove it", position, "FL104"
            )
        tree: YamlValue
        if isinstance(event, yaml.ScalarEvent):
            tree = self._scalar(event, position)
        elif isinstance(event, yaml.SequenceStartEvent):
            tree = self._sequence(position, depth)
        else:
            tree = self._fields(position, depth)
        if event.anchor:
            # Known only once it is whole, so an alias can never lead into itself.
            self._anchors[event.anchor] = tree
        return tree

    def _alias(self, event: Any, position: Position) -> YamlValue:
        if event.anchor not in self._anchors:
            rule = f"there is no &{event.anchor} before it in this document"
            raise YamlError(f"*{event.anchor} is not defined: {rule}", position, "FL104")
        value = self._anchors[event.anchor]
        self._count(value.size, position)
        return value

    def _count(self, values: int, position: Position) -> None:
        """Counts while reading: what an alias stands for costs as if it were written out."""
        self._values += values
        if self._values > MAX_VALUES:
            raise YamlError(
                f"contains more than {MAX_VALUES} values, with aliases expanded", position, "FL103"
            )

    def _scalar(self, event: Any, position: Position) -> YamlScalar:
        self._count(1, position)
        start, end = event.start_mark.index, event.end_mark.index
        source = self._text[start:end]
        if self._scalars is not None:
            self._scalars.append((start, end))
        return YamlScalar(event.value, bool(event.style or event.tag), position, source)

    def _sequence(self, position: Position, depth: int) -> YamlList:
        self._count(1, position)
        items: list[YamlValue] = []
        while not isinstance(event := self._next_event(), yaml.SequenceEndEvent):
            items.append(self._tree(event, depth + 1))
        return YamlList(tuple(items), position, 1 + sum(item.size for item in items))

    def _fields(self, position: Position, depth: int) -> YamlMapping:
        entries: dict[str, YamlEntry] = {}
        repeated: list[tuple[YamlEntry, Position]] = []
        merged: list[YamlEntry] = []
        while not isinstance(event := self._next_event(), yaml.MappingEndEvent):
            key = self._tree(event, depth + 1)
            value = self._tree(self._next_event(), depth + 1)
            if not isinstance(key, YamlScalar):
                raise YamlError(
                    "a key is a list or a mapping, must be a text", key.position, "FL104"
                )
            entry = YamlEntry(key.text, key.position, value)
            if key.text == _MERGE and not key.quoted:
                merged += _merged(value)
            elif key.text in entries:
                repeated.append((entry, entries[key.text].position))
            else:
                entries[key.text] = entry
        for entry in merged:
            entries.setdefault(entry.key, entry)
        size = 1 + sum(entry.value.size for entry in entries.values())
        return YamlMapping(tuple(entries.values()), tuple(repeated), position, size)


def _merged(value: YamlValue) -> list[YamlEntry]:
    sources = value.items if isinstance(value, YamlList) else (value,)
    entries: Mapping[str, YamlEntry] = {}
    for source in sources:
        if not isinstance(source, YamlMapping):
            rule = "<< must be followed by mappings, such as *defaults"
            raise YamlError(rule, source.position, "FL104")
        entries = {entry.key: entry for entry in source.entries} | dict(entries)
    return list(entries.values())


def _skip_opening(source: str) -> int:
    if source[:1] in ("|", ">"):
        return source.find("\n") + 1
    return 1 if source[:1] in ("'", '"') else 0


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _within(text: str, error: yaml.MarkedYAMLError) -> Position:
    """Where it was noticed; what is still open at the end, on the last line that there is."""
    position = _position(error.problem_mark or error.context_mark)
    last = max(len(text.splitlines()), 1)
    return position if position.line <= last else Position(last, 1)


def _explained(error: yaml.MarkedYAMLError) -> str:
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    opening_line = _position(error.context_mark).line
    hint = next((hint for sign, hint in _HINTS if sign in problem), "")
    return f"is not YAML: {problem}{hint.format(begun=opening_line)}"


# By what the parser says, the way out.
_HINTS = (
    (
        "cannot start any token",
        "; indent with spaces, not tabs, and quote a text that starts with a special character",
    ),
    ("found a tab character", "; indent with spaces, not tabs"),
    ("mapping values are not allowed", '; a text with ": " needs quotes'),
    ("expected ',' or", "; what was opened on line {begun} is not closed before this"),
    ("unexpected end of stream", "; the quote opened on line {begun} is not closed"),
    ("did not find expected key", "; indent it like the keys from line {begun} on"),
    ("did not find expected '-'", "; indent it like the items from line {begun} on"),
)

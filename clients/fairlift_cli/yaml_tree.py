"""YAML as a tree in which every value knows its line and column, within limits.

Only what JSON can say is read, in YAML's clothes: no tags but !!str, and `NO` is a country.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_VALUES = 100_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"[-+]?(\d+(_\d+)*(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; both count from 1."""

    line: int
    column: int


class YamlError(Exception):
    """The text is not YAML, or more of it than a campaign file may hold."""

    def __init__(self, message: str, place: Place) -> None:
        self.place = place
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it was written; `source` is the text between its marks, quotes included."""

    text: str
    quoted: bool
    place: Place
    source: str
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Nothing was written."""
        return not self.quoted and self.text in _NULL

    @property
    def as_bool(self) -> bool | None:
        """True or false, if it says so."""
        return None if self.quoted else _BOOLS.get(self.text)

    @property
    def as_number(self) -> int | float | None:
        """The number, if it is one."""
        if self.quoted or not _NUMBER.fullmatch(self.text):
            return None
        digits = self.text.replace("_", "")
        return int(digits) if digits.lstrip("+-").isdigit() else float(digits)

    def place_of(self, position: int) -> Place:
        """Where the character `position` of the text stands in the file."""
        at = _skip_opening(self.source)
        for wanted in self.text[:position]:
            found = self.source.find(wanted, at) if not wanted.isspace() else at
            at = max(found, at) + 1
        while position < len(self.text.rstrip()) and self.source[at].isspace():
            at += 1
        before = self.source[:at]
        line = self.place.line + before.count("\n")
        column = at - before.rfind("\n") if "\n" in before else self.place.column + at
        return Place(line, column)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Tree", ...]
    place: Place
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value."""

    key: str
    place: Place
    value: "Tree"


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping, its entries in order; `repeated` are those whose key stood before."""

    entries: tuple[Entry, ...]
    repeated: tuple[tuple[Entry, Place], ...]
    place: Place
    size: int


Tree: TypeAlias = Scalar | Sequence | Fields


def trees(text: str) -> Iterator[Tree]:
    """The documents of the text, in order.

    Raises:
        YamlError: the text is not YAML, too deep or too large; what came before was given.
    """
    try:
        yield from _Composer(text).documents()
    except yaml.MarkedYAMLError as error:
        raise YamlError(_explained(error), _within(text, error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"contains the control character U+{code:04X}; remove it"
        raise YamlError(message, Place(line, 1)) from None


class _Composer:
    """Builds trees from the parser's events; the parser's own composer recurses without limit."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Tree] = {}
        self._values = 0

    def documents(self) -> Iterator[Tree]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._tree(next(self._events), 1)

    # PyYAML's stubs say nothing of what the kinds of events hold, hence Any.
    def _tree(self, event: Any, depth: int) -> Tree:
        place = _place(event.start_mark)
        if depth > MAX_DEPTH:
            raise YamlError(f"is nested more than {MAX_DEPTH} levels deep", place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        tag = event.tag
        if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag in _TEXT_TAGS):
            raise YamlError(f"has the tag {tag}; tags are not supported; remove it", place)
        tree: Tree
        if isinstance(event, yaml.ScalarEvent):
            tree = self._scalar(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            tree = self._sequence(place, depth)
        else:
            tree = self._fields(place, depth)
        if event.anchor:
            # Known only once it is whole, so an alias can never lead into itself.
            self._anchors[event.anchor] = tree
        return tree

    def _alias(self, event: Any, place: Place) -> Tree:
        if event.anchor not in self._anchors:
            rule = f"there is no &{event.anchor} before it in this document"
            raise YamlError(f"*{event.anchor} is not defined: {rule}", place)
        found = self._anchors[event.anchor]
        self._count(found.size, place)
        return found

    def _count(self, values: int, place: Place) -> None:
        """Counts while reading: what an alias stands for costs as if it were written out."""
        self._values += values
        if self._values > MAX_VALUES:
            raise YamlError(f"contains more than {MAX_VALUES} values, with aliases expanded", place)

    def _scalar(self, event: Any, place: Place) -> Scalar:
        self._count(1, place)
        source = self._text[event.start_mark.index : event.end_mark.index]
        return Scalar(event.value, bool(event.style or event.tag), place, source)

    def _sequence(self, place: Place, depth: int) -> Sequence:
        self._count(1, place)
        items: list[Tree] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._tree(event, depth + 1))
        return Sequence(tuple(items), place, 1 + sum(item.size for item in items))

    def _fields(self, place: Place, depth: int) -> Fields:
        entries: dict[str, Entry] = {}
        repeated: list[tuple[Entry, Place]] = []
        merged: list[Entry] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._tree(event, depth + 1)
            value = self._tree(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                raise YamlError("a key is a list or a mapping, must be a text", key.place)
            entry = Entry(key.text, key.place, value)
            if key.text == _MERGE and not key.quoted:
                merged += _merged(value)
            elif key.text in entries:
                repeated.append((entry, entries[key.text].place))
            else:
                entries[key.text] = entry
        for entry in merged:
            entries.setdefault(entry.key, entry)
        size = 1 + sum(entry.value.size for entry in entries.values())
        return Fields(tuple(entries.values()), tuple(repeated), place, size)


def _merged(value: Tree) -> list[Entry]:
    sources = value.items if isinstance(value, Sequence) else (value,)
    entries: Mapping[str, Entry] = {}
    for source in sources:
        if not isinstance(source, Fields):
            raise YamlError("<< must be followed by mappings, such as *defaults", source.place)
        entries = {entry.key: entry for entry in source.entries} | dict(entries)
    return list(entries.values())


def _skip_opening(source: str) -> int:
    if source[:1] in ("|", ">"):
        return source.find("\n") + 1
    return 1 if source[:1] in ("'", '"') else 0


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _within(text: str, error: yaml.MarkedYAMLError) -> Place:
    """Where it was noticed; what is still open at the end, on the last line that there is."""
    place = _place(error.problem_mark or error.context_mark)
    last = max(len(text.splitlines()), 1)
    return place if place.line <= last else Place(last, 1)


def _explained(error: yaml.MarkedYAMLError) -> str:
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    begun = _place(error.context_mark).line
    hint = next((hint for sign, hint in _HINTS if sign in problem), "")
    return f"is not YAML: {problem}{hint.format(begun=begun)}"


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

"""Mappings: which column of a file, or which SQL expression over its columns, gives each field."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from fairlift.engine.audience import ATTRIBUTE_NAME
from fairlift.engine.errors import InvalidRequest, Violation

from fairlift_server.importing.kinds import KINDS, Kind

ATTRIBUTE = "attributes."
_MAX_BYTES = 1 << 20
_FOLDER = files("fairlift_server.importing") / "mappings"


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is to be read.

    Attributes:
        decimal: what stands before the decimals of an amount.
        time_zone: of times that have no offset.
        time_format: of times, as strptime writes it; empty: ISO 8601.
        may_lack: columns that are empty where the file has none of that name.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: Literal["point", "comma"] = "point"
    time_zone: str = "UTC"
    time_format: str = ""
    may_lack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSource:
    """What gives a field: a column, an SQL expression, or the same text for every row."""

    how: Literal["column", "sql", "value"]
    text: str


@dataclass(frozen=True, slots=True)
class KindMapping:
    """The mapping of one kind.

    Attributes:
        sources: by field; that of an attribute begins with `ATTRIBUTE`.
        only: an SQL condition; other rows are left out.
        each: a column that holds a list, and the name by which expressions call one item of it:
            every item is a row.
    """

    kind: Kind
    options: FileOptions
    sources: Mapping[str, FieldSource]
    only: str = ""
    each: tuple[str, str] | None = None


def ready_mappings() -> list[str]:
    """The names of the mappings that come with the server."""
    return sorted(each.name[:-5] for each in _FOLDER.iterdir() if each.name.endswith(".yaml"))


def read_mapping(name: str, kind: str) -> KindMapping:
    """The mapping of a kind, from a file or from those that come with the server.

    Raises:
        InvalidRequest: there is no such mapping, or it breaks a rule; every broken rule is named.
    """
    if name in ready_mappings():
        text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        text = _text_of(name)
    return _Checked(name).mapping(text, kind)


def _text_of(name: str) -> str:
    path = Path(name)
    try:
        if path.is_file() and path.stat().st_size <= _MAX_BYTES:
            return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _invalid(f"cannot be read: {error.strerror}", name) from None
    except UnicodeDecodeError:
        raise _invalid("is not UTF-8 text", name) from None
    ready = ", ".join(ready_mappings())
    raise _invalid(f"is no file of at most 1 MiB, and no ready mapping; these are {ready}", name)


class _Checked:
    """Reads a mapping, and names everything that is wrong with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._violations: list[Violation] = []

    def mapping(self, text: str, kind: str) -> KindMapping:
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            raise _invalid(f"is not YAML{where}", self._name) from None
        except RecursionError:
            raise _invalid("is nested too deep", self._name) from None
        document = self._keys("", document, {"file", *KINDS})
        if self._violations:
            raise InvalidRequest(self._violations)
        if kind not in document:
            present = ", ".join(name for name in document if name != "file") or "nothing"
            raise _invalid(f"maps no {kind}; it maps {present}", self._name)
        options = self._options(document.get("file"))
        mapping = self._kind(kind, document[kind], options)
        if self._violations:
            raise InvalidRequest(self._violations)
        return mapping

    def _options(self, written: object) -> FileOptions:
        options = self._keys("file", written, set(FileOptions.__dataclass_fields__))
        may_lack = options.pop("may_lack", [])
        if not isinstance(may_lack, list) or not all(isinstance(name, str) for name in may_lack):
            self._break("file.may_lack", "must be a list of columns")
            may_lack = []
        for name, value in list(options.items()):
            if not isinstance(value, str):
                self._break(f"file.{name}", f"is {value!r}, must be a text; put it in quotes")
                del options[name]
        read = FileOptions(**options, may_lack=tuple(may_lack))
        if len(read.delimiter) != 1:
            self._break("file.delimiter", f"is {read.delimiter!r}, must be one character")
        if read.decimal not in ("point", "comma"):
            self._break("file.decimal", f"is {read.decimal!r}, must be point or comma")
        try:
            "".encode(read.encoding)
        except LookupError:
            self._break("file.encoding", f"{read.encoding!r} is not known; try windows-1252")
        try:
            ZoneInfo(read.time_zone)
        except (KeyError, OSError, ValueError):
            self._break("file.time_zone", f"{read.time_zone!r} is not known; try Europe/Madrid")
        return read

    def _kind(self, name: str, written: object, options: FileOptions) -> KindMapping:
        kind = KINDS[name]
        parts = self._keys(name, written, {"fields", "only", "each"})
        known = set(kind.fields) | ({"attributes"} if kind.takes_attributes else set())
        fields = self._keys(f"{name}.fields", parts.get("fields"), known)
        attributes = fields.pop("attributes", None) or {}
        if not isinstance(attributes, dict):
            self._break(f"{name}.fields.attributes", "must name attributes, each with a column")
            attributes = {}
        fields |= {f"{ATTRIBUTE}{attribute}": text for attribute, text in attributes.items()}
        read = {
            key: self._field_source(f"{name}.fields.{key}", text) for key, text in fields.items()
        }
        if kind.needs_attributes:
            self._check_attributes(f"{name}.fields", attributes)
        for key, needed in kind.fields.items():
            if needed.required and key not in read:
                self._break(f"{name}.fields", f"lacks {key}, which every row needs")
        if name == "orders" and not read.keys() & {"unit_price", "line_price"}:
            self._break(f"{name}.fields", "lacks unit_price or line_price, one of which is needed")
        only = self._field_source(f"{name}.only", parts["only"]) if "only" in parts else None
        if only is not None and only.how != "sql":
            self._break(f"{name}.only", "must be a condition such as {sql: status = 'paid'}")
        return KindMapping(kind, options, read, only.text if only else "", self._each(name, parts))

    def _check_attributes(self, where: str, attributes: Collection[Any]) -> None:
        """The names are those that a plan can name as segments; `Any`: what YAML holds."""
        if not attributes:
            self._break(where, "lacks attributes, such as {tier: the column of the tier}")
        for attribute in attributes:
            if not ATTRIBUTE_NAME.fullmatch(str(attribute)):
                rule = "must be letters, digits, _ and ., not a digit first, 64 at most"
                self._break(f"{where}.attributes.{attribute}", f"is no attribute's name; it {rule}")

    def _each(self, name: str, parts: Mapping[str, Any]) -> tuple[str, str] | None:
        each = parts.get("each")
        if each is None:
            return None
        if isinstance(each, dict) and len(each) == 1:
            ((item, column),) = each.items()
            if isinstance(item, str) and item.isidentifier() and isinstance(column, str):
                return column, item
        self._break(
            f"{name}.each", "must be like {item: line_items}: a name, and a column of lists"
        )
        return None

    def _field_source(self, where: str, written: object) -> FieldSource:
        if isinstance(written, str) and written:
            return FieldSource("column", written)
        if isinstance(written, dict) and len(written) == 1:
            ((how, text),) = written.items()
            if how in ("column", "sql", "value") and isinstance(text, str) and text:
                return FieldSource(how, text)
        self._break(where, "must be a column, {sql: an expression} or {value: a text in quotes}")
        return FieldSource("value", "")

    def _keys(self, where: str, written: object, known: Collection[str]) -> dict[str, Any]:
        """The entries of a part of the mapping; `Any`: what YAML holds."""
        if written is None:
            return {}
        if not isinstance(written, dict):
            self._break(where, f"must have entries such as {sorted(known)[0]}")
            return {}
        for key in written:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                there = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
                self._break(f"{where}.{key}" if where else str(key), f"is not known; {there}")
        return {key: value for key, value in written.items() if key in known}

    def _break(self, where: str, text: str) -> None:
        self._violations.append(Violation(f"{self._name}: {where}" if where else self._name, text))


def _invalid(text: str, name: str) -> InvalidRequest:
    return InvalidRequest([Violation(name, text)])

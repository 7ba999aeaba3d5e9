"""Reads a row's values, and names what is missing or unreadable."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fairlift_server.importing.kinds import Field, Kind, Type
from fairlift_server.importing.mapping import ATTRIBUTE
from fairlift_server.importing.values import UnreadableValue, Values

# Any: a value of a field's type.
RowValues = dict[str, Any]


class RowRefusal(Exception):
    """A row that is no event: the field and one sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Refused(NamedTuple):
    """Rows of a file that are not taken, and why."""

    lines: Sequence[int]
    field: str
    message: str
    reason: str = "invalid"


class RowReader:
    """Reads rows of one kind, whose values come in the order of the fields."""

    def __init__(self, kind: Kind, fields: Sequence[str], values: Values) -> None:
        of = {name: kind.fields.get(name, Field(Type.TEXT)) for name in fields}
        # A text is what it is: it needs no reader.
        self._fields = [
            (name, None if field.type is Type.TEXT else values.reader(field.type))
            for name, field in of.items()
        ]
        self._required = [
            name for name, field in of.items() if field.required and not name.startswith(ATTRIBUTE)
        ]

    def read(self, values: Sequence[Any]) -> RowValues:
        """The values that are there, by field; `Any`: as DuckDB gave them.

        Raises:
            RowRefusal: one is not of its type.
        """
        read: RowValues = {}
        for (name, reader), value in zip(self._fields, values, strict=True):
            if value is None or value == "":
                continue
            if reader is None:
                read[name] = value
                continue
            try:
                read[name] = reader(value)
            except UnreadableValue as error:
                raise RowRefusal(name, str(error)) from None
        return read

    def check(self, read: RowValues) -> None:
        """Raises RowRefusal where a field that is needed is missing."""
        for name in self._required:
            if name not in read:
                raise RowRefusal(name, "is missing")

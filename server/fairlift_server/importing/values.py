"""Reads the values of fields from what stands in a file. No amount goes through a float."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from fairlift_server.importing.kinds import Type
from fairlift_server.importing.mapping import FileOptions

# Stands before a text that does not have the form of the mapping's times.
NO_TIME = "\N{REPLACEMENT CHARACTER}"
MICROS_DIGITS = 6
PICOS_DIGITS = 12
_MAX_DIGITS = 40
_REMEMBERED = 16_384
_POINT = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+(?=\.))(?:\.\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?", re.ASCII)
_EXPONENT = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}", re.ASCII)
# Shopify writes a blank before the offset.
_BLANK_OFFSET = re.compile(r" (?=[+-]\d\d:?\d\d$)")
_UTC = re.compile(r" ?(?:UTC|GMT)$")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)
_YES = frozenset({"true", "yes", "y", "t", "1", "on"})
_NO = frozenset({"false", "no", "n", "f", "0", "off"})

# Any: what the readers below make of a text.
Reader = Callable[[Any], Any]


class UnreadableValue(Exception):
    """A value is not of its field's type; the text says what it must be."""


class Values:
    """Reads values by the options of a mapping."""

    def __init__(self, options: FileOptions) -> None:
        self._has_comma = options.decimal == "comma"
        self._number = _COMMA if self._has_comma else _POINT
        self._zone = ZoneInfo(options.time_zone)
        # Prices and quantities come again and again, and times in the next line of an order.
        remembered = lru_cache(_REMEMBERED)
        self._readers: dict[Type, Reader] = {
            Type.TEXT: str,
            Type.TIME: lru_cache(1)(self.time_us),
            Type.AMOUNT: remembered(self.micros),
            Type.WHOLE: remembered(self.whole),
            Type.NUMBER: remembered(self.number),
            Type.YES_NO: remembered(yes_no),
            Type.LIST: texts,
        }

    def reader(self, kind: Type) -> Reader:
        """What reads values of a type."""
        return self._readers[kind]

    def micros(self, text: str) -> int:
        """An amount, rounded half up to a micro."""
        return self.scaled(text, MICROS_DIGITS)

    def scaled(self, text: str, digits: int) -> int:
        """A number as a whole number of units of its last digit.

        Raises:
            UnreadableValue: the text is no number in this form.
        """
        return scaled_number(self._plain(text), digits)

    def number(self, text: str) -> str:
        """A number, as Python writes it."""
        return self._plain(text)

    def whole(self, text: str) -> int:
        """A whole number.

        Raises:
            UnreadableValue: it is none.
        """
        whole, _, decimals = self._plain(text).partition(".")
        if decimals.strip("0"):
            raise UnreadableValue(f"is {_shown(text)}, must be a whole number")
        try:
            return int(whole)
        except ValueError:
            raise UnreadableValue(f"is {_shown(text)}, must be a whole number") from None

    def _plain(self, text: str) -> str:
        text = text.strip()
        if len(text) > _MAX_DIGITS or not self._number.fullmatch(text):
            if len(text) <= _MAX_DIGITS and _EXPONENT.fullmatch(text):
                return text
            raise UnreadableValue(self._no_number(text))
        if self._has_comma:
            return text.replace(".", "").replace(",", ".")
        return text.replace(",", "")

    def _no_number(self, text: str) -> str:
        other, word = (_POINT, "point") if self._has_comma else (_COMMA, "comma")
        hint = ""
        if other.fullmatch(text):
            hint = f"; if all are written so, set `decimal: {word}` in the mapping's `file`"
        example = "1234,50" if self._has_comma else "1234.50"
        return f"is {_shown(text)}, must be a number such as {example}{hint}"

    def time_us(self, value: str | int) -> int:
        """A time in microseconds since 1970.

        Raises:
            UnreadableValue: the text is no time, or names a day that is not in the calendar.
        """
        if isinstance(value, int):
            return value
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = _other_time(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        try:
            return (moment - _EPOCH) // _MICROSECOND
        except OverflowError:
            raise UnreadableValue(
                f"is {_shown(text)}, must be within the years 1 to 9999"
            ) from None


def scaled_number(plain: str, digits: int) -> int:
    """A number as Python writes it, as a whole number of units of its last digit.

    >>> scaled_number("0.0000345", 12)
    34500000
    """
    whole, _, decimals = plain.partition(".")
    if len(decimals) <= digits and "e" not in plain and "E" not in plain:
        return int(whole + decimals) * int(10 ** (digits - len(decimals)))
    return int(Decimal(plain).scaleb(digits).to_integral_value(ROUND_HALF_UP))


def _other_time(text: str) -> datetime:
    if not text.startswith(NO_TIME):
        try:
            return datetime.fromisoformat(_UTC.sub("Z", _BLANK_OFFSET.sub("", text)))
        except ValueError:
            pass
    shown = _shown(text.removeprefix(NO_TIME))
    raise UnreadableValue(
        f"is {shown}, must be a time of the calendar such as 2026-11-30T09:15:00+01:00; set "
        "`time_format` in the mapping's `file` for another form"
    )


def yes_no(text: str) -> bool:
    """Yes or no, in any usual spelling.

    Raises:
        UnreadableValue: it is neither.
    """
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise UnreadableValue(f"is {_shown(text)}, must be yes or no")


def texts(value: str | list[str | None]) -> list[str]:
    """The texts of a list; in one text, commas stand between them.

    >>> texts("SUMMER10, FREESHIP")
    ['SUMMER10', 'FREESHIP']
    """
    parts = value.split(",") if isinstance(value, str) else [part or "" for part in value]
    return [part.strip() for part in parts if part.strip()]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")

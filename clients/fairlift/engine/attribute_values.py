"""The one door for attributes: what a storefront's value means.

Every value passes it before a condition reads it, before a call carries it to the server, and
before an exposure records it. So the three cannot differ.
"""

import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from math import inf, nan
from numbers import Real
from typing import Any, TypeAlias
from uuid import UUID

AttributeValue: TypeAlias = str | float | bool | datetime | tuple[str, ...]


def attribute_value(value: object) -> AttributeValue | None:
    """What the value means; None when it means nothing, and the attribute counts as missing.

    Texts and true or false are themselves, and numbers of any class are doubles, as in the
    contract. A time is in UTC, to the microsecond; one without a zone is taken as UTC, and a date
    is its midnight in UTC. Members of an Enum are their values, and a UUID is its text. Texts in a
    list, tuple or set stay together. Anything else means nothing, also a text without a UTF-8 form,
    and an object that only behaves like a text. Never raises.

    >>> attribute_value(7), attribute_value(Decimal("9.50")), attribute_value(date(2026, 3, 1))
    (7.0, 9.5, datetime.datetime(2026, 3, 1, 0, 0, tzinfo=datetime.timezone.utc))
    >>> attribute_value({"b", "a"}), attribute_value(["a", 1]), attribute_value(b"a")
    (('a', 'b'), None, None)
    """
    if value is None or type(value) is float or type(value) is bool:
        return value
    try:
        return _meaning(value)
    except Exception:  # a class of the caller's own may raise what it likes
        return None


def _meaning(value: Any) -> AttributeValue | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float | Decimal):
        return _double(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, list | tuple):
        return _texts(value)
    if isinstance(value, set | frozenset):
        texts = _texts(value)
        return None if texts is None else tuple(sorted(texts))
    if isinstance(value, Enum):
        return attribute_value(value.value)
    if isinstance(value, UUID):
        return str(value)
    # Only a program that has imported NumPy can have its values.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return _from_numpy(value)
    return _double(value) if isinstance(value, Real) else None


def _text(value: str) -> str | None:
    text = "".join([value])  # a plain str: subclasses may override hashing and comparison
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as in a broken header
            return None
    return text


def _double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number or a fraction beyond the largest double
        return inf if value > 0 else -inf
    except ValueError:  # a Decimal that is a signalling NaN
        return nan


def _instant(value: datetime) -> datetime:
    zoned = value.replace(tzinfo=UTC) if value.utcoffset() is None else value.astimezone(UTC)
    # Field by field: subclasses may count nanoseconds, or be no time at all (pandas.NaT).
    return datetime(
        zoned.year,
        zoned.month,
        zoned.day,
        zoned.hour,
        zoned.minute,
        zoned.second,
        zoned.microsecond,
        tzinfo=UTC,
    )


def _texts(values: Iterable[object]) -> tuple[str, ...] | None:
    texts = []
    for value in values:
        text = attribute_value(value)
        if not isinstance(text, str):
            return None
        texts.append(text)
    return tuple(texts)


def _from_numpy(value: Any) -> AttributeValue | None:
    match value.dtype.kind:
        case "b":
            return bool(value)
        case "i" | "u" | "f":
            return _double(value)
        case "M":
            moment = value.astype("datetime64[us]").item()
            return _instant(moment) if isinstance(moment, datetime) else None
        case _:
            return None

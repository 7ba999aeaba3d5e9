"""Converts YAML values to values of the contract's fields; a mistake is one sentence."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.descriptor import FieldDescriptor

from fairlift_cli.findings import did_you_mean
from fairlift_cli.schema import ValueForm, enum_words
from fairlift_cli.yaml_tree import YAML_NUMBER, YamlMapping, YamlScalar, YamlValue

_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?%", re.ASCII)
# Numbers of YAML 1.2 that JSON writes in another way, or not at all.
_ONLY_YAML = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|0x[0-9a-fA-F]+|0o[0-7]+")
_EXACT = 2**53
# Characters of a value in an error.
_SHOWN = 60
_YAML_1_1 = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGERS = {FieldDescriptor.CPPTYPE_INT32: 2**31, FieldDescriptor.CPPTYPE_INT64: 2**63}
_CAMPAIGNS = "campaigns/"


class WrongValue(Exception):
    """The value does not fit the field; the message says what it must be."""


def scalar_value(
    tree: YamlValue, field: FieldDescriptor, form: ValueForm
) -> str | int | float | bool:
    """The value for a field that is not a message.

    Raises:
        Mistaken: it is of another kind or out of range.
    """
    value = required_scalar(tree, _expected(field, form))
    if form is ValueForm.PERCENT:
        return _basis_points(value)
    if form is ValueForm.CAMPAIGN:
        return value.text if value.text.startswith(_CAMPAIGNS) else _CAMPAIGNS + value.text
    if field.enum_type is not None:
        return _enum(value, enum_words(field.enum_type))
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return value.text
        case FieldDescriptor.CPPTYPE_BOOL:
            return _bool(value)
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return _double(value)
    return _integer(value, _INTEGERS[field.cpp_type])


def required_scalar(tree: YamlValue, expected: str) -> YamlScalar:
    """The scalar, if the tree is one and not empty.

    Raises:
        Mistaken: it is a list, a mapping or nothing.
    """
    if not isinstance(tree, YamlScalar):
        kind = "a mapping" if isinstance(tree, YamlMapping) else "a list"
        raise WrongValue(f"is {kind}, must be {expected}")
    if tree.is_null:
        raise WrongValue(f"has no value, must be {expected}; or remove the line")
    return tree


def timestamp(tree: YamlValue) -> datetime:
    """A time in ISO 8601 with its time zone.

    Raises:
        Mistaken: it is something else.
    """
    expected = "a time such as 2026-11-27T08:00:00Z"
    written = required_scalar(tree, expected).text
    try:
        time_value = datetime.fromisoformat(written)
    except ValueError:
        raise WrongValue(f"is {_quoted(written)}, must be {expected}") from None
    if time_value.tzinfo is None:
        with_zone = f"{time_value.isoformat()}Z"
        raise WrongValue(f"is {written}, which has no time zone; write {with_zone} for UTC")
    try:
        time_value.astimezone(UTC)
    except OverflowError:
        raise WrongValue(f"is {written}, must be in the years 1 to 9999 in UTC") from None
    return time_value


def json_value(value: YamlScalar) -> str | float | bool | None:
    """The value as JSON has it, for payloads and audiences.

    Raises:
        Mistaken: a number that a double cannot hold, or that JSON does not have.
    """
    if value.is_null:
        return None
    if (truth := value.as_bool) is not None:
        return truth
    number = value.as_number
    if number is None:
        if not value.quoted and _ONLY_YAML.fullmatch(value.text):
            raise WrongValue(
                f"is {value.text}, a number in YAML and none in JSON; quote it if a text is meant"
            )
        return value.text
    if (abs(number) > _EXACT and isinstance(number, int)) or not math.isfinite(number):
        raise WrongValue(f"is {as_written(value)}, which is too large to be exact; quote it")
    return float(number)


def _expected(field: FieldDescriptor, form: ValueForm) -> str:
    if form is ValueForm.PERCENT:
        return "a percentage such as 50%"
    if field.enum_type is not None:
        return _one_of(enum_words(field.enum_type))
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return "a text"
        case FieldDescriptor.CPPTYPE_BOOL:
            return "true or false"
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return "a number"
    return "a whole number"


def _basis_points(value: YamlScalar) -> int:
    match = _PERCENT.fullmatch(value.text)
    if not match:
        expected = "a percentage such as 50%"
        raise WrongValue(f"is {as_written(value)}, must be {expected}{_percent_hint(value)}")
    points = float(match[1]) * 100
    if abs(points - round(points)) > 1e-6:
        raise WrongValue(f"is {value.text}, must have at most two decimals")
    if not 0 <= points <= 10_000:
        raise WrongValue(f"is {value.text}, must be 0% to 100%")
    return round(points)


def _percent_hint(value: YamlScalar) -> str:
    """A number below 1 is most often meant as a share, another one as per cent."""
    number = value.as_number
    if number is None or not 0 <= number <= 100:
        return ""
    if number == 1:
        return "; did you mean 100%, or 1%?"
    meant = f"{100 * number:g}%" if 0 < number < 1 else f"{value.text}%"
    return f"; did you mean {meant}?"


def _bool(value: YamlScalar) -> bool:
    truth = value.as_bool
    if truth is None:
        intended = _YAML_1_1.get(value.text.lower(), value.text.lower())
        hint = f"; did you mean {intended}?" if intended in ("true", "false") else ""
        raise WrongValue(f"is {as_written(value)}, must be true or false{hint}")
    return truth


def _double(value: YamlScalar) -> float:
    if percent := _PERCENT.fullmatch(value.text):
        return float(percent[1]) / 100
    number = value.as_number
    if number is None or not math.isfinite(number):
        raise WrongValue(f"is {as_written(value)}, must be a number{_quotes_hint(value)}")
    return float(number)


def _integer(value: YamlScalar, limit: int) -> int:
    number = value.as_number
    if isinstance(number, float) and number.is_integer():
        raise WrongValue(f"is {as_written(value)}, must be a whole number in digits alone")
    if not isinstance(number, int):
        raise WrongValue(f"is {as_written(value)}, must be a whole number{_quotes_hint(value)}")
    if not -limit <= number < limit:
        end = f"at most {limit - 1}" if number > 0 else f"at least {-limit}"
        raise WrongValue(f"is {as_written(value)}, must be {end}")
    return number


def _enum(value: YamlScalar, words: Mapping[str, int]) -> int:
    if value.text not in words:
        hint = did_you_mean(value.text, words)
        raise WrongValue(f"is {as_written(value)}, must be {_one_of(words)}{hint}")
    return words[value.text]


def _one_of(words: Mapping[str, int]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def as_written(value: YamlScalar) -> str:
    """The value as an error shows it: a text in quotes, a number, true and false without."""
    is_text = value.as_number is None and value.as_bool is None
    return _quoted(value.text) if is_text or len(value.text) > _SHOWN else value.text


def _quotes_hint(value: YamlScalar) -> str:
    is_number = value.quoted and YAML_NUMBER.fullmatch(value.text)
    return "; remove the quotes" if is_number else ""


def _quoted(text: str) -> str:
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[: _SHOWN - 1]}…"'

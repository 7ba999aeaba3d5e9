"""From what was written to what a field of the contract holds; each mistake in one sentence."""

import math
import re
from collections.abc import Mapping
from datetime import datetime

from google.protobuf.descriptor import FieldDescriptor

from fairlift_cli.findings import did_you_mean
from fairlift_cli.schema import Form, enum_words
from fairlift_cli.yaml_tree import Fields, Scalar, Tree

_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?%", re.ASCII)
_EXACT = 2**53
_YAML_1_1 = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGERS = {FieldDescriptor.CPPTYPE_INT32: 2**31, FieldDescriptor.CPPTYPE_INT64: 2**63}
_CAMPAIGNS = "campaigns/"


class Mistaken(Exception):
    """The value is not what the field holds; the text says what it must be."""


def scalar(tree: Tree, field: FieldDescriptor, form: Form) -> str | int | float | bool:
    """The value for a field that is no message.

    Raises:
        Mistaken: it is of another kind or out of range.
    """
    value = one_scalar(tree, _wanted(field, form))
    if form is Form.PERCENT:
        return _basis_points(value)
    if form is Form.CAMPAIGN:
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


def one_scalar(tree: Tree, wanted: str) -> Scalar:
    """The tree, if it is one value and not empty.

    Raises:
        Mistaken: it is a list, a mapping or nothing.
    """
    if not isinstance(tree, Scalar):
        kind = "a mapping" if isinstance(tree, Fields) else "a list"
        raise Mistaken(f"is {kind}, must be {wanted}")
    if tree.is_null:
        raise Mistaken(f"has no value, must be {wanted}; or remove the line")
    return tree


def time(tree: Tree) -> datetime:
    """A moment in ISO 8601 with its zone.

    Raises:
        Mistaken: it is something else.
    """
    wanted = "a time such as 2026-11-27T08:00:00Z"
    text = one_scalar(tree, wanted).text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Mistaken(f"is {_shown(text)}, must be {wanted}") from None
    if moment.tzinfo is None:
        whole = f"{moment.isoformat()}Z"
        raise Mistaken(f"is {text}, which has no time zone; write {whole} for UTC")
    return moment


def loose(value: Scalar) -> str | float | bool | None:
    """The value as JSON would have it: what stands in payloads and audiences.

    Raises:
        Mistaken: a number that a double cannot hold.
    """
    if value.is_null:
        return None
    if (truth := value.as_bool) is not None:
        return truth
    number = value.as_number
    if number is None:
        return value.text
    if (abs(number) > _EXACT and isinstance(number, int)) or not math.isfinite(number):
        raise Mistaken(f"is {_shown(value.text)}, which is too large to be exact; quote it")
    return float(number)


def _wanted(field: FieldDescriptor, form: Form) -> str:
    if form is Form.PERCENT:
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


def _basis_points(value: Scalar) -> int:
    found = _PERCENT.fullmatch(value.text)
    if not found:
        hint = f"; did you mean {value.text}%?" if value.as_number is not None else ""
        raise Mistaken(f"is {_shown(value.text)}, must be a percentage such as 50%{hint}")
    points = float(found[1]) * 100
    if abs(points - round(points)) > 1e-6:
        raise Mistaken(f"is {value.text}, must have at most two decimals")
    if not 0 <= points <= 10_000:
        raise Mistaken(f"is {value.text}, must be 0% to 100%")
    return round(points)


def _bool(value: Scalar) -> bool:
    truth = value.as_bool
    if truth is None:
        meant = _YAML_1_1.get(value.text.lower(), value.text.lower())
        hint = f"; did you mean {meant}?" if meant in ("true", "false") else ""
        raise Mistaken(f"is {_shown(value.text)}, must be true or false{hint}")
    return truth


def _double(value: Scalar) -> float:
    if percent := _PERCENT.fullmatch(value.text):
        return float(percent[1]) / 100
    number = value.as_number
    if number is None or not math.isfinite(number):
        raise Mistaken(f"is {_shown(value.text)}, must be a number")
    return float(number)


def _integer(value: Scalar, limit: int) -> int:
    number = value.as_number
    if not isinstance(number, int):
        raise Mistaken(f"is {_shown(value.text)}, must be a whole number")
    if not -limit <= number < limit:
        raise Mistaken(f"is {_shown(value.text)}, must be at most {limit - 1}")
    return number


def _enum(value: Scalar, words: Mapping[str, int]) -> int:
    if value.text not in words:
        hint = did_you_mean(value.text, words)
        raise Mistaken(f"is {_shown(value.text)}, must be {_one_of(words)}{hint}")
    return words[value.text]


def _one_of(words: Mapping[str, int]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= 60 else f'"{text[:59]}…"'

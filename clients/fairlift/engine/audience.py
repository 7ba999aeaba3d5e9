"""Audiences: a typed tree of conditions on a visitor's attributes.

A condition on an attribute that the visitor does not have (absent or None) is false, also `!=` and
`not in`: nobody is included by a value that is not known. `not country == "ES"` includes visitors
without a country. Values are never converted: "30" is not 30, and true is not 1.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.engine.versions import version_key

MAX_NODES = 256
MAX_CONDITION_DEPTH = 16
MAX_LIST = 10_000
MAX_ATTRIBUTE_TEXT = 1_024
_EXACT = 2**53  # beyond it a double, the contract's number, cannot hold all integers
_SURROGATE = re.compile("[\ud800-\udfff]")
ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}", re.ASCII)

Scalar: TypeAlias = str | int | float | bool | datetime


class CompareOp(StrEnum):
    """A comparison; its value is the operator in the short form."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class TextOp(StrEnum):
    """A test of a text, case-sensitive; its value is the word in the short form."""

    CONTAINS = "contains"
    PREFIX = "starts_with"
    SUFFIX = "ends_with"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of the conditions hold; without conditions, it holds for everybody."""

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        _check_budget(self)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds; without conditions, it holds for nobody."""

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        _check_budget(self)


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"

    def __post_init__(self) -> None:
        _check_budget(self)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of the attribute with a value; `<` to `>=` are for numbers and times only."""

    attribute: str
    op: CompareOp
    value: Scalar

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)
        if self.op in (CompareOp.EQ, CompareOp.NE):
            _check_scalar("value", self.value)
        else:
            _check_ordered("value", self.value)


@dataclass(frozen=True, slots=True)
class In:
    """The attribute is one of the values; negated: it exists and is not one of them."""

    attribute: str
    values: tuple[Scalar, ...]
    negated: bool = False

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)
        if not self.values:
            raise _invalid("values", "is empty; list at least one value")
        if len(self.values) > MAX_LIST:
            raise _invalid("values", f"has {len(self.values)} values, must be at most {MAX_LIST}")
        for index, value in enumerate(self.values):
            _check_scalar(f"values[{index}]", value)


@dataclass(frozen=True, slots=True)
class Between:
    """The attribute lies between low and high, both included."""

    attribute: str
    low: int | float | datetime
    high: int | float | datetime

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)
        _check_ordered("low", self.low)
        _check_ordered("high", self.high)
        if isinstance(self.low, datetime) != isinstance(self.high, datetime):
            raise _invalid("high", "must be of the same kind as low: two numbers or two times")
        if self.low > self.high:  # type: ignore[operator]  # same kind, by the check above
            raise _invalid("high", f"is {self.high}, must not be below low, which is {self.low}")


@dataclass(frozen=True, slots=True)
class Text:
    """The text of the attribute contains, starts or ends with the value.

    `contains` on a list of texts asks whether the value is one of its elements.
    """

    attribute: str
    op: TextOp
    value: str

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)
        _check_text(self.value)
        if not self.value:
            raise _invalid("value", "is empty, so every text would match; use exists instead")


@dataclass(frozen=True, slots=True)
class Version:
    """A comparison of the attribute, as a semantic version, with a value.

    Precedence is that of semver.org 2.0.0; a leading "v" and missing parts ("2.1") are accepted.
    """

    attribute: str
    op: CompareOp
    value: str

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)
        _check_text(self.value)
        if version_key(self.value) is None:
            raise _invalid("value", f'is {self.value!r}, must be a version such as "2.10.0"')


@dataclass(frozen=True, slots=True)
class Exists:
    """The attribute exists, with any value."""

    attribute: str

    def __post_init__(self) -> None:
        _check_attribute(self.attribute)


Leaf: TypeAlias = Compare | In | Between | Text | Version | Exists
Condition: TypeAlias = AllOf | AnyOf | Not | Leaf


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions directly below this one."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            return conditions
        case Not(inner):
            return (inner,)
        case _:
            return ()


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions on single attributes in the tree, in order."""
    if isinstance(condition, AllOf | AnyOf | Not):
        for child in children(condition):
            yield from leaves(child)
    else:
        yield condition


def attributes(condition: Condition) -> frozenset[str]:
    """The names of the attributes that the condition uses."""
    return frozenset(leaf.attribute for leaf in leaves(condition))


def node_count(condition: Condition) -> int:
    """The number of conditions in the tree, including the root."""
    return 1 + sum(map(node_count, children(condition)))


def depth(condition: Condition) -> int:
    """The number of levels of the tree, including the root."""
    return 1 + max(map(depth, children(condition)), default=0)


def _check_budget(condition: Condition) -> None:
    nodes = node_count(condition)
    if nodes > MAX_NODES:
        raise _invalid(
            "", f"has {nodes} conditions, must be at most {MAX_NODES}; join values with `in`"
        )
    levels = depth(condition)
    if levels > MAX_CONDITION_DEPTH:
        raise _invalid("", f"is {levels} levels deep, must be at most {MAX_CONDITION_DEPTH}")


def _check_attribute(name: str) -> None:
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise _invalid(
            "attribute",
            f"is {name!r}, must be a letter or _ followed by letters, digits, _ and dots, "
            "64 characters at most",
        )


def _check_scalar(field: str, value: Scalar) -> None:
    match value:
        case bool():
            pass
        case str():
            if len(value) > MAX_ATTRIBUTE_TEXT:
                raise _invalid(
                    field, f"has {len(value)} characters, must have at most {MAX_ATTRIBUTE_TEXT}"
                )
            if not value.isprintable() and _SURROGATE.search(value):
                raise _invalid(field, f"is {value!r}, must be valid Unicode")
        case int():
            if not -_EXACT <= value <= _EXACT:
                raise _invalid(field, f"is {value}, must lie within ±2^53; use a text for an id")
        case float():
            if not math.isfinite(value):
                raise _invalid(field, f"is {value}, must be finite")
        case datetime():
            if value.tzinfo is None:
                raise _invalid(field, f"is {value}, must have a time zone; write {value}Z for UTC")
        case _:
            # The annotation excludes this case, but callers need not be type-checked.
            kinds = "a text, a number, true, false or a time"  # type: ignore[unreachable]
            raise _invalid(field, f"is {value!r}, must be {kinds}")


def _check_text(value: str) -> None:
    if not isinstance(value, str):
        raise _invalid("value", f"is {value!r}, must be a text")
    _check_scalar("value", value)


def _check_ordered(field: str, value: Scalar) -> None:
    if isinstance(value, bool | str) or not isinstance(value, int | float | datetime):
        raise _invalid(
            field, f"is {value!r}, must be a number or a time; use version() to order versions"
        )
    _check_scalar(field, value)


def _invalid(field: str, message: str) -> InvalidCampaign:
    return InvalidCampaign((Violation(field, message),))


EVERYBODY = AllOf(())
NOBODY = AnyOf(())

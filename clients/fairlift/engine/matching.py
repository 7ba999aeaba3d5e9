"""Matchers: conditions compiled for fast evaluation on a visitor's attributes.

A matcher never raises for a value: what cannot be compared does not match. Plain texts and numbers
are compared at once; values of any other class, which may raise any error when they are compared,
hashed or converted, pass `attribute_value` first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias, assert_never

from fairlift.engine.attribute_values import attribute_value
from fairlift.engine.audience import (
    AllOf,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    Exists,
    In,
    Not,
    Scalar,
    Text,
    TextOp,
    Version,
)
from fairlift.engine.versions import version_key

# What each value means is in `attribute_value`; one that means nothing is a missing attribute.
Attributes: TypeAlias = Mapping[str, object]
# Exactly a dict, which is the fastest to read.
PlainAttributes: TypeAlias = dict[str, object]

# Beyond it a double, the contract's number, cannot hold all integers.
_EXACT: Final = 2**53

_ORDERS: dict[CompareOp, Callable[[Any, Any], bool]] = {
    CompareOp.EQ: eq,
    CompareOp.NE: ne,
    CompareOp.LT: lt,
    CompareOp.LE: le,
    CompareOp.GT: gt,
    CompareOp.GE: ge,
}


def plain_attributes(attributes: Attributes, names: Iterable[str]) -> PlainAttributes:
    """The attributes with these names, from a mapping of any kind.

    Web frameworks have mappings whose items differ from what they store, such as lists.
    """
    present = attributes.keys()
    return {name: attributes[name] for name in names if name in present}


# Not a Protocol, which makes a compiled decision 39 % slower, nor an ABC, over which mypyc cannot
# build slotted dataclasses.
class Matcher:
    """A compiled condition."""

    __slots__ = ()

    def matches(self, attributes: PlainAttributes) -> bool:
        """Whether the condition holds for a visitor's attributes."""
        raise NotImplementedError


def matcher(condition: Condition) -> Matcher:
    """Compiles the condition.

    >>> audience = matcher(Compare("cart_value", CompareOp.GE, 30))
    >>> audience.matches({"cart_value": 49.9})
    True
    >>> audience.matches({"cart_value": "49.9"}), audience.matches({})
    (False, False)
    """
    match condition:
        case AllOf(conditions):
            return _all([matcher(child) for child in conditions])
        case AnyOf(conditions):
            return _any([matcher(child) for child in conditions])
        case Not(inner):
            return _Not(matcher(inner))
        case Compare(name, CompareOp.EQ, value):
            return _equals(name, value)
        case Compare(name, CompareOp.NE, value):
            return _PresentAndNot(name, _equals(name, value))
        case Compare(name, op, value):
            return _ordered(name, op, value)
        case In(name, values, negated):
            among = _among(name, values)
            return _PresentAndNot(name, among) if negated else among
        case Between(name, low, high):
            above, below = _ordered(name, CompareOp.GE, low), _ordered(name, CompareOp.LE, high)
            return _Both(above, below)
        case Text(name, op, value):
            return _text(name, op, value)
        case Version(name, op, value):
            return _version(name, op, value)
        case Exists(name):
            return _Test(name, lambda value: value is not None)
    assert_never(condition)


def _all(matchers: list[Matcher]) -> Matcher:
    match matchers:
        case [only]:
            return only
        case [first, second]:
            return _Both(first, second)
    return _All(tuple(matchers))


def _any(matchers: list[Matcher]) -> Matcher:
    return matchers[0] if len(matchers) == 1 else _Any(tuple(matchers))


@dataclass(slots=True)
class _Both(Matcher):
    first: Matcher
    second: Matcher

    def matches(self, attributes: PlainAttributes) -> bool:
        return self.first.matches(attributes) and self.second.matches(attributes)


@dataclass(slots=True)
class _All(Matcher):
    matchers: tuple[Matcher, ...]

    def matches(self, attributes: PlainAttributes) -> bool:
        for inner in self.matchers:  # noqa: SIM110  # costs half of all() over a generator
            if not inner.matches(attributes):
                return False
        return True


@dataclass(slots=True)
class _Any(Matcher):
    matchers: tuple[Matcher, ...]

    def matches(self, attributes: PlainAttributes) -> bool:
        for inner in self.matchers:  # noqa: SIM110  # costs half of any() over a generator
            if inner.matches(attributes):
                return True
        return False


@dataclass(slots=True)
class _Not(Matcher):
    inner: Matcher

    def matches(self, attributes: PlainAttributes) -> bool:
        return not self.inner.matches(attributes)


@dataclass(slots=True)
class _PresentAndNot(Matcher):
    name: str
    inner: Matcher

    def matches(self, attributes: PlainAttributes) -> bool:
        is_present = attribute_value(attributes.get(self.name)) is not None
        return is_present and not self.inner.matches(attributes)


@dataclass(slots=True)
class _Test(Matcher):
    """Any other test of what one attribute means, which is None when it is missing."""

    name: str
    predicate: Callable[[object], bool]

    def matches(self, attributes: PlainAttributes) -> bool:
        return self.predicate(attribute_value(attributes.get(self.name)))


@dataclass(slots=True)
class _EqualsText(Matcher):
    name: str
    value: str

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if type(actual) is not str:
            actual = attribute_value(actual)
        equal: bool = actual == self.value
        return equal


@dataclass(slots=True)
class _Is(Matcher):
    name: str
    value: bool

    def matches(self, attributes: PlainAttributes) -> bool:
        return attribute_value(attributes.get(self.name)) is self.value


@dataclass(slots=True)
class _EqualsNumber(Matcher):
    name: str
    value: int | float

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if not _is_number(actual):
            actual = attribute_value(actual)
            if type(actual) is not float:
                return False
        equal: bool = actual == self.value
        return equal


@dataclass(slots=True)
class _Above(Matcher):
    name: str
    value: str | int | float
    or_equal: bool

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if not _is_number(actual):
            actual = attribute_value(actual)
            if type(actual) is not float:
                return False
        above: bool = actual >= self.value if self.or_equal else actual > self.value
        return above


@dataclass(slots=True)
class _Below(Matcher):
    name: str
    value: str | int | float
    or_equal: bool

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if not _is_number(actual):
            actual = attribute_value(actual)
            if type(actual) is not float:
                return False
        below: bool = actual <= self.value if self.or_equal else actual < self.value
        return below


@dataclass(slots=True)
class _AmongTexts(Matcher):
    name: str
    values: frozenset[Scalar]

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if type(actual) is not str:
            actual = attribute_value(actual)
        return actual in self.values


@dataclass(slots=True)
class _Among(Matcher):
    name: str
    values: frozenset[Scalar]
    # The values true, false, 1 and 0, each with whether it is a boolean.
    bool_like: frozenset[tuple[bool, Scalar]]

    def matches(self, attributes: PlainAttributes) -> bool:
        actual: Any = attributes.get(self.name)
        if type(actual) is not str and not _is_number(actual):
            actual = attribute_value(actual)
        if actual in self.values:
            return True
        return bool(self.bool_like) and (isinstance(actual, bool), actual) in self.bool_like


def _is_number(actual: Any) -> bool:
    """Whether it is a plain number that compares as its double does."""
    kind = type(actual)
    return kind is float or (kind is int and _is_exact(actual))


def _is_exact(number: int) -> bool:
    return -_EXACT <= number <= _EXACT


def _equals(name: str, value: Scalar) -> Matcher:
    match value:
        case str():
            return _EqualsText(name, value)
        case bool():
            return _Is(name, value)
        case datetime():
            return _Test(name, lambda actual: actual == value)
    return _EqualsNumber(name, value)


def _ordered(name: str, op: CompareOp, value: Scalar) -> Matcher:
    if isinstance(value, datetime):
        predicate = _ORDERS[op]

        def ordered(actual: object) -> bool:
            return isinstance(actual, datetime) and predicate(actual, value)

        return _Test(name, ordered)
    if op in (CompareOp.GT, CompareOp.GE):
        return _Above(name, value, op is CompareOp.GE)
    return _Below(name, value, op is CompareOp.LE)


def _among(name: str, values: tuple[Scalar, ...]) -> Matcher:
    if all(isinstance(item, str) for item in values):
        return _AmongTexts(name, frozenset(values))
    # For Python, true equals 1 and false equals 0; only these need their type to differ.
    bool_like = frozenset((isinstance(item, bool), item) for item in values if item in (0, 1))
    plain = frozenset(item for item in values if item not in (0, 1))
    return _Among(name, plain, bool_like)


def _text(name: str, op: TextOp, value: str) -> Matcher:
    match op:
        case TextOp.PREFIX:
            return _Test(name, lambda actual: isinstance(actual, str) and actual.startswith(value))
        case TextOp.SUFFIX:
            return _Test(name, lambda actual: isinstance(actual, str) and actual.endswith(value))
        case TextOp.CONTAINS:
            return _Test(
                name,
                lambda actual: isinstance(actual, str | tuple) and value in actual,
            )
    assert_never(op)


def _version(name: str, op: CompareOp, value: str) -> Matcher:
    required, predicate = version_key(value), _ORDERS[op]

    def version(actual: object) -> bool:
        key = version_key(actual) if isinstance(actual, str) else None
        return key is not None and predicate(key, required)

    return _Test(name, version)

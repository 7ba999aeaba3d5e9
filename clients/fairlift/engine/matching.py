"""Conditions compiled to closures, so that a decision only ever calls what it needs.

A closure answers for one mapping of attributes and never raises for the value it finds there: what
cannot be compared does not match.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias, assert_never

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

# Texts, numbers (Decimal too, which shops keep money in), true and false, times (a naive one is
# taken as UTC), collections of texts. Anything else satisfies `!=`, `not in` and exists() only.
Attributes: TypeAlias = Mapping[str, object]
Matcher: TypeAlias = Callable[[Attributes], bool]

# What comparing with a stranger raises: another type, or a Decimal that is not a number.
_INCOMPARABLE = (TypeError, ArithmeticError)
_ORDERS: dict[CompareOp, Callable[..., bool]] = {
    CompareOp.EQ: eq,
    CompareOp.NE: ne,
    CompareOp.LT: lt,
    CompareOp.LE: le,
    CompareOp.GT: gt,
    CompareOp.GE: ge,
}


def matcher(condition: Condition) -> Matcher:
    """A function that says whether the condition holds for a visitor's attributes.

    >>> matches = matcher(Compare("cart_value", CompareOp.GE, 30))
    >>> matches({"cart_value": 49.9}), matches({"cart_value": "49.9"}), matches({})
    (True, False, False)
    """
    match condition:
        case AllOf(conditions):
            return _all([matcher(each) for each in conditions])
        case AnyOf(conditions):
            return _any([matcher(each) for each in conditions])
        case Not(inner):
            return _not(matcher(inner))
        case Compare(name, CompareOp.EQ, value):
            return _equals(name, value)
        case Compare(name, CompareOp.NE, value):
            return _present_and_not(name, _equals(name, value))
        case Compare(name, op, value):
            return _ordered(name, op, value)
        case In(name, values, negated):
            among = _among(name, values)
            return _present_and_not(name, among) if negated else among
        case Between(name, low, high):
            return _between(name, low, high)
        case Text(name, op, value):
            return _text(name, op, value)
        case Version(name, op, value):
            return _version(name, op, value)
        case Exists(name):
            return lambda attributes: attributes.get(name) is not None
    assert_never(condition)


def _all(matchers: list[Matcher]) -> Matcher:
    match matchers:
        case []:
            return lambda attributes: True  # noqa: ARG005  # the shape of every matcher
        case [only]:
            return only
        case [first, second]:
            return lambda attributes: first(attributes) and second(attributes)
        case [first, second, third]:
            return lambda attributes: first(attributes) and second(attributes) and third(attributes)

    def all_of(attributes: Attributes) -> bool:
        for each in matchers:  # noqa: SIM110  # costs half of all() over a generator
            if not each(attributes):
                return False
        return True

    return all_of


def _any(matchers: list[Matcher]) -> Matcher:
    match matchers:
        case [only]:
            return only
        case [first, second]:
            return lambda attributes: first(attributes) or second(attributes)

    def any_of(attributes: Attributes) -> bool:
        for each in matchers:  # noqa: SIM110  # costs half of any() over a generator
            if each(attributes):
                return True
        return False

    return any_of


def _not(inner: Matcher) -> Matcher:
    return lambda attributes: not inner(attributes)


def _present_and_not(name: str, inner: Matcher) -> Matcher:
    return lambda attributes: attributes.get(name) is not None and not inner(attributes)


def _equals(name: str, value: Scalar) -> Matcher:
    match value:
        case str():
            return lambda attributes: attributes.get(name) == value
        case bool():
            return lambda attributes: attributes.get(name) is value
        case datetime():
            return lambda attributes: _instant(attributes.get(name)) == value
    return lambda attributes: (
        (found := attributes.get(name)) == value and found.__class__ is not bool
    )


def _ordered(name: str, op: CompareOp, value: Scalar) -> Matcher:
    holds = _ORDERS[op]
    if isinstance(value, datetime):
        return lambda attributes: (
            (found := _instant(attributes.get(name))) is not None and holds(found, value)
        )

    def ordered(attributes: Attributes) -> bool:
        found = attributes.get(name)
        if found is None:
            return False
        try:
            return holds(found, value) and found.__class__ is not bool
        except _INCOMPARABLE:
            return False

    return ordered


def _between(name: str, low: int | float | datetime, high: int | float | datetime) -> Matcher:
    above, below = _ordered(name, CompareOp.GE, low), _ordered(name, CompareOp.LE, high)
    return lambda attributes: above(attributes) and below(attributes)


def _among(name: str, values: tuple[Scalar, ...]) -> Matcher:
    wanted = frozenset((value.__class__ is bool, value) for value in values)
    # Only true, false, 1 and 0 need the company of their class to be told apart.
    plain = frozenset(value for is_bool, value in wanted if not is_bool and value not in (0, 1))
    delicate = frozenset(pair for pair in wanted if pair[1] not in plain)

    def among(attributes: Attributes) -> bool:
        found = attributes.get(name)
        try:
            return found in plain
        except TypeError:  # a list, which cannot be hashed
            return False

    def among_delicate(attributes: Attributes) -> bool:
        found = attributes.get(name)
        try:
            return found in plain or (found.__class__ is bool, found) in delicate
        except TypeError:
            return False

    if any(isinstance(value, datetime) for value in values):
        exact = among_delicate if delicate else among
        return lambda attributes: exact({name: _utc(attributes.get(name))})
    return among_delicate if delicate else among


def _text(name: str, op: TextOp, value: str) -> Matcher:
    match op:
        case TextOp.PREFIX:
            return lambda attributes: (
                isinstance(found := attributes.get(name), str) and found.startswith(value)
            )
        case TextOp.SUFFIX:
            return lambda attributes: (
                isinstance(found := attributes.get(name), str) and found.endswith(value)
            )
        case TextOp.CONTAINS:
            return lambda attributes: (
                isinstance(found := attributes.get(name), str | list | tuple | set | frozenset)
                and value in found
            )
    assert_never(op)


def _version(name: str, op: CompareOp, value: str) -> Matcher:
    wanted, holds = version_key(value), _ORDERS[op]

    def version(attributes: Attributes) -> bool:
        found = attributes.get(name)
        key = version_key(found) if isinstance(found, str) else None
        return key is not None and holds(key, wanted)

    return version


def _instant(found: object) -> datetime | None:
    if not isinstance(found, datetime):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _utc(found: object) -> object:
    return _instant(found) or found

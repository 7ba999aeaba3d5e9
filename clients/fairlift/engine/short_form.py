"""Writes an audience in its short form, one readable line.

    country in ["ES", "RO"] and cart_value >= 30 and not returning

`or` binds weakest, then `and`, then `not`; parentheses group. A bare attribute is `== true`.
"""

import json
from datetime import UTC, datetime
from typing import assert_never

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
    Version,
)

__all__ = ["RESERVED", "literal", "short_form"]

# An attribute of such a name is written between backticks.
RESERVED = frozenset({"and", "or", "not", "true", "false", "in", "everybody", "nobody"})


def short_form(condition: Condition) -> str:
    """The condition as one line; campaign files write audiences in the same form.

    >>> short_form(Not(In("country", ("ES", "RO"))))
    'not country in ["ES", "RO"]'
    """
    match condition:
        case AllOf(()):
            return "everybody"
        case AnyOf(()):
            return "nobody"
        case AllOf((only,)) | AnyOf((only,)):
            return short_form(only)
        case AllOf(conditions):
            return " and ".join(_grouped(child, AllOf, AnyOf) for child in conditions)
        case AnyOf(conditions):
            return " or ".join(_grouped(child, AnyOf) for child in conditions)
        case Not(inner):
            return f"not {_grouped(inner, AllOf, AnyOf)}"
        case Compare(name, CompareOp.EQ, True):
            return _name(name)
        case Compare(name, op, value):
            return f"{_name(name)} {op} {literal(value)}"
        case In(name, values, negated):
            listed = ", ".join(map(literal, values))
            return f"{_name(name)} {'not in' if negated else 'in'} [{listed}]"
        case Between(name, low, high):
            return f"{_name(name)} between {literal(low)} and {literal(high)}"
        case Text(name, op, value):
            return f"{_name(name)} {op} {literal(value)}"
        case Version(name, op, value):
            return f"version({_name(name)}) {op} {literal(value)}"
        case Exists(name):
            return f"exists({_name(name)})"
    assert_never(condition)


def literal(value: Scalar) -> str:
    """The value as the short form writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return repr(value)


def _name(name: str) -> str:
    return f"`{name}`" if name in RESERVED else name


def _grouped(condition: Condition, *kinds: type[AllOf] | type[AnyOf]) -> str:
    while isinstance(condition, AllOf | AnyOf) and len(condition.conditions) == 1:
        condition = condition.conditions[0]
    is_joined = isinstance(condition, kinds) and condition.conditions
    return f"({short_form(condition)})" if is_joined else short_form(condition)

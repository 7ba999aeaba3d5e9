"""Writes audiences as English phrases, for people who do not read conditions."""

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
    TextOp,
    Version,
)

_MAX_LISTED = 5
_COMPARED = {
    CompareOp.EQ: "is",
    CompareOp.NE: "is known and not",
    CompareOp.LT: "is below",
    CompareOp.LE: "is at most",
    CompareOp.GT: "is above",
    CompareOp.GE: "is at least",
}
_MATCHED = {
    TextOp.CONTAINS: "contains",
    TextOp.PREFIX: "starts with",
    TextOp.SUFFIX: "ends with",
}


def in_words(condition: Condition) -> str:
    """The condition as a phrase in English.

    >>> from fairlift_cli.audience.parser import parse
    >>> in_words(parse('country in ["ES", "RO"] and cart_value >= 30 and not returning'))
    'country is ES or RO, and cart value is at least 30, and not returning'
    """
    match condition:
        case AllOf(()):
            return "everybody"
        case AnyOf(()):
            return "nobody"
        case AllOf(conditions):
            return ", and ".join(map(_part, conditions))
        case AnyOf(conditions):
            return ", or ".join(map(_part, conditions))
        case Not(inner):
            return f"not {_part(inner)}"
        case Compare(name, CompareOp.EQ, True):
            return _name(name)
        case Compare(name, op, value):
            return f"{_name(name)} {_COMPARED[op]} {_value(value)}"
        case In(name, values, negated):
            verb = "is known and none of" if negated else "is"
            return f"{_name(name)} {verb} {_list(values, 'and' if negated else 'or')}"
        case Between(name, low, high):
            return f"{_name(name)} is between {_value(low)} and {_value(high)}"
        case Text(name, text_op, value):
            return f"{_name(name)} {_MATCHED[text_op]} {_value(value)}"
        case Version(name, op, value):
            return f"the version in {_name(name)} {_COMPARED[op]} {value}"
        case Exists(name):
            return f"{_name(name)} is known"
    assert_never(condition)


def _part(condition: Condition) -> str:
    phrase = in_words(condition)
    is_joined = isinstance(condition, AllOf | AnyOf) and len(condition.conditions) > 1
    return f"({phrase})" if is_joined else phrase


def _name(attribute: str) -> str:
    return attribute.replace("_", " ").replace(".", " ").strip() or attribute


def _list(values: tuple[Scalar, ...], word: str) -> str:
    listed = [_value(value) for value in values[:_MAX_LISTED]]
    if len(values) > _MAX_LISTED:
        return f"{', '.join(listed)} {word} {len(values) - _MAX_LISTED} more"
    return f" {word} ".join((", ".join(listed[:-1]), listed[-1])) if len(listed) > 1 else listed[0]


def _value(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        case str():
            return value if value.replace(" ", "").isalnum() else f'"{value}"'
    return f"{value:,}"

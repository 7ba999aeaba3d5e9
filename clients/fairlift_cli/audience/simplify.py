"""Simplifies audiences: fewer conditions for the same visitors."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from fairlift.engine.audience import (
    EVERYBODY,
    MAX_LIST,
    NOBODY,
    AllOf,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    In,
    Not,
    Scalar,
)

from fairlift_cli.audience.search import Search

# With more parts, the search for redundant ones would take too long.
_MAX_COMPARED = 32

T = TypeVar("T")


def simplify(condition: Condition) -> Condition:
    """A shorter condition that holds for the same visitors.

    >>> from fairlift.engine.short_form import short_form
    >>> from fairlift_cli.audience.parser import parse
    >>> short_form(simplify(parse('vip and (cart_value >= 30 and cart_value >= 50)')))
    'vip and cart_value >= 50'
    """
    return _simplified(condition, Search())


def _simplified(condition: Condition, search: Search) -> Condition:
    if search.refutes((condition, True)):
        return NOBODY
    if search.refutes((condition, False)):
        return EVERYBODY
    match condition:
        case Not(Not(inner)):
            return _simplified(inner, search)
        case Not(inner):
            return Not(_simplified(inner, search))
        case AllOf(conditions):
            parts = _needed(AllOf, _parts(AllOf, conditions, search), search)
            parts = _between(_listed(parts, CompareOp.NE, is_negated=True))
            return parts[0] if len(parts) == 1 else AllOf(tuple(parts))
        case AnyOf(conditions):
            parts = _needed(AnyOf, _parts(AnyOf, conditions, search), search)
            parts = _listed(parts, CompareOp.EQ, is_negated=False)
            return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
        case In(name, values, negated):
            distinct = _distinct(values)
            if len(distinct) == 1:
                return Compare(name, CompareOp.NE if negated else CompareOp.EQ, distinct[0])
            return condition if len(distinct) == len(values) else In(name, distinct, negated)
    return condition


def _parts(
    join: type[AllOf] | type[AnyOf], conditions: Sequence[Condition], search: Search
) -> list[Condition]:
    """The simplified parts without repetitions; parts with the same join are merged in."""
    parts: list[Condition] = []
    for condition in conditions:
        simplified = _simplified(condition, search)
        inner = simplified.conditions if isinstance(simplified, join) else (simplified,)
        parts.extend(part for part in inner if not _is_among(part, parts))
    return parts


def _is_among(part: Condition, parts: list[Condition]) -> bool:
    # By their text too: for Python, `x == true` and `x == 1` are equal.
    return any(part == other and repr(part) == repr(other) for other in parts)


def _needed(
    join: type[AllOf] | type[AnyOf], parts: list[Condition], search: Search
) -> list[Condition]:
    """The parts without the redundant ones: those that follow from the others."""
    if len(parts) > _MAX_COMPARED:
        return parts
    in_all = join is AllOf
    for part in list(parts):
        others = [other for other in parts if other is not part]
        # A part is redundant if no visitor meets the others and fails it (for `or`: the reverse).
        if others and search.refutes((join(tuple(others)), in_all), (part, not in_all)):
            parts = others
    return parts


def _listed(parts: list[Condition], op: CompareOp, *, is_negated: bool) -> list[Condition]:
    """`x == 1 or x == 2` as `x in [1, 2]`, and `x != 1 and x != 2` as `x not in [1, 2]`."""
    values: dict[str, list[Scalar]] = {}
    for part in parts:
        match part:
            case Compare(name, part_op, value) if part_op is op:
                values.setdefault(name, []).append(value)
            case In(name, several, negated) if negated is is_negated:
                values.setdefault(name, []).extend(several)
    listed = {name: _distinct(several) for name, several in values.items()}
    result: list[Condition] = []
    for part in parts:
        if isinstance(part, Compare | In):
            is_listed = part.op is op if isinstance(part, Compare) else part.negated is is_negated
            members = listed[part.attribute] if is_listed else ()
            if 2 <= len(members) <= MAX_LIST:
                part = In(part.attribute, members, is_negated)
        if not _is_among(part, result):
            result.append(part)
    return result


def _between(parts: list[Condition]) -> list[Condition]:
    """`x >= 1 and x <= 2` as `x between 1 and 2`."""
    result: list[Condition] = []
    for part in parts:
        match part:
            case Compare(name, CompareOp.GE, low):
                upper_bounds = [
                    other.value
                    for other in parts
                    if isinstance(other, Compare)
                    and (other.attribute, other.op) == (name, CompareOp.LE)
                    and isinstance(other.value, datetime) == isinstance(low, datetime)
                ]
                # The values of >= and <= are numbers or times.
                result.append(Between(name, low, upper_bounds[0]) if upper_bounds else part)  # type: ignore[arg-type]
            case _:
                result.append(part)
    bounded = {part.attribute: part for part in result if isinstance(part, Between)}
    return [part for part in result if not _is_within(part, bounded)]


def _is_within(part: Condition, bounded: dict[str, Between]) -> bool:
    return (
        isinstance(part, Compare)
        and part.op is CompareOp.LE
        and part.attribute in bounded
        and bounded[part.attribute].high == part.value
    )


def _distinct(values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    # True is not 1 here, though Python says so.
    return tuple({(value.__class__ is bool, value): value for value in values}.values())

"""The same audience with fewer conditions."""

from collections.abc import Callable, Sequence
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
from fairlift.engine.audience_logic import always_holds, implies, never_holds

# Beyond it the search for conditions that follow from others would take too long.
_MAX_COMPARED = 32

T = TypeVar("T")


def simplify(condition: Condition) -> Condition:
    """A condition that holds for the same visitors and says it more briefly.

    >>> from fairlift.engine.audience_text import parse, short_form
    >>> short_form(simplify(parse('vip and (cart_value >= 30 and cart_value >= 50)')))
    'vip and cart_value >= 50'
    """
    if never_holds(condition):
        return NOBODY
    if always_holds(condition):
        return EVERYBODY
    match condition:
        case Not(Not(inner)):
            return simplify(inner)
        case Not(inner):
            return Not(simplify(inner))
        case AllOf(conditions):
            parts = _needed(_parts(AllOf, conditions), _follows_from_all)
            parts = _between(_listed(parts, CompareOp.NE, is_negated=True))
            return parts[0] if len(parts) == 1 else AllOf(tuple(parts))
        case AnyOf(conditions):
            parts = _needed(_parts(AnyOf, conditions), _adds_nothing_to_any)
            parts = _listed(parts, CompareOp.EQ, is_negated=False)
            return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
        case In(name, values, negated):
            kept = _distinct(values)
            op = CompareOp.NE if negated else CompareOp.EQ
            return Compare(name, op, kept[0]) if len(kept) == 1 else In(name, kept, negated)
    return condition


def _parts(join: type[AllOf] | type[AnyOf], conditions: Sequence[Condition]) -> list[Condition]:
    """The simplified parts, with what is joined alike taken in, each once."""
    parts: list[Condition] = []
    for each in map(simplify, conditions):
        inner = each.conditions if isinstance(each, join) else (each,)
        parts.extend(part for part in inner if not _is_among(part, parts))
    return parts


def _is_among(part: Condition, parts: list[Condition]) -> bool:
    # By their text too: for Python, `x == true` and `x == 1` are equal.
    return any(part == each and repr(part) == repr(each) for each in parts)


def _needed(
    parts: list[Condition], is_needless: Callable[[Condition, list[Condition]], bool]
) -> list[Condition]:
    if len(parts) > _MAX_COMPARED:
        return parts
    for part in list(parts):
        rest = [each for each in parts if each is not part]
        if rest and is_needless(part, rest):
            parts = rest
    return parts


def _follows_from_all(part: Condition, rest: list[Condition]) -> bool:
    return implies(AllOf(tuple(rest)), part)


def _adds_nothing_to_any(part: Condition, rest: list[Condition]) -> bool:
    return implies(part, AnyOf(tuple(rest)))


def _listed(parts: list[Condition], op: CompareOp, *, is_negated: bool) -> list[Condition]:
    """`x == 1 or x == 2` as `x in [1, 2]`, and `x != 1 and x != 2` as `x not in [1, 2]`."""
    values: dict[str, list[Scalar]] = {}
    for part in parts:
        match part:
            case Compare(name, found, value) if found is op:
                values.setdefault(name, []).append(value)
            case In(name, listed, negated) if negated is is_negated:
                values.setdefault(name, []).extend(listed)
    joined: list[Condition] = []
    for part in parts:
        if isinstance(part, Compare | In):
            mine = part.op is op if isinstance(part, Compare) else part.negated is is_negated
            wanted = _distinct(values[part.attribute]) if mine else ()
            if 2 <= len(wanted) <= MAX_LIST:
                part = In(part.attribute, wanted, is_negated)
        if not _is_among(part, joined):
            joined.append(part)
    return joined


def _between(parts: list[Condition]) -> list[Condition]:
    """`x >= 1 and x <= 2` as `x between 1 and 2`."""
    joined: list[Condition] = []
    for part in parts:
        match part:
            case Compare(name, CompareOp.GE, low):
                above = [
                    each.value
                    for each in parts
                    if isinstance(each, Compare)
                    and (each.attribute, each.op) == (name, CompareOp.LE)
                    and isinstance(each.value, datetime) == isinstance(low, datetime)
                ]
                # Only what can be ordered stands beside >= and <=.
                joined.append(Between(name, low, above[0]) if above else part)  # type: ignore[arg-type]
            case _:
                joined.append(part)
    bounded = {part.attribute: part for part in joined if isinstance(part, Between)}
    return [part for part in joined if not _is_within(part, bounded)]


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

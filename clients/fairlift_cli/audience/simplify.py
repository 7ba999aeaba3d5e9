"""The same audience with fewer conditions."""

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

# Beyond it the search for conditions that follow from others would take too long.
_MAX_COMPARED = 32

T = TypeVar("T")


def simplify(condition: Condition) -> Condition:
    """A condition that holds for the same visitors and says it more briefly.

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
            kept = _distinct(values)
            if len(kept) == 1:
                return Compare(name, CompareOp.NE if negated else CompareOp.EQ, kept[0])
            return condition if len(kept) == len(values) else In(name, kept, negated)
    return condition


def _parts(
    join: type[AllOf] | type[AnyOf], conditions: Sequence[Condition], search: Search
) -> list[Condition]:
    """The simplified parts, with what is joined alike taken in, each once."""
    parts: list[Condition] = []
    for condition in conditions:
        each = _simplified(condition, search)
        inner = each.conditions if isinstance(each, join) else (each,)
        parts.extend(part for part in inner if not _is_among(part, parts))
    return parts


def _is_among(part: Condition, parts: list[Condition]) -> bool:
    # By their text too: for Python, `x == true` and `x == 1` are equal.
    return any(part == each and repr(part) == repr(each) for each in parts)


def _needed(
    join: type[AllOf] | type[AnyOf], parts: list[Condition], search: Search
) -> list[Condition]:
    """The parts without those that follow from all others, or add nothing to any of them."""
    if len(parts) > _MAX_COMPARED:
        return parts
    in_all = join is AllOf
    for part in list(parts):
        rest = [each for each in parts if each is not part]
        # Whoever the rest and this part see differently would have to be found.
        if rest and search.refutes((join(tuple(rest)), in_all), (part, not in_all)):
            parts = rest
    return parts


def _listed(parts: list[Condition], op: CompareOp, *, is_negated: bool) -> list[Condition]:
    """`x == 1 or x == 2` as `x in [1, 2]`, and `x != 1 and x != 2` as `x not in [1, 2]`."""
    values: dict[str, list[Scalar]] = {}
    for part in parts:
        match part:
            case Compare(name, found, value) if found is op:
                values.setdefault(name, []).append(value)
            case In(name, several, negated) if negated is is_negated:
                values.setdefault(name, []).extend(several)
    listed = {name: _distinct(found) for name, found in values.items()}
    joined: list[Condition] = []
    for part in parts:
        if isinstance(part, Compare | In):
            mine = part.op is op if isinstance(part, Compare) else part.negated is is_negated
            wanted = listed[part.attribute] if mine else ()
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

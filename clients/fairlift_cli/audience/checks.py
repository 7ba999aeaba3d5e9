"""What follows from conditions: which never hold, what two share, what can be left out.

Everything rests on one question, "can this hold for anybody?", answered by searching for a visitor
for whom it does. What is said is always proved: a search that grows too long, or mixes versions
with texts, ends in "cannot say", and then nothing is claimed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from fairlift.engine.audience import (
    NOBODY,
    AllOf,
    Between,
    Compare,
    Condition,
    In,
    Leaf,
    Not,
    Scalar,
    Text,
    TextOp,
    Version,
    attributes,
    children,
    leaves,
)
from fairlift.engine.campaign import AttributeType
from fairlift.engine.short_form import short_form

from fairlift_cli.audience.search import Search
from fairlift_cli.audience.witnesses import Witness

_TEXTS = (AttributeType.STRING, AttributeType.VERSION)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Conditions that cannot hold together.

    None of them can be left out of the proof, as far as that could be seen in reasonable time.
    """

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        whole = AllOf(self.conditions) if len(self.conditions) > 1 else self.conditions[0]
        return f"{short_form(whole)} is always false"


@dataclass(frozen=True, slots=True)
class Undeclared:
    """An attribute that the audience asks for and nobody declares."""

    attribute: str
    suggestion: str | None

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.attribute} is not declared{hint}"


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A condition that takes an attribute for another type than it is declared to have."""

    condition: Leaf
    declared: AttributeType
    taken_for: AttributeType

    def __str__(self) -> str:
        return (
            f"{short_form(self.condition)}, but {self.condition.attribute} is declared "
            f"as a {self.declared}, not a {self.taken_for}"
        )


def example(condition: Condition) -> dict[str, Witness] | None:
    """Attributes of a visitor for whom the condition holds, or None when it can hold for nobody.

    Raises:
        CannotSay: neither was found in reasonable time.

    >>> from fairlift_cli.audience.parser import parse
    >>> example(parse("cart_value >= 30 and not returning"))
    {'cart_value': 30, 'returning': False}
    """
    return Search().visitor((condition, True))


def never_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for nobody."""
    return Search().refutes((condition, True))


def always_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for everybody."""
    return Search().refutes((condition, False))


def implies(condition: Condition, other: Condition) -> bool:
    """Whether it is proved that everybody in the first audience is in the other."""
    return Search().refutes((condition, True), (other, False))


def overlap(condition: Condition, other: Condition) -> dict[str, Witness] | None:
    """Attributes of a visitor who is in both audiences, or None when they share nobody.

    Raises:
        CannotSay: neither was found in reasonable time.
    """
    return Search().visitor((condition, True), (other, True))


def contradictions(condition: Condition) -> tuple[Contradiction, ...]:
    """The parts of the condition that never hold, each with the fewest conditions that prove it.

    >>> from fairlift_cli.audience.parser import parse
    >>> [str(c) for c in contradictions(parse("cart_value >= 50 and vip and cart_value < 30"))]
    ['cart_value >= 50 and cart_value < 30 is always false']
    """
    return tuple(_contradictions(condition, Search()))


def undeclared(condition: Condition, declared: Iterable[str]) -> tuple[Undeclared, ...]:
    """The attributes that the condition asks for and that are not declared, by name."""
    known = list(declared)
    return tuple(
        Undeclared(name, next(iter(get_close_matches(name, known, 1)), None))
        for name in sorted(attributes(condition).difference(known))
    )


def mistyped(condition: Condition, declared: Mapping[str, AttributeType]) -> tuple[Mistyped, ...]:
    """The conditions that no value of the declared type can meet, or none can fail, in order.

    >>> from fairlift_cli.audience.parser import parse
    >>> [str(m) for m in mistyped(parse('cart == "50"'), {"cart": AttributeType.NUMBER})]
    ['cart == "50", but cart is declared as a number, not a string']
    """
    return tuple(
        Mistyped(part, declared[leaf.attribute], types[0])
        for leaf in leaves(condition)
        if leaf.attribute in declared
        for part, types in _typed(leaf)
        if declared[leaf.attribute] not in types
    )


def _typed(leaf: Leaf) -> Iterator[tuple[Leaf, tuple[AttributeType, ...]]]:
    """The condition, or of a list one value of each type, with the types that can meet it."""
    match leaf:
        case Compare(_, _, value) | Between(_, value, _):
            yield leaf, _types(value)
        case In(name, values, negated):
            first: dict[tuple[AttributeType, ...], Scalar] = {}
            for value in values:
                first.setdefault(_types(value), value)
            for types, value in first.items():
                yield In(name, (value,), negated), types
        case Text(_, TextOp.CONTAINS, _):
            yield leaf, (*_TEXTS, AttributeType.LIST)
        case Text():
            yield leaf, _TEXTS
        case Version():
            yield leaf, _TEXTS[::-1]


def _types(value: Scalar) -> tuple[AttributeType, ...]:
    match value:
        case bool():
            return (AttributeType.BOOL,)
        case str():
            return _TEXTS
        case datetime():
            return (AttributeType.TIME,)
    return (AttributeType.NUMBER,)


def _contradictions(condition: Condition, search: Search) -> Iterator[Contradiction]:
    if condition == NOBODY:
        return
    if search.refutes((condition, True)):
        yield Contradiction(_core(_conjuncts(condition), search))
    elif not isinstance(condition, Not):
        for child in children(condition):
            yield from _contradictions(child, search)


def _conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, AllOf):
        return [part for child in condition.conditions for part in _conjuncts(child)]
    return [condition]


def _core(parts: list[Condition], search: Search) -> tuple[Condition, ...]:
    for part in list(parts):
        rest = [each for each in parts if each is not part]
        if rest and search.refutes(*((each, True) for each in rest)):
            parts = rest
    return tuple(parts)

"""Checks of audiences: contradictions, overlap, undeclared and mistyped attributes.

Each check asks whether a condition can hold for any visitor, and searches for an example. Only
proved statements are made: a search that takes too long, or that mixes versions with texts, is
undecidable, and the check then reports nothing.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from fairlift.engine.audience import (
    NOBODY,
    AllOf,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    Exists,
    In,
    Leaf,
    Not,
    Scalar,
    Text,
    TextOp,
    Version,
    attributes,
    leaves,
)
from fairlift.engine.campaign import AttributeType
from fairlift.engine.short_form import short_form

from fairlift_cli.audience.example_values import ExampleValue
from fairlift_cli.audience.parts import Part, parts
from fairlift_cli.audience.search import Search

_TEXTS = (AttributeType.STRING, AttributeType.VERSION)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Conditions that cannot hold together.

    None of them can be left out of the proof, as far as the search can tell in its limits.

    Attributes:
        conditions: of the proof.
        path: of the part that never holds, such as `any_of.conditions[1]`; empty: all of it.
    """

    conditions: tuple[Condition, ...]
    path: str = ""

    def __str__(self) -> str:
        conjunction = AllOf(self.conditions) if len(self.conditions) > 1 else self.conditions[0]
        return f"{short_form(conjunction)} is always false"


@dataclass(frozen=True, slots=True)
class Undeclared:
    """An attribute that the audience uses and the campaign does not declare."""

    attribute: str
    suggestion: str | None

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.attribute} is not declared{hint}"


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A condition on an attribute as another type than the declared one."""

    condition: Leaf
    declared: AttributeType
    taken_for: AttributeType

    def __str__(self) -> str:
        return (
            f"{short_form(self.condition)}, but {self.condition.attribute} is declared "
            f"as a {self.declared}, not a {self.taken_for}"
        )


def example(condition: Condition) -> dict[str, ExampleValue] | None:
    """Attributes of a visitor for whom the condition holds, or None when it can hold for nobody.

    Raises:
        Undecidable: neither was found in reasonable time.

    >>> from fairlift_cli.audience.parser import parse
    >>> example(parse("cart_value >= 30 and not returning"))
    {'cart_value': 30, 'returning': False}
    """
    return Search().visitor((condition, True))


def overlap(condition: Condition, other: Condition) -> dict[str, ExampleValue] | None:
    """Attributes of a visitor who is in both audiences, or None when they share nobody.

    Raises:
        Undecidable: neither was found in reasonable time.
    """
    return Search().visitor((condition, True), (other, True))


def contradictions(condition: Condition) -> tuple[Contradiction, ...]:
    """The parts of the condition that never hold, each with the fewest conditions that prove it.

    Parts are the branches of an `or`, and what stands after a `not`; of a dead one no further part.

    >>> from fairlift_cli.audience.parser import parse
    >>> [str(c) for c in contradictions(parse("cart_value >= 50 and vip and cart_value < 30"))]
    ['cart_value >= 50 and cart_value < 30 is always false']
    """
    return tuple(_find_contradictions(condition, Search()))


def is_true_where_known(condition: Condition) -> bool:
    """Whether it is proved to hold for every visitor whose attributes are known.

    A value counts as known if it is of the type that it is compared with. What holds for every
    visitor holds for these, so a check that asks for both needs this search alone most times.

    >>> from fairlift_cli.audience.parser import parse
    >>> is_true_where_known(parse('country != "ES" or country != "RO"'))
    True
    """
    known = ((each, True) for _, each in _known_values(condition))
    return Search().refutes((condition, False), *known)


def is_true_known_or_not(condition: Condition) -> bool:
    """Whether it is proved to hold, too, where attributes are missing.

    >>> from fairlift_cli.audience.parser import parse
    >>> is_true_known_or_not(parse("cart_value >= 30 or cart_value < 50 or not exists(cart_value)"))
    True
    """
    sent = ((AnyOf((each, Not(Exists(name)))), True) for name, each in _known_values(condition))
    return Search().refutes((condition, False), *sent)


def undeclared(condition: Condition, declared: Iterable[str]) -> tuple[Undeclared, ...]:
    """The attributes of the condition that are not declared, sorted by name."""
    declared_names = list(declared)
    return tuple(
        Undeclared(name, next(iter(get_close_matches(name, declared_names, 1)), None))
        for name in sorted(attributes(condition).difference(declared_names))
    )


def mistyped(condition: Condition, declared: Mapping[str, AttributeType]) -> tuple[Mistyped, ...]:
    """The conditions that compare an attribute with another type than the declared one, in order.

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
    """The condition with the types that can match; of a list, one value of each type."""
    match leaf:
        case Compare(_, _, value) | Between(_, value, _):
            yield leaf, _types(value)
        case In(name, values, negated):
            value_by_type: dict[tuple[AttributeType, ...], Scalar] = {}
            for value in values:
                value_by_type.setdefault(_types(value), value)
            for types, value in value_by_type.items():
                yield In(name, (value,), negated), types
        case Text(_, TextOp.CONTAINS, _):
            yield leaf, (*_TEXTS, AttributeType.LIST)
        case Text():
            yield leaf, _TEXTS
        case Version():
            yield leaf, _TEXTS[::-1]


def _known_values(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """For each attribute, what holds for the values that count as known."""
    of_attribute: dict[str, list[Leaf]] = {}
    for leaf in leaves(condition):
        of_attribute.setdefault(leaf.attribute, []).append(leaf)
    for name, found in of_attribute.items():
        # Beside another condition the search cannot decide what versions exclude.
        if not any(isinstance(leaf, Version) for leaf in found):
            yield name, _is_known(name, found)


def _is_known(name: str, found: Iterable[Leaf]) -> Condition:
    """Holds for each value of the type that all these conditions on the attribute compare with."""
    types = {types for leaf in found for _, types in _typed(leaf)}
    if types == {(AttributeType.BOOL,)}:
        return In(name, (True, False))
    if types == {(AttributeType.NUMBER,)}:
        return Compare(name, CompareOp.LE, sys.float_info.max)
    return Exists(name)


def _types(value: Scalar) -> tuple[AttributeType, ...]:
    match value:
        case bool():
            return (AttributeType.BOOL,)
        case str():
            return _TEXTS
        case datetime():
            return (AttributeType.TIME,)
    return (AttributeType.NUMBER,)


def _find_contradictions(condition: Condition, search: Search) -> Iterator[Contradiction]:
    dead: list[str] = []
    for part in (Part(condition, "", ""), *parts(condition)):
        is_inside = any(part.path.startswith(path) for path in dead)
        if part.condition == NOBODY or is_inside:
            continue
        if search.refutes((part.condition, True)):
            dead.append(f"{part.path}." if part.path else "")
            yield Contradiction(_smallest_proof(_conjuncts(part.condition), search), part.path)


def _conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, AllOf):
        return [part for child in condition.conditions for part in _conjuncts(child)]
    return [condition]


def _smallest_proof(parts: list[Condition], search: Search) -> tuple[Condition, ...]:
    for part in list(parts):
        others = [other for other in parts if other is not part]
        if others and search.refutes(*((other, True) for other in others)):
            parts = others
    return tuple(parts)

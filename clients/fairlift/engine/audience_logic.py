"""What follows from conditions: which never hold, what two share, what can be left out.

Everything rests on one question, "can this hold for anybody?", answered by searching for a visitor
for whom it does. An attribute's conditions split its values into few classes, so it is enough to
try one value of each class. What is said is always proved: a search that grows too long, or mixes
versions with texts, ends in "cannot say", and then nothing is claimed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from fairlift.engine.audience import (
    NOBODY,
    AllOf,
    AnyOf,
    Condition,
    Leaf,
    Not,
    attributes,
    children,
)
from fairlift.engine.audience_text import short_form
from fairlift.engine.matching import Known, Matcher, matcher
from fairlift.engine.witnesses import CannotSay, Witness, candidates

MAX_TRIALS = 200_000

# A condition, and whether it is wanted to hold or not to hold.
_Literal = tuple[Leaf, bool]
_Wanted = tuple[Condition, bool]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Conditions that cannot hold together; none of them can be left out of the proof."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        whole = AllOf(self.conditions) if len(self.conditions) > 1 else self.conditions[0]
        return f"{short_form(whole)} never holds"


@dataclass(frozen=True, slots=True)
class Undeclared:
    """An attribute that the audience asks for and nobody declares."""

    attribute: str
    suggestion: str | None

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.attribute} is not declared{hint}"


def example(condition: Condition) -> dict[str, Witness] | None:
    """Attributes of a visitor for whom the condition holds, or None when it can hold for nobody.

    Raises:
        CannotSay: neither was found in reasonable time.

    >>> from fairlift.engine.audience_text import parse
    >>> example(parse("cart_value >= 30 and not returning"))
    {'cart_value': 30, 'returning': False}
    """
    return _Search().visitor([(condition, True)])


def never_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for nobody."""
    return _refuted([(condition, True)])


def always_holds(condition: Condition) -> bool:
    """Whether it is proved that the condition holds for everybody."""
    return _refuted([(condition, False)])


def implies(condition: Condition, other: Condition) -> bool:
    """Whether it is proved that everybody in the first audience is in the other."""
    return _refuted([(condition, True), (other, False)])


def overlap(condition: Condition, other: Condition) -> dict[str, Witness] | None:
    """Attributes of a visitor who is in both audiences, or None when they share nobody.

    Raises:
        CannotSay: neither was found in reasonable time.
    """
    return _Search().visitor([(condition, True), (other, True)])


def contradictions(condition: Condition) -> tuple[Contradiction, ...]:
    """The parts of the condition that never hold, each with the fewest conditions that prove it.

    >>> from fairlift.engine.audience_text import parse
    >>> [str(c) for c in contradictions(parse("cart_value >= 50 and vip and cart_value < 30"))]
    ['cart_value >= 50 and cart_value < 30 never holds']
    """
    if condition == NOBODY:
        return ()
    if never_holds(condition):
        return (Contradiction(_core(_conjuncts(condition))),)
    if isinstance(condition, Not):
        return ()
    return tuple(found for child in children(condition) for found in contradictions(child))


def undeclared(condition: Condition, declared: Iterable[str]) -> tuple[Undeclared, ...]:
    """The attributes that the condition asks for and that are not declared, by name."""
    known = list(declared)
    return tuple(
        Undeclared(name, next(iter(get_close_matches(name, known, 1)), None))
        for name in sorted(attributes(condition).difference(known))
    )


def _refuted(wanted: list[_Wanted]) -> bool:
    try:
        return _Search().visitor(wanted) is None
    except CannotSay:
        return False


def _conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, AllOf):
        return [part for child in condition.conditions for part in _conjuncts(child)]
    return [condition]


def _core(parts: list[Condition]) -> tuple[Condition, ...]:
    for part in list(parts):
        rest = [each for each in parts if each is not part]
        if rest and _refuted([(each, True) for each in rest]):
            parts = rest
    return tuple(parts)


@dataclass(slots=True)
class _Search:
    """A search for a visitor, with a bound on how many values it tries."""

    trials: int = 0
    # By identity: for Python, `x == true` and `x == 1` are equal.
    matchers: dict[int, Matcher] = field(default_factory=dict)

    def visitor(self, wanted: list[_Wanted]) -> dict[str, Witness] | None:
        """Attributes with which all that is wanted is so, or None when there are none."""
        literals: list[_Literal] = []
        choices: list[_Wanted] = []
        pending = wanted[::-1]
        while pending:
            condition, holds = pending.pop()
            match condition:
                case Not(inner):
                    pending.append((inner, not holds))
                case AllOf() | AnyOf() if isinstance(condition, AllOf) == holds:
                    pending.extend((part, holds) for part in reversed(children(condition)))
                case AllOf() | AnyOf():
                    choices.append((condition, holds))
                case _:
                    literals.append((condition, holds))
        found = self._together(literals)
        return self._choose(literals, choices) if choices and found is not None else found

    def _choose(
        self, literals: list[_Literal], choices: list[_Wanted]
    ) -> dict[str, Witness] | None:
        (choice, holds), *others = choices
        undecided: CannotSay | None = None
        for branch in children(choice):
            try:
                found = self.visitor([*literals, *others, (branch, holds)])
            except CannotSay as reason:
                undecided = reason
                continue
            if found is not None:
                return found
        if undecided is not None:
            raise undecided
        return None

    def _together(self, literals: list[_Literal]) -> dict[str, Witness] | None:
        by_attribute: dict[str, list[_Literal]] = {}
        for literal in literals:
            by_attribute.setdefault(literal[0].attribute, []).append(literal)
        visitor: dict[str, Witness] = {}
        undecided: CannotSay | None = None
        for name, wanted in by_attribute.items():
            try:
                fitting = self._first_fitting(name, wanted)
            except CannotSay as reason:
                undecided = reason
                continue
            if fitting is None:
                return None
            if fitting[0] is not None:
                visitor[name] = fitting[0]
        if undecided is not None:
            raise undecided
        return visitor

    def _first_fitting(self, name: str, wanted: list[_Literal]) -> tuple[Witness] | None:
        tests = [(self._matcher(leaf), holds) for leaf, holds in wanted]
        values = candidates(wanted)
        for value in values.each:
            self.trials += 1
            if self.trials > MAX_TRIALS:
                raise CannotSay(f"gave up after {MAX_TRIALS} values; simplify the audience")
            attributes: Known = {name: value}
            if all(test.matches(attributes) == holds for test, holds in tests):
                return (value,)
        if not values.are_exhaustive:
            raise CannotSay(f"{name} is asked for both as a version and as a text")
        return None

    def _matcher(self, leaf: Leaf) -> Matcher:
        if id(leaf) not in self.matchers:
            self.matchers[id(leaf)] = matcher(leaf)
        return self.matchers[id(leaf)]

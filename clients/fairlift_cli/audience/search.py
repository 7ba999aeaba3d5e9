"""Searches for a visitor who meets given conditions.

The conditions on an attribute split its values into few classes, so it is enough to try one value
of each class. The search keeps a partial visitor who meets all requirements so far. It decides a
choice, such as `a or b`, only when that visitor does not already meet it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlift.engine.audience import AllOf, AnyOf, Condition, In, Leaf, Not, Text, Version, children
from fairlift.engine.matching import Matcher, matcher

from fairlift_cli.audience.example_values import ExampleValue, Undecidable, example_values

# A step is about the cost of testing one value with one condition. Even a slow machine makes
# MAX_STEPS_TOGETHER, the limit of all searches that answer one question, in about a second.
MAX_STEPS = 100_000
MAX_STEPS_TOGETHER = 300_000
# This many characters, or a list with this many entries, cost one more step.
_LENGTH_OF_A_STEP = 32

# A condition, and whether it must hold or must not hold.
Requirement: TypeAlias = tuple[Condition, bool]


@dataclass(frozen=True, slots=True, eq=False)
class _LeafTest:
    """A condition on one attribute; one object for all that read alike, compared by identity."""

    leaf: Leaf
    matcher: Matcher
    size: int


_LeafRequirement: TypeAlias = tuple[_LeafTest, bool]


@dataclass(frozen=True, slots=True)
class _PartialVisitor:
    """The requirements so far, by attribute, and a visitor who meets them."""

    required: Mapping[str, tuple[_LeafRequirement, ...]] = field(default_factory=dict)
    visitor: Mapping[str, ExampleValue] = field(default_factory=dict)


@dataclass(slots=True)
class Search:
    """Searches for visitors; all searches of one object share a limit of steps."""

    _steps_left: int = MAX_STEPS_TOGETHER
    _steps_reserved: int = 0
    # By id(), with the condition itself: while it is kept, no other object can have its id.
    _tests_by_id: dict[int, tuple[Leaf, _LeafTest]] = field(default_factory=dict)
    # By their text: for Python, `x == true` and `x == 1` are equal.
    _tests_by_text: dict[str, _LeafTest] = field(default_factory=dict)
    _known_examples: dict[frozenset[_LeafRequirement], tuple[ExampleValue] | None] = field(
        default_factory=dict
    )

    def visitor(self, *requirements: Requirement) -> dict[str, ExampleValue] | None:
        """Attributes of a visitor who meets all requirements, or None when there is none.

        Raises:
            Undecidable: neither was found in reasonable time.
        """
        self._steps_reserved = max(0, self._steps_left - MAX_STEPS)
        attributes = self._extended(_PartialVisitor(), [], requirements)
        if attributes is None:
            return None
        return {name: value for name, value in attributes.items() if value is not None}

    def refutes(self, *requirements: Requirement) -> bool:
        """Whether it is proved that no visitor meets all requirements."""
        try:
            return self.visitor(*requirements) is None
        except Undecidable:
            return False

    def _extended(
        self,
        partial: _PartialVisitor,
        choices: Sequence[Requirement],
        requirements: Iterable[Requirement],
    ) -> Mapping[str, ExampleValue] | None:
        """The partial visitor, extended to meet the new requirements and all open choices."""
        on_leaves, new_choices = self._split(requirements)
        extended = self._with_requirements(partial, on_leaves)
        if extended is None:
            return None
        choices = [*choices, *new_choices]
        self._spend(len(choices))
        narrowest = self._narrowest(choices, extended)
        if narrowest is None:
            return extended.visitor
        choice, alternatives = narrowest
        remaining = [other for other in choices if other is not choice]
        undecided: Undecidable | None = None
        for part in alternatives:
            try:
                visitor = self._extended(extended, remaining, [part])
            except Undecidable as reason:
                undecided = reason
                continue
            if visitor is not None:
                return visitor
        if undecided is not None:
            raise undecided
        return None

    def _split(
        self, requirements: Iterable[Requirement]
    ) -> tuple[list[_LeafRequirement], list[Requirement]]:
        """The requirements on single attributes, and the choices, where one part is enough."""
        on_leaves: list[_LeafRequirement] = []
        choices: list[Requirement] = []
        pending = [*requirements][::-1]
        while pending:
            self._spend(1)
            condition, must_hold = pending.pop()
            match condition:
                case Not(inner):
                    pending.append((inner, not must_hold))
                case AllOf() | AnyOf() if isinstance(condition, AllOf) == must_hold:
                    pending.extend((part, must_hold) for part in reversed(children(condition)))
                case AllOf() | AnyOf():
                    choices.append((condition, must_hold))
                case _:
                    on_leaves.append((self._leaf_test(condition), must_hold))
        return on_leaves, choices

    def _with_requirements(
        self, partial: _PartialVisitor, added: Iterable[_LeafRequirement]
    ) -> _PartialVisitor | None:
        required, visitor = dict(partial.required), dict(partial.visitor)
        unfit: dict[str, None] = {}
        for requirement in added:
            name = requirement[0].leaf.attribute
            required[name] = _appended(required.get(name, ()), requirement)
            if name not in visitor or not self._meets(requirement, visitor[name]):
                unfit[name] = None
        undecided: Undecidable | None = None
        for name in unfit:
            try:
                example = self._example_value(required[name])
            except Undecidable as reason:
                undecided = reason
                continue
            if example is None:
                return None
            visitor[name] = example[0]
        if undecided is not None:
            raise undecided
        return _PartialVisitor(required, visitor)

    def _narrowest(
        self, choices: Iterable[Requirement], partial: _PartialVisitor
    ) -> tuple[Requirement, list[Requirement]] | None:
        """The choice with the fewest possible parts, among those that the visitor does not meet."""
        narrowest: tuple[Requirement, list[Requirement]] | None = None
        for choice in choices:
            condition, must_hold = choice
            if self._is_true(condition, partial.visitor) == must_hold:
                continue
            parts = [(part, must_hold) for part in children(condition)]
            possible = [part for part in parts if self._is_possible(part, partial)]
            if narrowest is None or len(possible) < len(narrowest[1]):
                narrowest = choice, possible
            if len(possible) < 2:
                break
        return narrowest

    def _is_possible(self, requirement: Requirement, partial: _PartialVisitor) -> bool:
        """Whether the requirement alone does not contradict those so far."""
        condition, must_hold = requirement
        while isinstance(condition, Not):
            condition, must_hold = condition.condition, not must_hold
        if isinstance(condition, AllOf | AnyOf):
            return True
        required = partial.required.get(condition.attribute, ())
        try:
            return (
                self._example_value(_appended(required, (self._leaf_test(condition), must_hold)))
                is not None
            )
        except Undecidable:
            return True

    def _example_value(self, required: tuple[_LeafRequirement, ...]) -> tuple[ExampleValue] | None:
        """A value that meets all requirements on one attribute, in a tuple; None if none does."""
        self._spend(len(required))
        key = frozenset(required)
        if key in self._known_examples:
            return self._known_examples[key]
        self._spend(sum(test.size for test, _ in required))
        candidates = example_values([(test.leaf, must_hold) for test, must_hold in required])
        for value in candidates.values:
            if all(self._meets(requirement, value) for requirement in required):
                self._known_examples[key] = (value,)
                return (value,)
        if not candidates.are_exhaustive:
            name = required[0][0].leaf.attribute
            raise Undecidable(f"{name} is used both as a version and as a text")
        self._known_examples[key] = None
        return None

    def _is_true(self, condition: Condition, visitor: Mapping[str, ExampleValue]) -> bool:
        match condition:
            case AllOf(parts):
                return all(self._is_true(part, visitor) for part in parts)
            case AnyOf(parts):
                return any(self._is_true(part, visitor) for part in parts)
            case Not(inner):
                return not self._is_true(inner, visitor)
        return self._meets((self._leaf_test(condition), True), visitor.get(condition.attribute))

    def _meets(self, requirement: _LeafRequirement, value: ExampleValue) -> bool:
        self._spend(1 + len(value) // _LENGTH_OF_A_STEP if isinstance(value, str | tuple) else 1)
        test, must_hold = requirement
        return test.matcher.matches({test.leaf.attribute: value}) == must_hold

    def _leaf_test(self, leaf: Leaf) -> _LeafTest:
        entry = self._tests_by_id.get(id(leaf))
        if entry is None:
            size = _size(leaf)
            self._spend(size)
            text = repr(leaf)
            if text not in self._tests_by_text:
                self._tests_by_text[text] = _LeafTest(leaf, matcher(leaf), size)
            entry = self._tests_by_id[id(leaf)] = leaf, self._tests_by_text[text]
        return entry[1]

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < self._steps_reserved:
            raise Undecidable("gave up after too many steps; simplify the audience")


def _appended(
    requirements: tuple[_LeafRequirement, ...], requirement: _LeafRequirement
) -> tuple[_LeafRequirement, ...]:
    return requirements if requirement in requirements else (*requirements, requirement)


def _size(leaf: Leaf) -> int:
    match leaf:
        case In(_, values):
            return len(values)
        case Text(_, _, value) | Version(_, _, value):
            return 1 + len(value) // _LENGTH_OF_A_STEP
    return 1

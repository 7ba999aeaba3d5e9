"""The search for a visitor for whom conditions hold.

An attribute's conditions split its values into few classes, so it is enough to try one value of
each class. The search keeps a visitor who fits all that is settled so far, and settles a choice,
such as `a or b`, only when that visitor does not meet it as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlift.engine.audience import AllOf, AnyOf, Condition, In, Leaf, Not, Text, Version, children
from fairlift.engine.matching import Matcher, matcher

from fairlift_cli.audience.witnesses import CannotSay, Witness, candidates

# A step is about what it costs to ask one condition of one value; a second has enough of them for
# all the searches that answer one question together, on a slow machine too.
MAX_STEPS = 100_000
MAX_STEPS_TOGETHER = 300_000
# A text so long, or a list, costs another step.
_LENGTH_OF_A_STEP = 32

# A condition, and whether it is wanted to hold or not to hold.
Wanted: TypeAlias = tuple[Condition, bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A condition on one attribute, the same for all that read alike; compared by identity."""

    leaf: Leaf
    matcher: Matcher
    size: int


_Answer: TypeAlias = tuple[_Question, bool]


@dataclass(frozen=True, slots=True)
class _Settled:
    """What was decided on the way: answers by attribute, and a visitor who gives them."""

    answers: Mapping[str, tuple[_Answer, ...]] = field(default_factory=dict)
    visitor: Mapping[str, Witness] = field(default_factory=dict)


@dataclass(slots=True)
class Search:
    """Looks for visitors, again and again, until the work for all of it is used up."""

    _left: int = MAX_STEPS_TOGETHER
    _stop: int = 0
    # By identity, with the condition itself, or another one could come to stand in its place.
    _asked: dict[int, tuple[Leaf, _Question]] = field(default_factory=dict)
    # By what they say: for Python, `x == true` and `x == 1` are equal.
    _questions: dict[str, _Question] = field(default_factory=dict)
    _fitting: dict[frozenset[_Answer], tuple[Witness] | None] = field(default_factory=dict)

    def visitor(self, *wanted: Wanted) -> dict[str, Witness] | None:
        """Attributes with which all that is wanted is so, or None when there are none.

        Raises:
            CannotSay: neither was found in reasonable time.
        """
        self._stop = max(0, self._left - MAX_STEPS)
        found = self._extended(_Settled(), [], wanted)
        if found is None:
            return None
        return {name: value for name, value in found.items() if value is not None}

    def refutes(self, *wanted: Wanted) -> bool:
        """Whether it is proved that nobody is as all that is wanted."""
        try:
            return self.visitor(*wanted) is None
        except CannotSay:
            return False

    def _extended(
        self, settled: _Settled, choices: Sequence[Wanted], wanted: Iterable[Wanted]
    ) -> Mapping[str, Witness] | None:
        """A visitor who also fits what is wanted now, and the choices that are still open."""
        answers, more = self._taken_apart(wanted)
        now = self._settled(settled, answers)
        if now is None:
            return None
        choices = [*choices, *more]
        self._spend(len(choices))
        unmet = self._narrowest(choices, now)
        if unmet is None:
            return now.visitor
        choice, parts = unmet
        others = [each for each in choices if each is not choice]
        undecided: CannotSay | None = None
        for part in parts:
            try:
                found = self._extended(now, others, [part])
            except CannotSay as reason:
                undecided = reason
                continue
            if found is not None:
                return found
        if undecided is not None:
            raise undecided
        return None

    def _taken_apart(self, wanted: Iterable[Wanted]) -> tuple[list[_Answer], list[Wanted]]:
        """What must hold for itself, and the choices of which one part is enough."""
        answers: list[_Answer] = []
        choices: list[Wanted] = []
        pending = [*wanted][::-1]
        while pending:
            self._spend(1)
            condition, holds = pending.pop()
            match condition:
                case Not(inner):
                    pending.append((inner, not holds))
                case AllOf() | AnyOf() if isinstance(condition, AllOf) == holds:
                    pending.extend((part, holds) for part in reversed(children(condition)))
                case AllOf() | AnyOf():
                    choices.append((condition, holds))
                case _:
                    answers.append((self._question(condition), holds))
        return answers, choices

    def _settled(self, settled: _Settled, added: Iterable[_Answer]) -> _Settled | None:
        answers, visitor = dict(settled.answers), dict(settled.visitor)
        unfit: dict[str, None] = {}
        for answer in added:
            name = answer[0].leaf.attribute
            answers[name] = _with(answers.get(name, ()), answer)
            if name not in visitor or not self._gives(answer, visitor[name]):
                unfit[name] = None
        undecided: CannotSay | None = None
        for name in unfit:
            try:
                fitting = self._value(answers[name])
            except CannotSay as reason:
                undecided = reason
                continue
            if fitting is None:
                return None
            visitor[name] = fitting[0]
        if undecided is not None:
            raise undecided
        return _Settled(answers, visitor)

    def _narrowest(
        self, choices: Iterable[Wanted], settled: _Settled
    ) -> tuple[Wanted, list[Wanted]] | None:
        """Of the choices that the visitor does not meet the one with the fewest possible parts."""
        narrowest: tuple[Wanted, list[Wanted]] | None = None
        for choice in choices:
            condition, holds = choice
            if self._holds(condition, settled.visitor) == holds:
                continue
            parts = [(part, holds) for part in children(condition)]
            possible = [part for part in parts if self._is_possible(part, settled)]
            if narrowest is None or len(possible) < len(narrowest[1]):
                narrowest = choice, possible
            if len(possible) < 2:
                break
        return narrowest

    def _is_possible(self, wanted: Wanted, settled: _Settled) -> bool:
        """Whether it does not contradict, by itself, what is settled."""
        condition, holds = wanted
        while isinstance(condition, Not):
            condition, holds = condition.condition, not holds
        if isinstance(condition, AllOf | AnyOf):
            return True
        known = settled.answers.get(condition.attribute, ())
        try:
            return self._value(_with(known, (self._question(condition), holds))) is not None
        except CannotSay:
            return True

    def _value(self, wanted: tuple[_Answer, ...]) -> tuple[Witness] | None:
        """A value of one attribute for which all answers are these."""
        self._spend(len(wanted))
        key = frozenset(wanted)
        if key in self._fitting:
            return self._fitting[key]
        self._spend(sum(question.size for question, _ in wanted))
        values = candidates([(question.leaf, holds) for question, holds in wanted])
        for value in values.each:
            if all(self._gives(answer, value) for answer in wanted):
                self._fitting[key] = (value,)
                return (value,)
        if not values.are_exhaustive:
            name = wanted[0][0].leaf.attribute
            raise CannotSay(f"{name} is used both as a version and as a text")
        self._fitting[key] = None
        return None

    def _holds(self, condition: Condition, visitor: Mapping[str, Witness]) -> bool:
        match condition:
            case AllOf(parts):
                return all(self._holds(part, visitor) for part in parts)
            case AnyOf(parts):
                return any(self._holds(part, visitor) for part in parts)
            case Not(inner):
                return not self._holds(inner, visitor)
        return self._gives((self._question(condition), True), visitor.get(condition.attribute))

    def _gives(self, answer: _Answer, value: Witness) -> bool:
        self._spend(1 + len(value) // _LENGTH_OF_A_STEP if isinstance(value, str | tuple) else 1)
        question, holds = answer
        return question.matcher.matches({question.leaf.attribute: value}) == holds

    def _question(self, leaf: Leaf) -> _Question:
        known = self._asked.get(id(leaf))
        if known is None:
            size = _size(leaf)
            self._spend(size)
            said = repr(leaf)
            if said not in self._questions:
                self._questions[said] = _Question(leaf, matcher(leaf), size)
            known = self._asked[id(leaf)] = leaf, self._questions[said]
        return known[1]

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < self._stop:
            raise CannotSay("gave up after too many steps; simplify the audience")


def _with(answers: tuple[_Answer, ...], answer: _Answer) -> tuple[_Answer, ...]:
    return answers if answer in answers else (*answers, answer)


def _size(leaf: Leaf) -> int:
    match leaf:
        case In(_, values):
            return len(values)
        case Text(_, _, value) | Version(_, _, value):
            return 1 + len(value) // _LENGTH_OF_A_STEP
    return 1

"""The parts of an audience that may be dead while the rest is not: of `or`, and of `not`."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairlift.engine.audience import AllOf, AnyOf, Condition, Not


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        condition: the part itself.
        path: from the audience, such as `any_of.conditions[1]`.
        above: the path of the nearest part around it; empty: the audience.
    """

    condition: Condition
    path: str
    above: str


def parts(condition: Condition, path: str = "", above: str = "") -> Iterator[Part]:
    """All parts of the condition, an outer one before those in it.

    >>> from fairlift.engine.audience import Exists
    >>> [part.path for part in parts(AnyOf((Exists("a"), Not(Exists("b")))))]
    ['any_of.conditions[0]', 'any_of.conditions[1]', 'any_of.conditions[1].not']
    """
    start = f"{path}." if path else ""
    match condition:
        case AllOf(conditions):
            for index, inner in enumerate(conditions):
                yield from parts(inner, f"{start}all_of.conditions[{index}]", above)
        case AnyOf(conditions):
            for index, inner in enumerate(conditions):
                at = f"{start}any_of.conditions[{index}]"
                yield Part(inner, at, above)
                yield from parts(inner, at, at)
        case Not(inner):
            yield Part(inner, f"{start}not", above)
            yield from parts(inner, f"{start}not", f"{start}not")

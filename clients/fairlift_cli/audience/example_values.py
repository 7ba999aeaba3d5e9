"""Example values of an attribute: if any value meets given conditions, one of these does.

Between two neighbouring constants of a condition every number behaves alike, so the constants, a
number between each two, and one beyond each end stand for all. A text that joins the required parts
with a character of no condition meets a forbidden condition only if every such text does.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import TypeAlias

from fairlift.engine.audience import (
    Between,
    Compare,
    CompareOp,
    In,
    Leaf,
    Scalar,
    Text,
    TextOp,
    Version,
)

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_JOINERS = "~-_ ·•"


class Undecidable(Exception):  # a result, not an error
    """Neither yes nor no could be proved."""


ExampleValue: TypeAlias = Scalar | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ExampleValues:
    """Values to try, and whether one of them meets the conditions if any value does."""

    values: tuple[ExampleValue, ...]
    are_exhaustive: bool


def example_values(required: Sequence[tuple[Leaf, bool]]) -> ExampleValues:
    """The values to try for one attribute, the most natural first, the missing one last."""
    constants = [value for leaf, _ in required for value in _constants(leaf)]
    texts = sorted({value for value in constants if isinstance(value, str)})
    numbers = sorted(
        {v for v in constants if isinstance(v, int | float) and not isinstance(v, bool)}
    )
    times = sorted({value for value in constants if isinstance(value, datetime)})
    contained = _required_texts(required, TextOp.CONTAINS)
    versions = [leaf.value for leaf, _ in required if isinstance(leaf, Version)]
    values: tuple[ExampleValue, ...] = (
        *_numbers(numbers),
        *_times(times),
        *texts,
        *_versions(versions),
        *([True, False] if any(isinstance(value, bool) for value in constants) else []),
        _combined_text(required, texts),
        True,
        False,
        0,
        tuple(contained),
        None,
    )
    # When an exact value is required, the constants are all candidates there are.
    is_exact = any(must_hold and _is_exact(leaf) for leaf, must_hold in required)
    is_mixed = bool(versions) and any(not isinstance(leaf, Version) for leaf, _ in required)
    return ExampleValues(values, are_exhaustive=is_exact or not is_mixed)


def _constants(leaf: Leaf) -> tuple[Scalar, ...]:
    match leaf:
        case Compare(_, _, value) | Text(_, _, value):
            return (value,)
        case In(_, values):
            return values
        case Between(_, low, high):
            return (low, high)
    return ()


def _is_exact(leaf: Leaf) -> bool:
    return (isinstance(leaf, Compare) and leaf.op is CompareOp.EQ) or (
        isinstance(leaf, In) and not leaf.negated
    )


def _required_texts(required: Sequence[tuple[Leaf, bool]], op: TextOp) -> list[str]:
    return [
        leaf.value
        for leaf, must_hold in required
        if must_hold and isinstance(leaf, Text) and leaf.op is op
    ]


def _numbers(constants: list[int | float]) -> Iterator[int | float]:
    yield from constants
    # Halved first: the sum of two large ones is infinite.
    yield from (low / 2 + high / 2 for low, high in pairwise(constants))
    if constants:
        low, high = constants[0], constants[-1]
        yield from (high + 1, low - 1)
        # Where neighbouring doubles differ by more than 1, x + 1 equals x.
        yield from (math.nextafter(high, math.inf), math.nextafter(low, -math.inf))


def _times(constants: list[datetime]) -> Iterator[datetime]:
    yield from constants
    yield from (low + (high - low) / 2 for low, high in pairwise(constants))
    if constants:
        low, high = constants[0], constants[-1]
        for end, step in ((high, _DAY), (low, -_DAY), (high, _TICK), (low, -_TICK)):
            with suppress(OverflowError):  # the end of the calendar
                yield end + step


def _versions(constants: Iterable[str]) -> Iterator[str]:
    """Each version, the ones just above and below it, and the ends."""
    for constant in constants:
        yield constant
        core, _, pre_release = constant.partition("+")[0].partition("-")
        yield f"{core}-{pre_release}.0" if pre_release else f"{core}-0"
        numbers = [int(part) for part in core.removeprefix("v").split(".")]
        major, minor, patch = (*numbers, 0, 0)[:3]
        yield f"{major}.{minor}.{patch + 1}-0"
        yield f"{major}.{minor}.{patch + 1}"
    if constants:
        yield "0.0.0-0"
        yield "999999999.0.0"


def _combined_text(required: Sequence[tuple[Leaf, bool]], texts: list[str]) -> str:
    """A text with all required prefixes, parts and suffixes, and nothing else of any constant."""
    constants = "".join(texts)
    joiners = chain(_JOINERS, map(chr, range(0xE000, 0xF8FF)))
    joiner = next((sign for sign in joiners if sign not in constants), "~")
    start = max(_required_texts(required, TextOp.PREFIX), key=len, default="")
    end = max(_required_texts(required, TextOp.SUFFIX), key=len, default="")
    return joiner.join([start, *_required_texts(required, TextOp.CONTAINS), end])

"""The lines that a running z must cross, and how often it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from fairlift_stats.sequential.errors import InformationFell, NotANumber
from fairlift_stats.sequential.group_sequential.spending import Side
from fairlift_stats.sequential.numerics.recursion import Floats, Stage, begin, bound_for

# A look with less new information than this cannot be told from the one before: it spends nothing.
_LEAST_STEP: Final = 1e-4
_LEAST_LAST_STEP: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Lines on the z scale at the looks' information fractions; -inf or inf where there is none.

    Raises:
        InformationFell: the fractions do not rise.
        NotANumber: a line is not a number.
    """

    times: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse lines that belong to no sequence of looks."""
        check_times(self.times)
        if not len(self.times) == len(self.lower) == len(self.upper):
            raise NotANumber(
                "boundaries", "as many lower and upper lines as looks", len(self.upper)
            )
        if any(math.isnan(line) for line in (*self.lower, *self.upper)):
            raise NotANumber("boundaries", "numbers or infinities", math.nan)

    def after(self, look: int) -> "Boundaries":
        """The lines that come after look number `look` (the first is 1)."""
        return Boundaries(self.times[look:], self.lower[look:], self.upper[look:])

    def until(self, look: int) -> "Boundaries":
        """The lines up to look number `look`, that one included."""
        return Boundaries(self.times[:look], self.lower[:look], self.upper[:look])


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """How often a walk leaves at each look.

    Attributes:
        times: (looks,) information fractions.
        up: (drifts, looks) probability to cross the upper line there first.
        down: (drifts, looks) the same for the lower line.
    """

    times: Floats
    up: Floats
    down: Floats

    @property
    def power(self) -> Floats:
        """(drifts,) probability to cross the upper line at any look."""
        return np.asarray(self.up.sum(axis=1))

    @property
    def error(self) -> Floats:
        """(drifts,) probability to cross either line at any look."""
        return np.asarray(self.up.sum(axis=1) + self.down.sum(axis=1))

    @property
    def expected_time(self) -> Floats:
        """(drifts,) mean information fraction at the stop; who never crosses stops at the last."""
        left = 1 - self.error
        return np.asarray((self.up + self.down) @ self.times + left * self.times[-1])


def check_times(times: Sequence[float]) -> None:
    """Let pass only information fractions that are positive, finite and rise.

    Raises:
        InformationFell: they are not.
    """
    for before, now in zip((0.0, *times), times, strict=False):
        if not (math.isfinite(now) and now > before):
            raise InformationFell(before, now)


@lru_cache(maxsize=512)
def walk(
    boundaries: Boundaries, *, time: float = 0.0, z: float = 0.0, reach: float = 9.0
) -> tuple[Stage, ...]:
    """The stages of a walk from `z` at `time` between the lines, one per look.

    A look without lines stops nobody: the walk passes over it, unless it is the last.

    Raises:
        InformationFell: two looks with lines are too close to be told apart.
    """
    stages: list[Stage] = []
    passed: tuple[Stage, float, float] | None = None
    rows = list(zip(boundaries.times, boundaries.lower, boundaries.upper, strict=True))
    for look, (at, lower, upper) in enumerate(rows, start=1):
        has_line = math.isfinite(lower) or math.isfinite(upper)
        is_close = at - (passed[0].at if passed else time) < _LEAST_LAST_STEP / 2
        if has_line and is_close:
            raise InformationFell(passed[0].at if passed else time, at)
        if stages and not has_line and (is_close or look < len(rows)):
            stages.append(stages[-1])
            continue
        stages.append(
            passed[0].then(*passed[1:], at, reach=reach) if passed else begin(at, time=time, z=z)
        )
        if has_line:
            passed = stages[-1], lower, upper
    return tuple(stages)


def exit_probabilities(
    boundaries: Boundaries,
    drifts: Sequence[float],
    *,
    time: float = 0.0,
    z: float = 0.0,
    reach: float = 9.0,
) -> Exits:
    """How often each look is the first across a line, under each drift (E[Z] at t = 1).

    Walks without a line are followed to `reach` deviations; a drift of many needs more.

    Source: Jennison & Turnbull (2000), ch. 19; checked against gsDesign's gsProbability.
    """
    drift = np.asarray(drifts, dtype=np.float64)
    stages = walk(boundaries, time=time, z=z, reach=reach)
    rows = zip(stages, boundaries.lower, boundaries.upper, strict=True)
    down, up = zip(*(s.crossings(lower, upper, drift) for s, lower, upper in rows), strict=True)
    return Exits(np.asarray(boundaries.times), np.stack(up, axis=1), np.stack(down, axis=1))


def spending_boundaries(
    times: Sequence[float], *, upper: Side | None, lower: Side | None, closes: bool = False
) -> Boundaries:
    """Lines that spend each side's error as its function says, at looks of any spacing.

    A look that adds next to no information gets no line. From t = 1 everything is spent; where the
    last of these looks `closes` the test before, for a reason apart from the data, it is there:
    information and with it the tie between looks stay what they are.

    Raises:
        InformationFell: the fractions do not rise.

    Source: Lan & DeMets (1983); checked against gsDesign, rpact and ldbounds.

    >>> from fairlift_stats.sequential.group_sequential.spending import Spending
    >>> side = Side(Spending("lan_demets_pocock"), 0.025)
    >>> [round(c, 4) for c in spending_boundaries([0.5, 1.0], upper=side, lower=side).upper]
    [2.157, 2.201]
    """
    return _spent(tuple(times), upper, lower, closes)


@lru_cache(maxsize=1024)
def _spent(
    times: tuple[float, ...], upper: Side | None, lower: Side | None, closes: bool
) -> Boundaries:
    check_times(times)
    used: list[float] = []
    lines: list[tuple[float, float]] = []
    for look, at in enumerate(times, start=1):
        is_last = at >= 1 or (closes and look == len(times))
        step = at - (used[-1] if used else 0.0)
        if step < (_LEAST_LAST_STEP if is_last else _LEAST_STEP):
            lines.append((-math.inf, math.inf))
            continue
        used.append(at)
        solved = _solved(tuple(used), upper, lower, is_last)
        lines.append((solved.lower, solved.upper))
    lows, highs = zip(*lines, strict=True) if lines else ((), ())
    return Boundaries(times, lows, highs)


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    stage: Stage
    lower: float
    upper: float


@lru_cache(maxsize=4096)
def _solved(
    times: tuple[float, ...], upper: Side | None, lower: Side | None, is_last: bool
) -> _Solved:
    """The last of these looks; the earlier ones are found in the cache, so a new look costs one."""
    at = times[-1]
    if len(times) == 1:
        stage, before = begin(at), 0.0
    else:
        last = _solved(times[:-1], upper, lower, times[-2] >= 1)
        before = times[-2]
        stage = last.stage.then(last.lower, last.upper, at)
    until = 1.0 if is_last else at
    line = _line(stage, upper, before, until)
    if upper == lower:
        return _Solved(stage, -line, line)
    return _Solved(stage, -_line(stage.mirrored(), lower, before, until), line)


def _line(stage: Stage, side: Side | None, before: float, until: float) -> float:
    """The line that spends what a side may spend between two moments of spending."""
    return math.inf if side is None else bound_for(stage, side.spent_between(before, until))

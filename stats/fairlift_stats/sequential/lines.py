"""Which lines a plan draws for one comparison, whatever its engine.

Each comparison has its own looks: one at which a metric is below its minimum is none for it, so
that nothing is spent there. Every side of the error is spent on its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, assert_never

from fairlift_stats.methods.contrast import NON_INFERIORITY_LEVEL
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.characteristics import drift_for_power, fixed_drift
from fairlift_stats.sequential.group_sequential.futility import futility_design, futility_lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.plan import (
    DAILY_SHARE,
    SequentialPlan,
    daily_level,
    guardrail_level,
    harm_side,
    success_side,
)

# Catastrophes are watched evenly: each day's look has its part.
DAILY_SPENDING: Final = Spending("lan_demets_pocock")
SAFETY_SIDE: Final = Side(Spending("hsd", -4.0), NON_INFERIORITY_LEVEL)
# The last look of a campaign that lost units since the one before still adds this much.
_LEAST_STEP: Final = 2e-4


@dataclass(frozen=True, slots=True)
class Line:
    """The z at which one comparison succeeds, harms or is given up; None where no line is."""

    success: float | None = None
    harm: float | None = None
    give_up: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One look as one comparison sees it.

    Attributes:
        time: share of the planned information that its own mature units bring.
        judges_success: success (or the safety of a guardrail) is judged: there is enough.
        judges_harm: the larger part of the harm error is spent.
        watches: the daily part of the harm error is spent.
        spends_the_rest: what is left of the error is spent here.
    """

    time: float
    judges_success: bool
    judges_harm: bool
    watches: bool
    spends_the_rest: bool


@lru_cache(maxsize=256)
def with_drift(plan: SequentialPlan) -> SequentialPlan:
    """The plan with the drift that its power is for, so that verdicts need not find it again."""
    if plan.drift is not None:
        return plan
    match plan.engine:
        case "group_sequential" if plan.futility is not None:
            drift = futility_design(
                plan.looks,
                success=success_side(plan),
                give_up=Side(plan.futility, 1 - plan.power),
            ).drift
        case "group_sequential" | "always_valid" | "yeast" | "fixed":
            lines = stopping_lines(plan, plan.looks, closes=True)
            drift = drift_for_power(lines, plan.power)
        case "exact_conversion" | "bayes_expected_loss":
            drift = fixed_drift(alpha=plan.alpha, sides=plan.sides, power=plan.power)
        case unreachable:
            assert_never(unreachable)
    return replace(plan, drift=drift)


@lru_cache(maxsize=1024)
def primary_lines(plan: SequentialPlan, moments: tuple[Moment, ...]) -> tuple[Line, ...]:
    """The lines of a primary metric at each look; a later look never changes an earlier line."""
    harm = [
        _nearest(*heights)
        for heights in zip(_harm_heights(plan, moments), _daily_heights(plan, moments), strict=True)
    ]
    rows = zip(_success_heights(plan, moments), harm, _give_up_heights(plan, moments), strict=True)
    return tuple(
        Line(success, None if down is None else -down, give_up) for success, down, give_up in rows
    )


@lru_cache(maxsize=1024)
def guardrail_lines(plan: SequentialPlan, moments: tuple[Moment, ...]) -> tuple[Line, ...]:
    """The lines of a guardrail, on the z of its margin: above `success` it is shown to be safe."""
    level = guardrail_level(plan)
    if not plan.ends_by_units:
        safe = _own_heights(
            moments, _judges, lambda t: mixture_line(t, alpha=NON_INFERIORITY_LEVEL, sides=1)
        )
        harm = _own_heights(moments, _watches, lambda t: mixture_line(t, alpha=level, sides=1))
    else:
        judged = Side(plan.harm_spending, (1 - DAILY_SHARE) * level)
        daily = Side(DAILY_SPENDING, DAILY_SHARE * level)
        safe = spent_heights(SAFETY_SIDE, moments, _judges)
        harm = [
            _nearest(*heights)
            for heights in zip(
                spent_heights(judged, moments, _judges_harm),
                spent_heights(daily, moments, _watches),
                strict=True,
            )
        ]
    rows = zip(safe, harm, strict=True)
    return tuple(Line(up, None if down is None else -down) for up, down in rows)


@lru_cache(maxsize=1024)
def alarm_lines(plan: SequentialPlan, moments: tuple[Moment, ...]) -> tuple[float | None, ...]:
    """The z below which the built-in conversion alarm of one treatment is raised."""
    heights = spent_heights(Side(DAILY_SPENDING, daily_level(plan)), moments, _watches)
    return tuple(None if height is None else -height for height in heights)


def stopping_lines(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> Boundaries:
    """Lines of success and harm for one comparison that is judged at each of these times.

    The last look `closes` the campaign when its days are over: what was still to be spent is then
    spent there. The daily part of the harm error is not among them.
    """
    moments = _all_judged(times, closes=closes)
    success = _success_heights(plan, moments)
    harm = _harm_heights(plan, moments)
    return Boundaries(
        times,
        tuple(-math.inf if down is None else -down for down in harm),
        tuple(math.inf if up is None else up for up in success),
    )


def planned_lines(plan: SequentialPlan) -> tuple[Line, ...]:
    """The lines of a primary metric at the planned looks, the last of which closes the campaign."""
    return primary_lines(plan, _all_judged(plan.looks, closes=True))


def give_up_lines(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> tuple[float, ...]:
    """The z below which a plan gives up at each of these times; -inf where it never does."""
    heights = _give_up_heights(plan, _all_judged(times, closes=closes))
    return tuple(-math.inf if height is None else height for height in heights)


def _all_judged(times: tuple[float, ...], *, closes: bool) -> tuple[Moment, ...]:
    return tuple(
        Moment(t, True, True, True, spends_the_rest=closes and look == len(times))
        for look, t in enumerate(times, start=1)
    )


def spent_heights(
    side: Side | None, moments: Sequence[Moment], chosen: Callable[[Moment], bool]
) -> list[float | None]:
    """The height that spends one side's error at each chosen look; None elsewhere.

    A look without new units is none; the last one of a campaign always is one.
    """
    heights: list[float | None] = [None] * len(moments)
    if side is None:
        return heights
    places, times = _looks(moments, chosen)
    closes = bool(places) and moments[places[-1]].spends_the_rest
    lines = spending_boundaries(times, upper=side, lower=None, closes=closes).upper
    for place, line in zip(places, lines, strict=True):
        heights[place] = line if math.isfinite(line) else None
    return heights


def _looks(
    moments: Sequence[Moment], chosen: Callable[[Moment], bool]
) -> tuple[list[int], tuple[float, ...]]:
    """The places of the chosen looks, and their information, which must rise."""
    places: list[int] = []
    times: list[float] = []
    for place, moment in enumerate(moments):
        least = (times[-1] if times else 0.0) + _LEAST_STEP
        if not chosen(moment) or (moment.time < least and not moment.spends_the_rest):
            continue
        places.append(place)
        times.append(max(moment.time, least))
    return places, tuple(times)


def _success_heights(plan: SequentialPlan, moments: Sequence[Moment]) -> list[float | None]:
    match plan.engine:
        case "group_sequential" | "fixed":
            spent = spent_heights(success_side(plan), moments, _judges)
            if not plan.reserve_alpha:
                return spent
            return list(map(_nearest, spent, _own_heights(moments, _judges, _reserve_line(plan))))
        case "always_valid" | "exact_conversion" | "yeast":
            return _own_heights(moments, _judges, _own_line(plan, plan.level))
        case "bayes_expected_loss":
            return [None] * len(moments)
        case unreachable:
            assert_never(unreachable)


def _harm_heights(plan: SequentialPlan, moments: Sequence[Moment]) -> list[float | None]:
    side = harm_side(plan)
    if side is None or not plan.has_own_lines:
        return spent_heights(side, moments, _judges_harm)
    return _own_heights(moments, _watches, _own_line(plan, side.level))


def _daily_heights(plan: SequentialPlan, moments: Sequence[Moment]) -> list[float | None]:
    """Engines with lines of their own watch harm by them at every look: they need no other."""
    if plan.sides == 1 or plan.has_own_lines:
        return [None] * len(moments)
    return spent_heights(Side(DAILY_SPENDING, daily_level(plan)), moments, _watches)


def _give_up_heights(plan: SequentialPlan, moments: Sequence[Moment]) -> list[float | None]:
    heights: list[float | None] = [None] * len(moments)
    if plan.engine != "group_sequential" or plan.futility is None or plan.drift is None:
        return heights
    places, times = _looks(moments, _judges)
    # Beyond the planned end everything is spent: there is no line to give up at.
    planned = next((look for look, t in enumerate(times, start=1) if t >= 1), len(times))
    places, times = places[:planned], times[:planned]
    if not times:
        return heights
    closes = moments[places[-1]].spends_the_rest or times[-1] >= 1
    lines = futility_lines(
        times,
        drift=plan.drift,
        success=success_side(plan),
        give_up=Side(plan.futility, 1 - plan.power),
        closes=closes,
    )
    for place, line in zip(places, lines.lower, strict=True):
        heights[place] = line if math.isfinite(line) else None
    return heights


def _own_heights(
    moments: Sequence[Moment], chosen: Callable[[Moment], bool], line: Callable[[float], float]
) -> list[float | None]:
    """Lines that need no history: they hold at every look."""
    return [line(m.time) if chosen(m) and m.time > 0 else None for m in moments]


def _own_line(plan: SequentialPlan, level: float) -> Callable[[float], float]:
    """The line of an engine that may be read at every moment, for one side of this error."""
    alpha = plan.sides * level
    if plan.engine == "yeast":
        return lambda t: yeast_line(min(t, 1.0), alpha=alpha, sides=plan.sides)
    return lambda t: mixture_line(t, alpha=alpha, sides=plan.sides)


def _reserve_line(plan: SequentialPlan) -> Callable[[float], float]:
    """The always-valid line of the pre-paid reserve, tuned to twice the plan (union bound)."""
    alpha = plan.reserve_alpha / plan.comparisons
    return lambda t: mixture_line(t / 2, alpha=alpha, sides=plan.sides)


def _nearest(a: float | None, b: float | None) -> float | None:
    """The lower of two heights that may be absent."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _judges(moment: Moment) -> bool:
    return moment.judges_success


def _judges_harm(moment: Moment) -> bool:
    return moment.judges_harm


def _watches(moment: Moment) -> bool:
    return moment.watches

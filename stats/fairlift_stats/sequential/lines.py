"""Which lines a plan draws at a look, whatever its engine."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.characteristics import drift_for_power, fixed_drift
from fairlift_stats.sequential.group_sequential.futility import futility_design, futility_lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.plan import SequentialPlan, harm_side, success_side


@dataclass(frozen=True, slots=True)
class Line:
    """The z at which one comparison succeeds, harms or is given up; None where no line is."""

    success: float | None
    harm: float | None
    give_up: float | None


@lru_cache(maxsize=256)
def sealed(plan: SequentialPlan) -> SequentialPlan:
    """The plan with the drift that its power is for, so that verdicts need not find it again."""
    if plan.drift is not None:
        return plan
    match plan.engine:
        case "group_sequential" if plan.futility is not None:
            drift = futility_design(
                plan.looks,
                success=success_side(plan),
                give_up=Side(plan.futility, 1 - plan.power),
                harm=harm_side(plan),
            ).drift
        case "group_sequential" | "always_valid" | "yeast" | "fixed":
            drift = drift_for_power(stopping_lines(plan, plan.looks), plan.power)
        case "exact_conversion" | "bayes_expected_loss":
            drift = fixed_drift(alpha=plan.alpha, sides=plan.sides, power=plan.power)
        case unreachable:
            assert_never(unreachable)
    return replace(plan, drift=drift)


def stopping_lines(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> Boundaries:
    """Lines of success and harm for one comparison at looks of these information fractions.

    The last look `closes` the campaign when its days are over: what was still to be spent is then
    spent there. Lines that spend nothing stay what they are.
    """
    match plan.engine:
        case "group_sequential":
            success, harm = success_side(plan), harm_side(plan)
            return _group_sequential(plan, times, success, harm, closes=closes)
        case "fixed":
            last = Side(Spending("at_the_end"), plan.level)
            other = last if plan.sides == 2 else None
            return _group_sequential(plan, times, last, other, closes=closes)
        case "always_valid" | "exact_conversion":
            heights = [
                mixture_line(t, alpha=plan.sides * plan.level, sides=plan.sides) for t in times
            ]
        case "yeast":
            heights = [
                yeast_line(min(t, 1.0), alpha=plan.sides * plan.level, sides=plan.sides)
                for t in times
            ]
        case "bayes_expected_loss":
            return Boundaries(times, (-math.inf,) * len(times), (math.inf,) * len(times))
        case unreachable:
            assert_never(unreachable)
    return _symmetric(plan, times, heights)


def _symmetric(plan: SequentialPlan, times: tuple[float, ...], heights: list[float]) -> Boundaries:
    lower = tuple(-h for h in heights) if plan.sides == 2 else (-math.inf,) * len(heights)
    return Boundaries(times, lower, tuple(heights))


def _group_sequential(
    plan: SequentialPlan,
    times: tuple[float, ...],
    upper: Side,
    lower: Side | None,
    *,
    closes: bool,
) -> Boundaries:
    """Spending lines up to the end of the plan; where there is a reserve, its line beside them."""
    lines = spending_boundaries(_until_end(times), upper=upper, lower=lower, closes=closes)
    none = (math.inf,) * (len(times) - len(lines.times))
    reserve = [_reserve_line(plan, t) for t in times]
    up = tuple(map(min, (*lines.upper, *none), reserve))
    if lower is None:
        return Boundaries(times, (-math.inf,) * len(times), up)
    low = tuple(
        -min(-z, r) for z, r in zip((*lines.lower, *(-n for n in none)), reserve, strict=True)
    )
    return Boundaries(times, low, up)


def _until_end(times: tuple[float, ...]) -> tuple[float, ...]:
    """The looks up to the first that reaches the end: it spends all that is left."""
    ended = next((look for look, t in enumerate(times, start=1) if t >= 1), len(times))
    return times[:ended]


def _reserve_line(plan: SequentialPlan, t: float) -> float:
    """The always-valid line of the pre-paid reserve, tuned to twice the plan (union bound)."""
    if not plan.reserve_alpha:
        return math.inf
    alpha = plan.reserve_alpha / plan.comparisons
    return mixture_line(t / 2, alpha=alpha, sides=plan.sides)


def give_up_lines(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> tuple[float, ...]:
    """The z below which a plan gives up at each look; -inf where it never does. Non-binding."""
    if not times or plan.engine != "group_sequential":
        return (-math.inf,) * len(times)
    if plan.futility is None or plan.drift is None:
        return (-math.inf,) * len(times)
    planned = _until_end(times)
    lines = futility_lines(
        planned,
        drift=plan.drift,
        success=success_side(plan),
        give_up=Side(plan.futility, 1 - plan.power),
        harm=harm_side(plan),
        closes=closes or planned[-1] >= 1,
    )
    return (*lines.lower, *((-math.inf,) * (len(times) - len(planned))))


@lru_cache(maxsize=1024)
def lines_at(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> tuple[Line, ...]:
    """The lines in force at each of these looks; a later look never changes an earlier line.

    The last look `closes` the campaign when its days are over.
    """
    stop = stopping_lines(plan, times, closes=closes)
    give_up = give_up_lines(plan, times, closes=closes)
    rows = zip(stop.upper, stop.lower, give_up, strict=True)
    return tuple(Line(_finite(up), _finite(low), _finite(quit_)) for up, low, quit_ in rows)


def _finite(line: float) -> float | None:
    return line if math.isfinite(line) else None

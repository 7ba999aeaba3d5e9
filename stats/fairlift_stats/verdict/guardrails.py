"""What a treatment may not harm: guardrails, judged against their margin, and the daily alarm."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from scipy.special import ndtr

from fairlift_stats.methods.contrast import NON_INFERIORITY_LEVEL, Margin
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.guards import (
    Counted,
    Tail,
    counted,
    exact_z,
    is_surely_beyond,
    tail_of,
)
from fairlift_stats.sequential.lines import Line, Moment, alarm_lines, guardrail_lines
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan, guardrail_level
from fairlift_stats.verdict.facts import (
    AlarmStanding,
    Estimate,
    GuardrailStanding,
    Safety,
    estimate_between,
    oriented,
    possible_estimate,
    table_k,
)
from fairlift_stats.verdict.standings import moment_of

__all__ = [
    "AlarmAt",
    "GuardrailAt",
    "alarm_standing",
    "alarms_of",
    "guardrail_confidence",
    "guardrail_standing",
    "guardrails_of",
    "harmed_at",
    "margin_of",
    "safe_at",
]


_NO_LINE: Final = Line()
# More units than this many times those there are, or than this many in all, is no advice.
_MOST_TIMES: Final = 1_000
_MOST_UNITS: Final = 10**9


@dataclass(frozen=True, slots=True)
class GuardrailAt:
    """One guardrail in one treatment at one look.

    Attributes:
        look: the look.
        evidence: what it knows of the guardrail.
        z: guarded z of "no worse than the margin"; None where it cannot be said.
        tail: how the z was guarded.
        counts: whether there is enough to judge.
        line: above `success` it is safe, below `harm` it is harmed.
        is_safe, is_harmed: whether it lies beyond a line here.
        has_no_share: a relative margin cannot be judged: the control is not told from zero.
    """

    look: Look
    evidence: Evidence | None
    z: float | None
    tail: Tail
    counts: Counted
    line: Line = _NO_LINE
    is_safe: bool = False
    is_harmed: bool = False
    has_no_share: bool = False


@dataclass(frozen=True, slots=True)
class AlarmAt:
    """The built-in conversion alarm of one treatment at one look."""

    look: Look
    rates: TwoRates | None
    is_raised: bool


def margin_of(metric: SequentialMetric) -> Margin:
    """How much worse a guardrail may be."""
    if metric.absolute_margin is not None:
        return Margin(metric.absolute_margin, is_absolute=True)
    assert metric.margin is not None, "a guardrail has one of the two"
    return Margin(metric.margin)


def guardrails_of(
    plan: SequentialPlan, log: LookLog, metric: SequentialMetric, arm: str
) -> tuple[GuardrailAt, ...]:
    """Where a treatment stands on a guardrail at each look."""
    seen = [_seen(plan, look, metric, arm) for look in log.looks]
    lines = guardrail_lines(plan, tuple(moment for _, moment in seen))
    return tuple(_judged(plan, metric, at, line) for (at, _), line in zip(seen, lines, strict=True))


def _seen(
    plan: SequentialPlan, look: Look, metric: SequentialMetric, arm: str
) -> tuple[GuardrailAt, Moment]:
    evidence = look.of(metric.name, arm)
    counts = counted(plan, look, metric, arm)
    tail = Tail() if evidence is None else tail_of(plan, look, metric, evidence)
    z = None
    if evidence is not None:
        z = evidence.contrast.non_inferiority_z(margin_of(metric), metric.direction, table_k(plan))
    if z is not None:
        # The transform knows the sign of the difference, the margin's z that of "better".
        z = oriented(metric, tail.guarded(oriented(metric, z)))
    # A share of a control that has none is no question: nothing is spent on it.
    moment = moment_of(plan, None if z is None else evidence, look.occasion(plan), counts, tail)
    has_no_share = evidence is not None and z is None
    return GuardrailAt(look, evidence, z, tail, counts, has_no_share=has_no_share), moment


def _judged(
    plan: SequentialPlan, metric: SequentialMetric, at: GuardrailAt, line: Line
) -> GuardrailAt:
    """Held against the lines, each where a share of the control can be told at its height."""
    if at.z is None:
        return at
    has_share = _has_share(plan, metric, at, line.success)
    return replace(
        at,
        line=line,
        is_safe=line.success is not None and at.z >= line.success and has_share,
        is_harmed=line.harm is not None
        and _is_harmed(metric, at, line.harm)
        and _has_share(plan, metric, at, line.harm),
        has_no_share=not has_share,
    )


def _has_share(
    plan: SequentialPlan, metric: SequentialMetric, at: GuardrailAt, line: float | None
) -> bool:
    """Whether the margin can be judged where the page shows an interval of this line's height."""
    if metric.absolute_margin is not None or at.evidence is None:
        return True
    return at.evidence.contrast.has_share(_largest_k(plan, line))


def _largest_k(plan: SequentialPlan, line: float | None) -> float:
    return max(table_k(plan), abs(line or 0.0))


def _is_harmed(metric: SequentialMetric, at: GuardrailAt, line: float) -> bool:
    """True beyond the harm line; while an arm is small, by an exact test at the margin."""
    if at.counts.enough:
        return at.z is not None and at.z <= line
    rates = None if at.evidence is None else at.evidence.contrast.rates
    if rates is None:
        return False
    if metric.absolute_margin is not None:
        return is_surely_beyond(rates, metric.direction, metric.absolute_margin, float(ndtr(line)))
    assert metric.margin is not None, "a guardrail has one of the two"
    ratio = 1 - oriented(metric, metric.margin)
    return exact_z(rates, metric.direction, ratio=ratio) <= line


def guardrail_standing(
    plan: SequentialPlan, metric: SequentialMetric, arm: str, history: Sequence[GuardrailAt]
) -> GuardrailStanding:
    """Where a treatment stands on a guardrail after these looks; what was shown first stays."""
    harm, safe = harmed_at(history), safe_at(history)
    first = safe if harm is None else harm
    state: Safety = "open" if first is None else "safe" if harm is None else "harmed"
    safe_line = _last(at.line.success for at in history)
    harm_line = _last(at.line.harm for at in history)
    now, is_open = history[-1], state == "open"
    needed = _units_needed(now, safe_line) if is_open else None
    shown = now if first is None else history[first]
    line = shown.line.harm if state == "harmed" else (shown.line.success or safe_line)
    return GuardrailStanding(
        arm=arm,
        metric=metric.name,
        state=state,
        z=now.z,
        safe_line=safe_line,
        harm_line=harm_line,
        margin=margin_of(metric),
        decided_at=None if first is None else history[first].look.at,
        units_missing=None if needed is None or math.isinf(needed) else max(1, math.ceil(needed)),
        shortage=now.counts.shortage if is_open else None,
        is_at_margin=needed == math.inf,
        raw=possible_estimate(metric, _raw(shown, line, _largest_k(plan, line))),
        confidence=guardrail_confidence(plan, is_harmed=state == "harmed"),
        has_no_share=is_open and now.has_no_share,
        largest_k=_largest_k(plan, line),
    )


def guardrail_confidence(plan: SequentialPlan, *, is_harmed: bool) -> float:
    """Of a guardrail's intervals: on each side they leave out what its line does."""
    return 1 - 2 * (guardrail_level(plan) if is_harmed else NON_INFERIORITY_LEVEL)


def harmed_at(history: Sequence[GuardrailAt]) -> int | None:
    """The index of the first look that showed harm."""
    return next((i for i, at in enumerate(history) if at.is_harmed), None)


def safe_at(history: Sequence[GuardrailAt]) -> int | None:
    """The index of the first look that showed safety; once safe, a guardrail stays safe."""
    return next((i for i, at in enumerate(history) if at.is_safe), None)


def _last(lines: Iterable[float | None]) -> float | None:
    found = [line for line in lines if line is not None]
    return found[-1] if found else None


def _units_needed(at: GuardrailAt, safe_line: float | None) -> float | None:
    """Units still missing if the measured difference stays: z grows with their root.

    Infinite at the margin, on either side of it: there no number of units would help. None beyond
    the margin, and where it is not judged.
    """
    if at.z is None or at.evidence is None or safe_line is None or not at.counts.enough:
        return None
    times = math.inf if at.z == 0 else (safe_line / at.z) ** 2 - 1
    needed = at.evidence.units * times
    if times > _MOST_TIMES or needed > _MOST_UNITS:
        return math.inf
    return needed if at.z > 0 else None


def _raw(at: GuardrailAt, line: float | None, largest_k: float) -> Estimate | None:
    """The plain estimate, with the width of the line that decided, or else of the one to reach."""
    if at.evidence is None:
        return None
    half = math.inf if line is None else abs(line)
    return estimate_between(
        at.evidence.contrast, (0.0, half, -half), at=at.look.at, largest_k=largest_k, tail=at.tail
    )


def alarms_of(plan: SequentialPlan, log: LookLog, arm: str) -> tuple[AlarmAt, ...]:
    """The built-in conversion alarm at each look: conversion within one day, exactly tested.

    It sees what the metrics of a plan see late: a checkout that is dead has no orders to judge by.
    """
    rates = [_one_day(plan, look, arm) for look in log.looks]
    moments = tuple(
        Moment(
            time=0.0 if seen is None else plan.information(_alarm_units(look)),
            judges_success=False,
            judges_harm=False,
            watches=seen is not None and seen.xt + seen.xc >= plan.minimum_converters,
            spends_the_rest=look.occasion(plan).spends_the_rest,
        )
        for look, seen in zip(log.looks, rates, strict=True)
    )
    lines = alarm_lines(plan, moments)
    return tuple(
        AlarmAt(
            look, seen, seen is not None and line is not None and exact_z(seen, "higher") <= line
        )
        for look, seen, line in zip(log.looks, rates, lines, strict=True)
    )


def alarm_standing(arm: str, history: Sequence[AlarmAt]) -> AlarmStanding:
    """The built-in alarm after these looks; once raised it stays raised."""
    raised = next((at for at in history if at.is_raised), None)
    shown = (raised or history[-1]).rates
    return AlarmStanding(
        arm=arm,
        raised_at=None if raised is None else raised.look.at,
        converters=(0, 0) if shown is None else (round(shown.xc), round(shown.xt)),
        units=(0, 0) if shown is None else (round(shown.nc), round(shown.nt)),
    )


def _one_day(plan: SequentialPlan, look: Look, arm: str) -> TwoRates | None:
    """Conversion within a day of exposure; None where it was not counted, or nobody is in."""
    pair = look.count(plan.control), look.count(arm)
    control, treatment = ((c.alarm_converters, c.alarm_units) for c in pair)
    if None in (*control, *treatment) or not (control[1] and treatment[1]):
        return None
    return TwoRates(
        xt=float(treatment[0] or 0),
        nt=float(treatment[1]),
        xc=float(control[0] or 0),
        nc=float(control[1]),
    )


def _alarm_units(look: Look) -> int:
    return sum(count.alarm_units or 0 for count in look.counts)

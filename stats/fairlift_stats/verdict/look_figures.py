"""What each look saw of each comparison: its z beside the lines, and an interval that holds.

For lists and charts of looks; a verdict rests on the same standings, so they cannot disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.guards import Tail
from fairlift_stats.sequential.lines import Line
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Estimate, confidence_of, estimate_between, table_k
from fairlift_stats.verdict.guardrails import guardrail_confidence, guardrails_of
from fairlift_stats.verdict.standings import Standing, standings_of

__all__ = ["LookFigures", "look_figures"]


@dataclass(frozen=True, slots=True)
class LookFigures:
    """One metric in one treatment at one look.

    Attributes:
        metric: a primary metric or a guardrail.
        arm: the treatment.
        z: what the lines are compared with, pointing to the better side; of a guardrail the z of
            "no worse than the margin". None when it cannot be said.
        line: success (of a guardrail: safe), harm and giving up; None where this look has no line.
        estimate: difference and lift.
        confidence: of the estimate's intervals, which hold however often somebody looks; None
            where this look drew no line, so that no such interval exists and its ends are
            infinite.
    """

    metric: str
    arm: str
    z: float | None
    line: Line
    estimate: Estimate
    confidence: float | None


def look_figures(plan: SequentialPlan, log: LookLog) -> tuple[tuple[LookFigures, ...], ...]:
    """By look, what it saw of every comparison that had evidence.

    >>> from fairlift_stats.sequential.looks import LookLog
    >>> from fairlift_stats.sequential.plan import SequentialMetric
    >>> plan = SequentialPlan(("control", "b"), (SequentialMetric("conversion_rate"),), 1_000)
    >>> look_figures(plan, LookLog.begin(plan))
    ()
    """
    comparisons = [*_primaries(plan, log), *_guardrails(plan, log)]
    return tuple(
        tuple(figures for by_look in comparisons if (figures := by_look[number]) is not None)
        for number in range(len(log.looks))
    )


def _primaries(plan: SequentialPlan, log: LookLog) -> Iterator[list[LookFigures | None]]:
    for metric in plan.primaries:
        for arm in plan.treatments:
            yield [_of_primary(plan, s) for s in standings_of(plan, log, metric, arm)]


def _of_primary(plan: SequentialPlan, standing: Standing) -> LookFigures | None:
    if standing.evidence is None:
        return None
    line = standing.line
    # An alarm between two judging looks has the width of its own line, as in the verdict.
    height = line.harm if standing.crossing == "harm" else line.success
    return _figures(
        plan,
        standing.look.at,
        standing.evidence,
        standing.z,
        line,
        height,
        confidence_of(plan),
        standing.tail,
    )


def _guardrails(plan: SequentialPlan, log: LookLog) -> Iterator[list[LookFigures | None]]:
    for metric in plan.guardrails:
        for arm in plan.treatments:
            yield [
                None
                if at.evidence is None
                else _figures(
                    plan,
                    at.look.at,
                    at.evidence,
                    at.z,
                    at.line,
                    at.line.harm if at.is_harmed else at.line.success,
                    guardrail_confidence(plan, is_harmed=at.is_harmed),
                    at.tail,
                )
                for at in guardrails_of(plan, log, metric, arm)
            ]


def _figures(
    plan: SequentialPlan,
    day: str,
    evidence: Evidence,
    z: float | None,
    line: Line,
    height: float | None,
    confidence: float,
    tail: Tail,
) -> LookFigures:
    half = float("inf") if height is None else abs(height)
    estimate = estimate_between(
        evidence.contrast,
        (0.0, half, -half),
        at=day,
        largest_k=max(table_k(plan), abs(height or 0.0)),
        tail=tail,
    )
    return LookFigures(
        evidence.metric,
        evidence.arm,
        z,
        line,
        estimate.possible() if plan.metric(evidence.metric).is_never_negative else estimate,
        None if height is None else confidence,
    )

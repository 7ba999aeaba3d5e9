"""What a report says of a look: each part by itself, so that one that fails costs only itself."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.errors import StatisticsError
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.combined import combined_report
from fairlift_stats.report.decomposition import Decomposition, decompose
from fairlift_stats.verdict import Verdict

from fairlift_server.results.action_worth import (
    ActionWorth,
    action_worths,
    with_worth,
    without_unknown_worth,
)
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.segment_cuts import SegmentCut, segment_cut

log = logging.getLogger("fairlift.results")

T = TypeVar("T")
# By metric and treatment.
CriticalValues: TypeAlias = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class LookReport:
    """Everything that is said of one look beside its verdict.

    Attributes:
        tested, descriptive: the metrics of the plan, and those that nobody judges.
        decompositions: by treatment.
        segments: the results by each attribute that the plan cuts by.
        failures: what could not be computed, by the name of the metric or of the part, and why.
        worths: by metric, what its action is taken to be worth.
    """

    tested: Report | None
    descriptive: Report | None
    decompositions: Mapping[str, Decomposition]
    segments: tuple[SegmentCut, ...]
    failures: Mapping[str, str] = field(default_factory=dict)
    worths: Mapping[str, ActionWorth] = field(default_factory=dict)


def report_of(plan: AnalysisPlan, look: FrozenLook, verdict: Verdict | None) -> LookReport:
    """The report of a look. Whatever fails is left out, and named."""
    failures: dict[str, str] = {}
    descriptive = plan.descriptive
    return LookReport(
        tested=metrics_report(plan, plan.analysis, look, failures, _largest_k(verdict)),
        descriptive=None
        if descriptive is None
        else metrics_report(plan, descriptive, look, failures),
        decompositions=_decompositions(plan, look, failures),
        segments=tuple(
            cut
            for attribute in plan.plan.segments
            if (cut := attempt(attribute, failures, segment_cut, plan, attribute, look))
        ),
        failures=failures,
        worths=action_worths(plan, look.summaries),
    )


def metrics_report(
    plan: AnalysisPlan,
    analysis: Analysis,
    look: FrozenLook,
    failures: dict[str, str],
    largest_k: CriticalValues | None = None,
) -> Report | None:
    """The report of these metrics; those that fail are left out. None when all of them do."""
    names = without_unknown_worth(
        plan, (in_role.metric.name for in_role in analysis.metrics), look.summaries
    )
    if not names:
        return None
    with_all = attempt("metrics", {}, _computed, plan, analysis, look, names, largest_k)
    if with_all is not None:
        return with_all
    sound = [
        name
        for name in names
        if attempt(name, failures, _computed, plan, analysis, look, [name], largest_k)
    ]
    return _computed(plan, analysis, look, sound, largest_k) if sound else None


def _largest_k(verdict: Verdict | None) -> CriticalValues | None:
    """What the verdict beside the table was formed with: a lift is shown in both or in neither."""
    if verdict is None:
        return None
    primaries = {(arm.metric, arm.arm): arm.largest_k for arm in verdict.facts.arms}
    return primaries | {
        (rail.metric, rail.arm): rail.largest_k for rail in verdict.facts.guardrails
    }


def _computed(
    plan: AnalysisPlan,
    analysis: Analysis,
    look: FrozenLook,
    names: Collection[str],
    largest_k: CriticalValues | None,
) -> Report:
    """The report with its posteriors worked out: here, and not where calls wait."""
    summaries = {
        name: with_worth(plan, name, look.summaries[plan.maturity[name]]) for name in names
    }
    report = combined_report(analysis.only(names), summaries, look.quantiles, largest_k=largest_k)
    for result in report.results:
        _ = result.posterior, result.flags, result.non_inferiority
    return report


def _decompositions(
    plan: AnalysisPlan, look: FrozenLook, failures: dict[str, str]
) -> dict[str, Decomposition]:
    decompositions = {}
    for variant in plan.arms[1:]:
        part = attempt(f"decomposition of {variant}", failures, _decomposition, plan, look, variant)
        if part is not None:
            decompositions[variant] = part
    return decompositions


def _decomposition(plan: AnalysisPlan, look: FrozenLook, variant: str) -> Decomposition | None:
    summaries = look.summaries[plan.window]
    try:
        return decompose(
            summaries[plan.control],
            summaries[variant],
            buyers=plan.column(OrderMeasure.BUYERS),
            orders=plan.column(OrderMeasure.ORDERS),
            revenue=plan.column(OrderMeasure.REVENUE),
            confidence=plan.analysis.confidence,
        )
    except StatisticsError:  # an arm without orders has no factors
        return None


def attempt(
    name: str, failures: dict[str, str], compute: Callable[..., T], *arguments: object
) -> T | None:
    """What the function returns; None, with a line about it, when it fails.

    Whatever it raises: a report with one line less is worth more than none.
    """
    try:
        return compute(*arguments)
    except Exception as error:
        failures[name] = f"{type(error).__name__}: {error}"
        log.exception("a part of a report failed", extra={"fields": {"part": name}})
        return None

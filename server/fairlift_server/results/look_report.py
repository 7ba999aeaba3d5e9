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

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.kept_look import KeptLook
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
    """

    tested: Report | None
    descriptive: Report | None
    decompositions: Mapping[str, Decomposition]
    segments: tuple[SegmentCut, ...]
    failures: Mapping[str, str] = field(default_factory=dict)


def report_of(plan: AnalysisPlan, look: KeptLook, verdict: Verdict | None) -> LookReport:
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
            for attribute, by_label in look.segments.items()
            if (cut := attempt(attribute, failures, segment_cut, plan, attribute, by_label))
        ),
        failures=failures,
    )


def metrics_report(
    plan: AnalysisPlan,
    analysis: Analysis,
    look: KeptLook,
    failures: dict[str, str],
    largest_k: CriticalValues | None = None,
) -> Report | None:
    """The report of these metrics; those that fail are left out. None when all of them do."""
    names = [in_role.metric.name for in_role in analysis.metrics]
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
    return {(standing.metric, standing.arm): standing.largest_k for standing in verdict.facts.arms}


def _computed(
    plan: AnalysisPlan,
    analysis: Analysis,
    look: KeptLook,
    names: Collection[str],
    largest_k: CriticalValues | None,
) -> Report:
    """The report with its posteriors worked out: here, and not where calls wait."""
    summaries = {name: look.summaries[plan.maturity[name]] for name in names}
    report = combined_report(analysis.only(names), summaries, look.quantiles, largest_k=largest_k)
    for result in report.results:
        _ = result.posterior, result.flags, result.non_inferiority
    return report


def _decompositions(
    plan: AnalysisPlan, look: KeptLook, failures: dict[str, str]
) -> dict[str, Decomposition]:
    decompositions = {}
    for variant in plan.arms[1:]:
        part = attempt(f"decomposition of {variant}", failures, _decomposition, plan, look, variant)
        if part is not None:
            decompositions[variant] = part
    return decompositions


def _decomposition(plan: AnalysisPlan, look: KeptLook, variant: str) -> Decomposition | None:
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

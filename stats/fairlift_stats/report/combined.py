"""One report over metrics whose windows differ, so that each counts units of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.report.analysis import Analysis, Report, adjusted_p_values
from fairlift_stats.report.answers import Answers
from fairlift_stats.report.result import Result

__all__ = ["combined_report"]


def combined_report(
    analysis: Analysis,
    summaries: Mapping[str, Mapping[str, Summary]],
    quantiles: Mapping[str, Quantiles],
    *,
    largest_k: Mapping[tuple[str, str], float] | None = None,
) -> Report:
    """The report of an analysis whose metrics need not be over the same units.

    P-values are adjusted over all metrics of a role, as if one summary held them all.

    Args:
        analysis: the metrics and their roles.
        summaries: by metric and variant; metrics with equal units should share one mapping.
        quantiles: by variant and metric.
        largest_k: see `Analysis.report`.

    Raises:
        UnknownVariant, MissingColumn, BadSummary: see `Analysis.report`.
    """
    answers: dict[str, Answers] = {}
    variants: tuple[str, ...] = ()
    for names in _sharing(summaries):
        part = analysis.only(names).report(summaries[names[0]], quantiles, largest_k=largest_k)
        answers |= {result.metric: result.answers for result in part.results}
        variants = part.variants
    ordered = [answers[planned.metric.name] for planned in analysis.metrics]
    adjusted = adjusted_p_values([a.row for a in ordered], [list(a.reasons) for a in ordered])
    return Report(
        analysis.control,
        variants,
        analysis.confidence,
        tuple(
            Result(replace(metric_answers, adjusted=p_values), place)
            for metric_answers, p_values in zip(ordered, adjusted, strict=True)
            for place in range(1, len(variants))
        ),
    )


def _sharing(summaries: Mapping[str, Mapping[str, Summary]]) -> Sequence[list[str]]:
    """Names of metrics that share their summaries."""
    by_owner = sorted(summaries, key=lambda name: id(summaries[name]))
    return [list(names) for _, names in groupby(by_owner, key=lambda name: id(summaries[name]))]

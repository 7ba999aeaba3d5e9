"""Metrics by segment: each segment alone, and adjusted towards the overall result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.multiplicity import adjusted_p
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.segment_report import SegmentFamily

from fairlift_server.analysis.ledger_query import ColumnGroup
from fairlift_server.analysis.segment_labels import OTHERS, label_of, largest
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import Cuts, FrozenLook, Summaries


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """All segments of one attribute, one family for each metric and treatment.

    `units` counts, by metric, segment and treatment, the units of the treatment and the control
    together.
    """

    attribute: str
    families: tuple[SegmentFamily, ...]
    units: Mapping[tuple[str, str, str], int]


def summaries_by_label(
    plan: AnalysisPlan, group: ColumnGroup, cells: Iterable[tuple[str, str, Summary]]
) -> Cuts:
    """Summaries by attribute, label and variant, every variant in each; small labels as one.

    Args:
        plan: of the campaign.
        group: whose columns the cells add up.
        cells: the text of the labels, the variant and the sums of each cell.
    """
    parts: dict[str, dict[str, dict[str, list[Summary]]]] = {
        attribute: {} for attribute in plan.plan.segments
    }
    for text, variant, summary in cells:
        for attribute, by_label in parts.items():
            label = label_of(text, attribute)
            # Where labels are many, a cell is cut by some of the attributes.
            if label is not None:
                by_label.setdefault(label, {}).setdefault(variant, []).append(summary)
    return {attribute: _largest(plan, group, by_label) for attribute, by_label in parts.items()}


def segment_cut(plan: AnalysisPlan, attribute: str, look: FrozenLook) -> SegmentCut | None:
    """What may be said of the segments of one attribute; None where there are none.

    p-values are corrected for all segments, metrics and treatments of the attribute together.
    """
    families: list[SegmentFamily] = []
    units: dict[tuple[str, str, str], int] = {}
    for metric in plan.segment_metrics:
        by_label = look.segments.get(plan.maturity[metric.name], {}).get(attribute)
        if by_label is None and metric is plan.segment_metrics[0]:
            by_label = look.first_segments.get(attribute)
        if not by_label:
            continue
        analysis = Analysis(
            primary=(metric,), control=plan.control, confidence=plan.analysis.confidence
        )
        families += analysis.segments(by_label)
        units |= {
            (metric.name, label, variant): arms[plan.control].n + arms[variant].n
            for label, arms in by_label.items()
            for variant in plan.arms[1:]
        }
    return SegmentCut(attribute, _corrected(families), units) if families else None


def _corrected(families: Sequence[SegmentFamily]) -> tuple[SegmentFamily, ...]:
    """By Benjamini and Hochberg over all that the attribute asks."""
    p_values = [lift.p_value for family in families for lift in family.segments]
    if not p_values:
        return tuple(families)
    corrected = iter(adjusted_p(np.array(p_values), "BH").tolist())
    return tuple(
        replace(
            family,
            segments=tuple(replace(lift, adjusted_p=next(corrected)) for lift in family.segments),
        )
        for family in families
    )


def _largest(
    plan: AnalysisPlan, group: ColumnGroup, parts: Mapping[str, Mapping[str, list[Summary]]]
) -> dict[str, Summaries]:
    """The labels with the most units, and the others as one."""
    empty = group.empty()
    by_label = {
        label: {arm: Summary.total(arms.get(arm, [empty])) for arm in plan.arms}
        for label, arms in parts.items()
    }
    # What was made one before stays it.
    units = {label: _units(arms) for label, arms in by_label.items() if label != OTHERS}
    kept = largest(units)
    if rest := [label for label in by_label if label not in kept]:
        cuts = [by_label.pop(label) for label in rest]
        by_label[OTHERS] = {arm: Summary.total(cut[arm] for cut in cuts) for arm in plan.arms}
    return {label: by_label[label] for label in sorted(by_label)}


def _units(arms: Summaries) -> int:
    return sum(summary.n for summary in arms.values())

"""Metrics by segment: each segment alone, and adjusted towards the overall result."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from fairlift_stats.methods.multiplicity import adjusted_p
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.segment_report import SegmentFamily

from fairlift_server.analysis.ledger_cell import UnitSums, added_up
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerAnswer
from fairlift_server.analysis.segment_labels import OTHERS, label_of, largest
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import Cuts, FrozenLook


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
    plan: AnalysisPlan,
    answer: LedgerAnswer,
    group: ColumnGroup,
    *,
    day: int | None,
    last_entry: int | None,
) -> Cuts:
    """Summaries by attribute, label and variant, every variant in each; small labels as one.

    Args:
        plan: of the campaign.
        answer: that has the cells.
        group: whose columns they add up.
        day: of the sample; None takes everybody.
        last_entry: the last day of entry that counts.
    """
    sums = {
        (text, arm): each
        for (text, arm), each in answer.segment_sums(day, group, last_entry).items()
        if arm in plan.arms
    }
    return {
        attribute: {
            label: {
                arm: answer.summary(group, by_arm[arm]) if arm in by_arm else group.empty()
                for arm in plan.arms
            }
            for label, by_arm in sorted(_largest(_by_label(sums, attribute)).items())
        }
        for attribute in plan.plan.segments
    }


def segment_cut(plan: AnalysisPlan, attribute: str, look: FrozenLook) -> SegmentCut | None:
    """What may be said of the segments of one attribute; None where there are none.

    p-values are corrected for all segments, metrics and treatments of the attribute together.
    """
    families: list[SegmentFamily] = []
    units: dict[tuple[str, str, str], int] = {}
    metrics = plan.segment_metrics
    for metric in metrics:
        by_label = look.segments.get(plan.maturity[metric.name], {}).get(attribute)
        if by_label is None and metric is metrics[0]:
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


def _by_label(
    sums: Mapping[tuple[str, str], UnitSums], attribute: str
) -> dict[tuple[str, str], UnitSums]:
    """By label and variant."""
    labels = {text: label_of(text, attribute) for text, _ in sums}
    # Where labels are many, a cell is cut by some of the attributes.
    return added_up(
        ((label, variant), each)
        for (text, variant), each in sums.items()
        if (label := labels[text]) is not None
    )


def _largest(sums: Mapping[tuple[str, str], UnitSums]) -> dict[str, dict[str, UnitSums]]:
    """By label and variant: the labels with the most units, and the others as one."""
    units: Counter[str] = Counter()
    for (label, _), each in sums.items():
        # What was made one before stays it.
        if label != OTHERS:
            units[label] += each.units
    kept = largest(units)
    by_label: dict[str, dict[str, UnitSums]] = defaultdict(dict)
    together = added_up(
        ((label if label in kept else OTHERS, variant), each)
        for (label, variant), each in sums.items()
    )
    for (label, variant), each in together.items():
        by_label[label][variant] = each
    return by_label

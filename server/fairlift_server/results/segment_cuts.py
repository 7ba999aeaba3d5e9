"""One metric by segment: each segment alone, and adjusted towards the overall result."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fairlift_stats.data.summary import Summary
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.segment_report import SegmentFamily

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.kept_look import Summaries

# More labels than this are no segments; the smallest are shown as one.
_MOST_LABELS = 20
OTHERS = "(others)"
ABSENT = "(none)"


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """All segments of one attribute, one family for each treatment.

    `units` counts, by segment and treatment, the units of the treatment and the control together.
    """

    attribute: str
    families: tuple[SegmentFamily, ...]
    units: Mapping[tuple[str, str], int]


def summaries_by_label(
    plan: AnalysisPlan, attribute: str, cells: Iterable[tuple[str, str, Summary]]
) -> dict[str, Summaries]:
    """Summaries by label and variant, every variant in each; the smallest labels as one.

    Args:
        plan: of the campaign.
        attribute: whose labels are wanted.
        cells: the segments' JSON text, the variant and the sums of each cell.
    """
    parts: dict[str, dict[str, list[Summary]]] = {}
    for text, variant, summary in cells:
        label = _label(text, attribute)
        parts.setdefault(label, {}).setdefault(variant, []).append(summary)
    empty = plan.segment_group.empty()
    by_label = {
        label: {arm: Summary.total(arms.get(arm, [empty])) for arm in plan.arms}
        for label, arms in parts.items()
    }
    ranked = sorted(by_label, key=lambda label: (-_units(by_label[label]), label))
    if rest := ranked[_MOST_LABELS:]:
        cuts = [by_label.pop(label) for label in rest]
        by_label[OTHERS] = {arm: Summary.total(cut[arm] for cut in cuts) for arm in plan.arms}
    return {label: by_label[label] for label in sorted(by_label)}


def segment_cut(
    plan: AnalysisPlan, attribute: str, by_label: Mapping[str, Summaries]
) -> SegmentCut:
    """What may be said of the segments of one attribute."""
    analysis = Analysis(
        primary=(plan.segment_metric,), control=plan.control, confidence=plan.analysis.confidence
    )
    units = {
        (label, variant): arms[plan.control].n + arms[variant].n
        for label, arms in by_label.items()
        for variant in plan.arms[1:]
    }
    return SegmentCut(attribute, analysis.segments(by_label) if by_label else (), units)


def _label(text: str, attribute: str) -> str:
    labels = json.loads(text) if text else {}
    return str(labels.get(attribute) or ABSENT)


def _units(arms: Summaries) -> int:
    return sum(summary.n for summary in arms.values())

"""One metric by segment: each seen alone, and drawn towards the whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlift_stats.data.summary import Summary
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.segment_report import SegmentFamily

from fairlift_server.analysis.question import Answer, Question
from fairlift_server.results.analysis_plan import Study
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


def cut_by_segment(study: Study, question: Question, answer: Answer) -> dict[str, Summaries]:
    """Summaries by label and variant, every variant in each; the smallest labels as one."""
    found: dict[str, dict[str, Summary]] = {}
    for cell in answer.cells:
        if not cell.is_contaminated:
            found.setdefault(cell.segment or ABSENT, {})[cell.variant] = cell.summary
    empty = question.empty()
    whole = {
        label: {arm: arms.get(arm, empty) for arm in study.arms} for label, arms in found.items()
    }
    ranked = sorted(whole, key=lambda label: (-_units(whole[label]), label))
    if rest := ranked[_MOST_LABELS:]:
        cuts = [whole.pop(label) for label in rest]
        whole[OTHERS] = {arm: Summary.total(cut[arm] for cut in cuts) for arm in study.arms}
    return {label: whole[label] for label in sorted(whole)}


def segment_cut(study: Study, attribute: str, cut: Mapping[str, Summaries]) -> SegmentCut:
    """What may be said of the segments of one attribute."""
    analysis = Analysis(
        primary=(study.cut_metric,), control=study.control, confidence=study.analysis.confidence
    )
    units = {
        (label, variant): arms[study.control].n + arms[variant].n
        for label, arms in cut.items()
        for variant in study.arms[1:]
    }
    return SegmentCut(attribute, analysis.segments(cut) if cut else (), units)


def _units(arms: Summaries) -> int:
    return sum(summary.n for summary in arms.values())

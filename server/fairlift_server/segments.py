"""The first primary metric by segment: each seen alone, and drawn towards the whole."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fairlift_stats.errors import StatisticsError
from fairlift_stats.metrics import Mean, Rate, Ratio
from fairlift_stats.results import Interval
from fairlift_stats.segments import Segment, fit_segments, log_lift
from fairlift_stats.summary import Summary

from fairlift_server.analysis.question import Answer
from fairlift_server.look_content import Summaries
from fairlift_server.study import Study

# More labels than this are no segments; the smallest are shown as one.
_MOST_LABELS = 20
OTHERS = "…"


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment in one treatment, against the control; lifts, not logarithms."""

    label: str
    variant: str
    units: int
    raw: float | None = None
    raw_interval: Interval | None = None
    shrunk: float | None = None
    interval: Interval | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """All segments of one attribute."""

    attribute: str
    metric: str
    heterogeneity_p: float | None
    rows: tuple[SegmentRow, ...]


def cut_by_segment(answer: Answer) -> dict[str, Summaries]:
    """Summaries by label and variant; the smallest labels as one."""
    by_label: dict[str, dict[str, Summary]] = {}
    for cell in answer.cells:
        if not cell.is_contaminated:
            by_label.setdefault(cell.segment, {})[cell.variant] = cell.summary
    ranked = sorted(by_label, key=lambda label: (-_units(by_label[label]), label))
    for label in ranked[_MOST_LABELS:]:
        others = by_label.setdefault(OTHERS, {})
        for variant, summary in by_label.pop(label).items():
            others[variant] = others[variant] + summary if variant in others else summary
    return {label: by_label[label] for label in sorted(by_label)}


def segment_cut(study: Study, attribute: str, cut: Mapping[str, Summaries]) -> SegmentCut:
    """What may be said of the segments of one attribute."""
    rows: list[SegmentRow] = []
    smallest_p: float | None = None
    for variant in study.arms[1:]:
        units = {
            label: sum(s.n for arm, s in arms.items() if arm in (study.control, variant))
            for label, arms in cut.items()
        }
        effects = {
            label: effect
            for label, arms in cut.items()
            if (effect := _log_effect(study.decides, arms.get(study.control), arms.get(variant)))
        }
        seen: dict[str, Segment] = {}
        try:
            fitted = fit_segments(effects, confidence=study.analysis.confidence)
        except StatisticsError:  # fewer than two segments that can say anything
            pass
        else:
            seen = {segment.name: segment for segment in fitted.segments}
            p = fitted.heterogeneity.p_value
            smallest_p = p if smallest_p is None else min(p, smallest_p)
        rows += [_row(label, variant, units[label], seen.get(label)) for label in cut]
    treatments = len(study.arms) - 1
    heterogeneity_p = None if smallest_p is None else min(1.0, smallest_p * treatments)
    return SegmentCut(attribute, study.decides.name, heterogeneity_p, tuple(rows))


def _row(label: str, variant: str, units: int, segment: Segment | None) -> SegmentRow:
    if segment is None:
        return SegmentRow(label, variant, units)
    return SegmentRow(
        label,
        variant,
        units,
        math.expm1(segment.raw),
        _lifts(segment.raw_interval),
        math.expm1(segment.shrunk),
        _lifts(segment.interval),
        segment.sentence,
    )


def _lifts(interval: Interval) -> Interval:
    return Interval(math.expm1(interval.low), math.expm1(interval.high))


def _units(arms: Summaries) -> int:
    return sum(summary.n for summary in arms.values())


def _log_effect(
    metric: Rate | Mean | Ratio, control: Summary | None, treatment: Summary | None
) -> tuple[float, float] | None:
    """ln(1 + lift) and its variance; None where an arm says nothing."""
    if control is None or treatment is None or min(control.n, treatment.n) < 2:
        return None
    if isinstance(metric, Rate):
        y, v = log_lift(*_counts(metric, treatment), *_counts(metric, control))
        return float(y), float(v)
    above, below = (_log_estimate(metric, group) for group in (treatment, control))
    if above is None or below is None:
        return None
    return above[0] - below[0], above[1] + below[1]


def _counts(metric: Rate, group: Summary) -> tuple[float, float]:
    trials = group.n if metric.of is None else group.sum(metric.of)
    return float(group.sum(metric.column)), float(trials)


def _log_estimate(metric: Mean | Ratio, group: Summary) -> tuple[float, float] | None:
    """Logarithm of the estimate and its variance, by the delta method."""
    top = metric.column if isinstance(metric, Mean) else metric.numerator
    if group.mean(top) <= 0:
        return None
    variance = group.variance(top) / group.mean(top) ** 2
    logarithm = math.log(group.mean(top))
    if isinstance(metric, Ratio):
        base = metric.denominator
        if group.mean(base) <= 0:
            return None
        variance += group.variance(base) / group.mean(base) ** 2
        variance -= 2 * group.covariance(top, base) / (group.mean(top) * group.mean(base))
        logarithm -= math.log(group.mean(base))
    return (logarithm, variance / group.n) if variance > 0 else None

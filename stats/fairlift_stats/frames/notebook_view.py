"""A report of a frame as HTML, drawn with the parts of Fairlift's pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fairlift_report.notebook import NotebookView
from fairlift_report.number_signs import number_signs
from fairlift_report.parts import LiftPicture, SegmentsView
from fairlift_report.table import GroupView, IntervalView, RowView, TableView

from fairlift_stats.effects import Effect, Interval
from fairlift_stats.frames.frame_words import FrameWords
from fairlift_stats.frames.plain_text import tested_p
from fairlift_stats.report.analysis import Report
from fairlift_stats.report.result import Result
from fairlift_stats.report.segment_report import SegmentFamily, SegmentLift

__all__ = ["notebook_view"]

COLUMNS = ("value", "lift", "interval", "adjusted_p")
SEGMENT_COLUMNS = ("units", "adjusted_lift", "its_interval", "raw_lift")


def notebook_view(
    report: Report,
    *,
    split: str,
    is_broken: bool,
    notes: Sequence[str],
    segments: Mapping[str, Sequence[SegmentFamily]],
    words: FrameWords,
) -> NotebookView:
    """What a notebook shows of a report."""
    by_metric: dict[str, list[Result]] = {}
    for result in report.results:
        by_metric.setdefault(result.metric, []).append(result)
    pictures = [_picture(report, results, words) for results in by_metric.values()]
    groups = tuple(_group(name, results, words) for name, results in by_metric.items())
    return NotebookView(
        language=words.language,
        signs=number_signs(words.language),
        split_status="broken" if is_broken else "ok",
        split=split,
        heading=words.say("lifts", control=report.control, level=words.level(report.confidence)),
        pictures=[picture for picture in pictures if picture.rows],
        colours=words.say("colours", alpha=words.level(1 - report.confidence)),
        table=TableView(words.say("metrics"), _columns(COLUMNS, words), groups),
        remarks=notes,
        segments=[*_segments(segments, next(iter(by_metric)), words)],
    )


def _columns(names: Sequence[str], words: FrameWords) -> tuple[str, ...]:
    """Headings: as in the text, but each begins with a capital."""
    return tuple(said[:1].upper() + said[1:] for said in map(words.say, names))


def _picture(report: Report, results: Sequence[Result], words: FrameWords) -> LiftPicture:
    first = results[0]
    return LiftPicture(
        metric=first.metric,
        heading=words.say("lift_of", metric=first.metric, control=report.control),
        is_primary=first.role == "primary",
        rows=tuple(
            _tested(result, result.lift, report.confidence, words)
            for result in results
            if isinstance(result.lift, Effect)
        ),
        minimum_effect=None,
        minimum_effect_label="",
        legend=(),
    )


def _interval(label: str, lift: Effect, words: FrameWords) -> IntervalView:
    figure, limits = words.lift_and_interval(lift)
    return IntervalView(label, lift.interval.low, lift.value, lift.interval.high, figure, limits)


def _tested(result: Result, lift: Effect, confidence: float, words: FrameWords) -> IntervalView:
    """The interval, which proves something where the p-value beside it does, too."""
    p = tested_p(result)
    is_open = p is None or p >= 1 - confidence
    return replace(_interval(result.variant, lift, words), is_one_look=is_open)


def _group(name: str, results: Sequence[Result], words: FrameWords) -> GroupView:
    first = results[0]
    unit = first.answers.row.metric.unit
    control = RowView(
        first.control.variant, (words.estimate(first.control.estimate, unit), "", "", "")
    )
    rows = (control, *(_row(result, words) for result in results))
    return GroupView(name, words.role(first.role), rows)


def _row(result: Result, words: FrameWords) -> RowView:
    value = words.estimate(result.treatment.estimate, result.answers.row.metric.unit)
    cells = (value, *words.lift_and_interval(result.lift), words.p(tested_p(result)))
    return RowView(result.variant, cells)


def _segments(
    segments: Mapping[str, Sequence[SegmentFamily]], metric: str, words: FrameWords
) -> Iterator[SegmentsView]:
    for column, families in segments.items():
        of_metric = [family for family in families if family.metric == metric and family.segments]
        if not of_metric:
            continue
        # Where there are several treatments, each segment is named with its own.
        prefixes = {f.variant: f"{f.variant}, " if len(of_metric) > 1 else "" for f in of_metric}
        rows = tuple(
            _segment_row(each, f"{prefixes[family.variant]}{each.segment}", words)
            for family in of_metric
            for each in family.segments
        )
        lifts = [each for family in of_metric for each in family.segments]
        yield SegmentsView(
            is_first_metric=True,
            table=TableView(
                words.say("by", metric=metric, column=column),
                _columns(SEGMENT_COLUMNS, words),
                (GroupView("", "", rows),),
            ),
            raw=tuple(
                _segment_interval(each.segment, each.raw, each.raw_interval, words)
                for each in lifts
            ),
            more="",
            sentences=tuple(dict.fromkeys(words.message(each.message) for each in lifts)),
            same_lift="",
        )


def _segment_row(each: SegmentLift, name: str, words: FrameWords) -> RowView:
    adjusted = _segment_interval(name, each.lift, each.interval, words)
    cells = (words.count(each.n), adjusted.figure, adjusted.interval, words.lift(each.raw))
    return RowView(name, cells, adjusted)


def _segment_interval(
    label: str, value: float, interval: Interval, words: FrameWords
) -> IntervalView:
    return _interval(label, Effect(value, interval, interval), words)

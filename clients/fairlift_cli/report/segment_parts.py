"""Segments of a report as data: adjusted lifts, and beside them those of their own data."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.parts import MOST_SEGMENTS, SegmentsView
from fairlift_report.table import IntervalView, RowView
from fairlift_stats.messages import Number

from fairlift_cli.figures import NO_VALUE
from fairlift_cli.report.lift_pictures import interval_view
from fairlift_cli.report.live_tables import plain_rows
from fairlift_cli.report.report_context import ReportContext


def segment_views(context: ReportContext) -> Iterator[SegmentsView]:
    """The segments of each attribute and metric."""
    results = context.report.segments
    for result in results:
        yield _view(context, result, is_first_metric=result.metric == results[0].metric)


def _view(
    context: ReportContext, result: pb.SegmentResult, *, is_first_metric: bool
) -> SegmentsView:
    figures = context.figures
    variants = dict.fromkeys(context.name(segment.variant) for segment in result.segments)
    heading = context.say(
        "report.segments",
        attribute=result.attribute,
        metric=figures.metric_name(result.metric),
        variants=", ".join(variants),
    )
    columns = (
        context.say("report.visitors"),
        context.say("report.lift"),
        context.say("report.interval", level=figures.confidence(_level(result))),
    )
    rows = [_row(context, segment, with_variant=len(variants) > 1) for segment in result.segments]
    sentences = dict.fromkeys(s.sentence for s in result.segments if s.sentence)
    same_lift = ""
    if result.HasField("heterogeneity_p_value"):
        same_lift = context.say("report.same_lift", p=figures.chance(result.heterogeneity_p_value))
    return SegmentsView(
        is_first_metric,
        plain_rows(heading, columns, iter(rows)),
        tuple(_raw(context, segment) for segment in result.segments),
        _more(context, len(rows)),
        tuple(sentences),
        same_lift,
    )


def _more(context: ReportContext, rows: int) -> str:
    left_out = rows - MOST_SEGMENTS
    if left_out <= 0:
        return ""
    return context.say("page.more_segments", by="count", count=Number(left_out))


def _row(
    context: ReportContext, segment: pb.SegmentResult.Segment, *, with_variant: bool
) -> RowView:
    figures = context.figures
    name = f"{segment.value}, {context.name(segment.variant)}" if with_variant else segment.value
    has_lift, has_interval = segment.HasField("lift"), segment.HasField("lift_interval")
    cells = (
        figures.count(segment.units),
        figures.lift(segment.lift) if has_lift else NO_VALUE,
        figures.interval(segment.lift_interval) if has_interval else NO_VALUE,
    )
    if not (has_lift and has_interval):
        return RowView(name, cells)
    return RowView(name, cells, interval_view(figures, name, segment.lift, segment.lift_interval))


def _raw(context: ReportContext, segment: pb.SegmentResult.Segment) -> IntervalView | None:
    """The lift of the segment's own data."""
    if not (segment.HasField("raw_lift") and segment.HasField("raw_lift_interval")):
        return None
    return interval_view(
        context.figures, segment.value, segment.raw_lift, segment.raw_lift_interval
    )


def _level(result: pb.SegmentResult) -> float:
    levels = (s.lift_interval.confidence for s in result.segments if s.HasField("lift_interval"))
    return next(levels, 0.95)

"""The picture of a report: the lift of each treatment with its interval, and the verdict's."""

import math
from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_stats.messages import Number
from rich.text import Text

from fairlift_cli.report.chart import Bar, draw
from fairlift_cli.report.report_context import ReportContext, shown_interval


def show_pictures(context: ReportContext) -> None:
    """Prints one picture for each primary metric, and the legend where two figures differ."""
    if context.report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST and context.report.metrics:
        context.screen.line()
        context.screen.line(context.say("report.figures_not_reliable"), style="bold")
    for metric in context.primary():
        bars = [
            bar for comparison in metric.comparisons for bar in _bars(context, metric, comparison)
        ]
        if not bars:
            continue
        name, control = context.figures.metric(metric), context.name(context.control)
        context.screen.line()
        heading = context.say("report.lift_over", metric=name, control=control)
        context.screen.line(heading, style="bold")
        rows = draw(
            bars,
            width=context.screen.width,
            glyphs=context.screen.glyphs,
            label=lambda value, digits: context.screen.safe(context.figures.lift(value, digits)),
        )
        context.screen.lines([Text(row) for row in rows])
        if any(bar.is_verdict for bar in bars):
            _legend(context)


def _bars(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> Iterator[Bar]:
    """The bar of all data, and a second one where the verdict's figure differs."""
    interval = shown_interval(comparison)
    if interval is None or not comparison.HasField("lift"):
        return
    yield Bar(context.name(comparison.variant), *_around(comparison.lift, interval))
    verdict = context.report.verdict
    is_verdict_comparison = (verdict.metric, verdict.variant) == (metric.metric, comparison.variant)
    if context.adjustment_reason and is_verdict_comparison and verdict.HasField("lift_interval"):
        label = f"  {context.screen.safe(context.say('report.verdict_bar'))}"
        yield Bar(label, *_around(verdict.lift, verdict.lift_interval), is_verdict=True)


def _around(lift: float, interval: value_pb2.Interval) -> tuple[float, float, float]:
    lower = interval.lower if interval.HasField("lower") else -math.inf
    upper = interval.upper if interval.HasField("upper") else math.inf
    return lower, lift, upper


def _legend(context: ReportContext) -> None:
    """Explains the two marks: the verdict's figure and the figure of all data."""
    verdict, last, glyphs = context.report.verdict, context.report.look, context.screen.glyphs
    decided = verdict.deciding_look if verdict.HasField("deciding_look") else last
    for mark, key, lift, look in (
        (glyphs.verdict, "report.verdict_figure", verdict.lift, decided),
        (glyphs.point, "report.all_data", _lift_of_all_data(context), last),
    ):
        figure, number, day = (
            context.figures.lift(lift), Number(look.number), context.day_of(look),
        )  # fmt: skip
        context.screen.line(context.say(key, lift=figure, number=number, day=day), mark=mark)


def _lift_of_all_data(context: ReportContext) -> float:
    """The lift that the chart draws: of the verdict's metric and variant, up to the newest look."""
    verdict = context.report.verdict
    return next(
        comparison.lift
        for metric in context.report.metrics
        if metric.metric == verdict.metric
        for comparison in metric.comparisons
        if comparison.variant == verdict.variant
    )

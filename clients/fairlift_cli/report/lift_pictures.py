"""Lifts to be drawn: of each treatment with its interval, and the verdict's where it differs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fairlift.engine.metric import HEADLINE_METRICS
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift_report.parts import LegendLine, LiftPicture
from fairlift_report.table import IntervalView
from fairlift_stats.messages import Number, Percent

from fairlift_cli.figures import Figures
from fairlift_cli.report.report_context import ReportContext
from fairlift_cli.report.shown_intervals import (
    differs_from_verdict,
    lift_interval,
    says_nothing,
    verdict_interval,
    verdict_look,
)


def lift_pictures(context: ReportContext) -> Iterator[LiftPicture]:
    """One picture for each headline metric and each primary one that has a lift."""
    for metric in context.metrics():
        is_primary = metric.role == pb.METRIC_ROLE_PRIMARY
        if not is_primary and metric.metric not in HEADLINE_METRICS:
            continue
        rows = tuple(
            row for comparison in metric.comparisons for row in _rows(context, metric, comparison)
        )
        if not rows:
            continue
        name, control = context.figures.metric(metric), context.name(context.control)
        heading = context.say("report.lift_over", metric=name, control=control)
        effect = _minimum_effect(context, metric) if is_primary else None
        label = "" if effect is None else context.say(
            "report.minimum_effect", effect=Percent(effect, 1, signed=True)
        )  # fmt: skip
        legend = tuple(_legend(context, metric, rows))
        yield LiftPicture(name, heading, is_primary, rows, effect, label, legend)


def interval_view(
    figures: Figures, label: str, lift: float, interval: value_pb2.Interval
) -> IntervalView:
    """A lift and its interval; an absent end is unbounded."""
    lower, upper = ends(interval)
    is_open = says_nothing(interval)
    shown = figures.say("report.no_interval") if is_open else figures.interval(interval)
    level = figures.confidence(interval.confidence)
    return IntervalView(label, lower, lift, upper, figures.lift(lift), shown, level=level)


def ends(interval: value_pb2.Interval) -> tuple[float, float]:
    """Both ends; an absent one is infinite."""
    lower = interval.lower if interval.HasField("lower") else -math.inf
    upper = interval.upper if interval.HasField("upper") else math.inf
    return lower, upper


def _rows(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> Iterator[IntervalView]:
    """The row of all data, and a second one where the verdict's figure differs."""
    found = lift_interval(context, metric.metric, comparison)
    if found is None or not comparison.HasField("lift"):
        return
    figures, name = context.figures, context.name(comparison.variant)
    row = interval_view(figures, name, comparison.lift, found.interval)
    yield replace(row, is_one_look=found.is_one_look, tone=found.tone)
    own = verdict_interval(context, metric.metric, comparison)
    if own is not None and differs_from_verdict(context, metric.metric, comparison):
        label, lift = context.say("report.verdict_bar"), context.report.verdict.lift
        row = interval_view(figures, label, lift, own.interval)
        yield replace(row, is_verdict=True, tone=own.tone)


def _minimum_effect(context: ReportContext, metric: pb.MetricResult) -> float | None:
    """The lift that the plan wanted to find, towards the metric's better side."""
    campaign = context.sealed_campaign
    for planned in campaign.plan.primary if campaign is not None else ():
        if planned.metric == metric.metric and planned.HasField("minimum_effect"):
            is_lower_better = metric.direction == value_pb2.DIRECTION_LOWER
            return -planned.minimum_effect if is_lower_better else planned.minimum_effect
    return None


def _legend(
    context: ReportContext, metric: pb.MetricResult, rows: Sequence[IntervalView]
) -> Iterator[LegendLine]:
    """Explains the two marks, and which intervals hold for one look only."""
    measured = [row for row in rows if not row.is_verdict]
    if len(measured) < len(rows):
        yield LegendLine(is_verdict=True, sentence=_verdict_figure(context))
        look = context.report.look
        lift, number = context.figures.lift(_lift_of_all_data(context)), Number(look.number)
        sentence = context.say(
            "report.all_data", lift=lift, number=number, day=context.day_of(look)
        )
        yield LegendLine(is_verdict=False, sentence=sentence)
    names = [row.label for row in measured if row.is_one_look]
    if names:
        where = context.figures.metric(metric)
        if len(names) < len(measured):
            where = f"{where}, {', '.join(names)}"
        yield LegendLine(is_verdict=False, sentence=context.say("report.one_look_row", of=where))


def _verdict_figure(context: ReportContext) -> str:
    """Of which look the verdict's figure is, and the level of its interval."""
    verdict, look = context.report.verdict, verdict_look(context)
    lift = context.figures.lift(verdict.lift)
    level = context.figures.confidence(verdict.lift_interval.confidence)
    if look is None:
        return context.say("report.verdict_figure_undated", lift=lift, level=level)
    number, day = Number(look.number), context.day_of(look)
    return context.say("report.verdict_figure", lift=lift, number=number, day=day, level=level)


def _lift_of_all_data(context: ReportContext) -> float:
    """The lift of the verdict's metric and variant, up to the newest look."""
    verdict = context.report.verdict
    return next(
        comparison.lift
        for metric in context.report.metrics
        if metric.metric == verdict.metric
        for comparison in metric.comparisons
        if comparison.variant == verdict.variant
    )

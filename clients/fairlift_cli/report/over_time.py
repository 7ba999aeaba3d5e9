"""A report over time: what each analysis found."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.parts import CoursePoint, CourseView
from fairlift_report.table import IntervalView, RowView

from fairlift_cli.figures import NO_VALUE
from fairlift_cli.local_time import local_time
from fairlift_cli.report.lift_pictures import interval_view
from fairlift_cli.report.live_tables import plain_rows
from fairlift_cli.report.report_context import ReportContext

_LINES = ("z", "boundary", "harm_boundary", "futility_boundary")
_LINE_NAMES = ("report.evidence_short", "looks.boundary", "looks.harm", "looks.give_up")


def course_views(context: ReportContext) -> Iterator[CourseView]:
    """The course of each primary metric and treatment that was compared, the verdict's first."""
    verdict = context.report.verdict
    compared = [
        (metric, totals.variant)
        for metric in context.metrics()
        if metric.role == pb.METRIC_ROLE_PRIMARY
        for totals in context.report.totals
    ]
    compared.sort(key=lambda pair: (pair[0].metric, pair[1]) != (verdict.metric, verdict.variant))
    looks_of = defaultdict[tuple[str, str], list[tuple[pb.Look, pb.Look.LookComparison]]](list)
    for look in context.looks:
        for comparison in look.comparisons:
            looks_of[comparison.metric, comparison.variant].append((look, comparison))
    for metric, variant in compared:
        if looks := looks_of.get((metric.metric, variant)):
            points = tuple(_point(context, *pair) for pair in looks)
            heading = _interval_heading(context, [comparison for _, comparison in looks])
            yield _course(context, metric, variant, points=points, interval_heading=heading)


def _point(
    context: ReportContext, look: pb.Look, comparison: pb.Look.LookComparison
) -> CoursePoint:
    ended = local_time(look.as_of_time, context.report.time_zone) - timedelta(microseconds=1)
    # A line that nothing is compared with any more would mislead.
    is_later = _is_later(context.report.verdict, look)
    z, success, harm, giving_up = (
        getattr(comparison, name)
        if comparison.HasField(name) and (name == "z" or not is_later)  # type: ignore[arg-type]
        else None
        for name in _LINES
    )
    return CoursePoint(
        date=ended.date().isoformat(),
        day=context.day_of(look),
        number=look.number,
        lift=_lift(context, comparison, has_interval=not is_later),
        evidence=z,
        success=success,
        harm=harm,
        giving_up=giving_up,
        evidence_words=_evidence_words(context, (z, success, harm, giving_up)),
        is_decision=_is_decision(context.report.verdict, look, comparison),
        is_later=is_later,
    )


def _lift(
    context: ReportContext, comparison: pb.Look.LookComparison, *, has_interval: bool
) -> IntervalView | None:
    figures = context.figures
    if not comparison.HasField("lift"):
        return None
    name = context.name(comparison.variant)
    if has_interval and comparison.HasField("lift_interval"):
        return interval_view(figures, name, comparison.lift, comparison.lift_interval)
    # This analysis drew no line, so no interval holds at it.
    lift = comparison.lift
    return IntervalView(name, -math.inf, lift, math.inf, figures.lift(lift), NO_VALUE)


def _evidence_words(context: ReportContext, values: Sequence[float | None]) -> str:
    """Such as "Evidence 1.20, Success at 2.34"."""
    return ", ".join(
        f"{context.say(name)} {context.figures.number(value, 2)}"
        for name, value in zip(_LINE_NAMES, values, strict=True)
        if value is not None
    )


def _is_later(verdict: pb.Verdict, look: pb.Look) -> bool:
    """Whether the look was made after the decision, and decides nothing."""
    decided = verdict.decided_time.ToNanoseconds()
    return verdict.HasField("decided_time") and look.as_of_time.ToNanoseconds() > decided


def _is_decision(verdict: pb.Verdict, look: pb.Look, comparison: pb.Look.LookComparison) -> bool:
    return (
        verdict.HasField("decided_time")
        and look.as_of_time == verdict.decided_time
        and verdict.metric in ("", comparison.metric)
        and verdict.variant in ("", comparison.variant)
    )


def _course(
    context: ReportContext,
    metric: pb.MetricResult,
    variant: str,
    *,
    points: tuple[CoursePoint, ...],
    interval_heading: str,
) -> CourseView:
    say, figures = context.say, context.figures
    decided = next((point for point in points if point.is_decision), None)
    decision = "" if decided is None else say("report.decided_on", day=decided.day)
    columns = (
        say("report.lift"),
        interval_heading,
        *map(say, _LINE_NAMES),
    )
    rows = (_row(context, point) for point in points)
    heading = say(
        "report.course", metric=figures.metric(metric), variant=context.name(variant)
    )  # fmt: skip
    return CourseView(
        heading=heading,
        metric=figures.metric(metric),
        points=points,
        lift_label=say("report.course_lift"),
        evidence_label=say("report.evidence_lines"),
        line_labels=(
            say("report.line_success"),
            say("report.line_harm"),
            say("report.line_no_gain"),
        ),
        decision=decision,
        sentence=_why_looking_is_allowed(context),
        table=plain_rows("", columns, rows),
    )


def _row(context: ReportContext, point: CoursePoint) -> RowView:
    number, figures = context.figures.number, [NO_VALUE, NO_VALUE]
    if point.lift is not None:
        figures = [point.lift.figure, point.lift.interval]
    for value in (point.evidence, point.success, point.harm, point.giving_up):
        figures.append(NO_VALUE if value is None else number(value, 2))
    return RowView(point.day, tuple(figures), point.lift)


def _interval_heading(context: ReportContext, comparisons: Sequence[pb.Look.LookComparison]) -> str:
    """Names the confidence of the intervals; other comparisons may have another one."""
    levels = {
        each.lift_interval.confidence for each in comparisons if each.HasField("lift_interval")
    }
    if not levels:
        return context.say("report.interval_alone")
    return context.say("report.interval", level=context.figures.confidence(max(levels)))


def _why_looking_is_allowed(context: ReportContext) -> str:
    campaign = context.sealed_campaign
    rule = campaign.plan.stopping.WhichOneof("kind") if campaign is not None else None
    return context.say(f"report.rule_{rule}") if rule else ""

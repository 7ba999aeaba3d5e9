"""The table of a report's metrics by variant, and what must be said of it."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.table import GroupView, RowView, TableView
from fairlift_report.view import MetricsView
from fairlift_stats.messages import Percent

from fairlift_cli.figures import NO_VALUE
from fairlift_cli.report.report_context import ReportContext
from fairlift_cli.report.shown_intervals import (
    ShownInterval,
    difference_interval,
    lift_interval,
)

_MARGIN_KEYS = {
    pb.GUARDRAIL_STANDING_SAFE: "report.margin_holds",
    pb.GUARDRAIL_STANDING_HARMED: "report.margin_crossed",
    pb.GUARDRAIL_STANDING_OPEN: "report.margin_open",
    pb.GUARDRAIL_STANDING_NO_SHARE: "report.margin_no_share",
}
_ROLES = {"primary", "secondary", "guardrail"}


def metrics_view(context: ReportContext) -> MetricsView | None:
    """The metrics and remarks on them; None before the first look: all is provisional then."""
    if not context.report.metrics or not context.report.HasField("look"):
        return None
    said = []
    if _has_interval(context, pb.METRIC_ROLE_PRIMARY, is_one_look=False):
        said.append(context.say("report.always_valid"))
    if any(_has_interval(context, role, is_one_look=True) for role in pb.MetricRole.values()):
        said.append(context.say("report.one_look_rows"))
    return MetricsView(_metrics_table(context), (*said, *_remarks(context)))


def _has_interval(context: ReportContext, role: int, *, is_one_look: bool) -> bool:
    """Whether a metric of the role shows such an interval."""
    shown = (
        _shown(context, metric, comparison)
        for metric in context.report.metrics
        if metric.role == role
        for comparison in metric.comparisons
    )
    return any(each is not None and each.is_one_look == is_one_look for each in shown)


def _shown(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> ShownInterval | None:
    """The interval of the comparison's row: of the lift, or else of the difference."""
    if comparison.HasField("lift"):
        return lift_interval(context, metric.metric, comparison)
    return difference_interval(comparison) if comparison.HasField("difference") else None


def _metrics_table(context: ReportContext) -> TableView:
    """Value, lift, interval and chance to be best, for each metric and variant."""
    columns = (
        context.say("report.value"),
        context.say("report.lift"),
        context.say("report.interval", level=context.level),
        context.say("report.chance_to_be_best"),
    )
    groups = (
        GroupView(
            context.figures.metric(metric), _note(context, metric), tuple(_rows(context, metric))
        )
        for metric in context.metrics()
    )
    return TableView(context.say("report.metrics"), columns, tuple(groups))


def _rows(context: ReportContext, metric: pb.MetricResult) -> Iterator[RowView]:
    comparisons = {comparison.variant: comparison for comparison in metric.comparisons}
    figures = context.figures
    for arm in metric.arms:
        has_value = arm.HasField("estimate")
        value = figures.value(arm.estimate, metric.quantity) if has_value else NO_VALUE
        best = figures.chance(arm.probability_best) if arm.HasField("probability_best") else ""
        name, comparison = context.name(arm.variant), comparisons.get(arm.variant)
        if comparison is None:
            yield RowView(name, (value, "", "", best))
            continue
        shown = _shown(context, metric, comparison)
        if shown is None:
            yield RowView(name, (value, NO_VALUE, NO_VALUE, best))
            continue
        words = (
            (figures.lift(comparison.lift), figures.interval(shown.interval))
            if comparison.HasField("lift")
            else (
                figures.difference(comparison.difference, metric.quantity),
                figures.difference_interval(shown.interval, metric.quantity),
            )
        )
        yield RowView(name, (value, words[0], words[1] + _own_level(context, shown), best))


def _own_level(context: ReportContext, shown: ShownInterval) -> str:
    """The interval's confidence, where it is not the one that the column's heading names."""
    level = context.figures.confidence(shown.interval.confidence)
    return "" if level == context.level else f" ({level})"


def _note(context: ReportContext, metric: pb.MetricResult) -> str:
    """The metric's role, and whether its intervals hold for one look only."""
    shown = [
        (context.name(comparison.variant), found.is_one_look)
        for comparison in metric.comparisons
        if (found := _shown(context, metric, comparison)) is not None
    ]
    of_one_look = [name for name, is_one_look in shown if is_one_look]
    one_look = context.say("report.one_look") if of_one_look else ""
    if len(of_one_look) < len(shown) and of_one_look:
        one_look = f"{one_look}: {', '.join(of_one_look)}"
    return ", ".join(filter(None, (_role(context, metric), one_look)))


def _role(context: ReportContext, metric: pb.MetricResult) -> str:
    if metric.role not in pb.MetricRole.values():  # of a newer server
        return ""
    name = pb.MetricRole.Name(metric.role).removeprefix("METRIC_ROLE_").lower()
    return context.say(f"role.{name}") if name in _ROLES else ""


def _remarks(context: ReportContext) -> Iterator[str]:
    """Notes on the table: why a number is absent, and whether a margin holds."""
    for metric in context.metrics():
        if metric.error:
            yield f"{context.figures.metric(metric)}: {metric.error}"
        if metric.worth.sentence:
            yield f"{context.figures.metric(metric)}: {metric.worth.sentence}"
        for comparison in metric.comparisons:
            where = f"{context.figures.metric(metric)}, {context.name(comparison.variant)}"
            if comparison.cannot_say:
                yield f"{where}: {comparison.cannot_say}"
            if comparison.guardrail in _MARGIN_KEYS:
                yield f"{where}: {_margin(context, metric, comparison)}"


def _margin(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> str:
    """Whether the guardrail's margin holds."""
    key = _MARGIN_KEYS[comparison.guardrail]
    # Only a campaign that goes on may still show it.
    if key == "report.margin_open" and context.report.verdict.kind != pb.VERDICT_KIND_KEEP_GOING:
        key = "report.margin_not_shown"
    if not comparison.HasField("absolute_margin"):
        return context.say(key, margin=Percent(comparison.margin))
    # In the metric's own unit, as the difference that it is compared with.
    figures, quantity = context.figures, metric.quantity
    margin = figures.difference(comparison.absolute_margin, quantity, signed=False)
    sentence = context.say(key, margin=margin)
    if not comparison.HasField("difference"):
        return sentence
    difference = figures.difference(comparison.difference, quantity)
    return context.say("report.with_difference", sentence=sentence, difference=difference)

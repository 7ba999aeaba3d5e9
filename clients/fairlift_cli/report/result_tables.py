"""The tables of a report: metrics by variant, counts, and details for analysts."""

from collections.abc import Iterator
from itertools import chain, groupby
from typing import TypeAlias

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_stats.messages import Percent
from rich.table import Table
from rich.text import Text

from fairlift_cli.figures import NO_VALUE
from fairlift_cli.report.report_context import (
    ReportContext,
    shown_difference_interval,
    shown_interval,
)
from fairlift_cli.screen import figure_table, row_name

TitledTable: TypeAlias = tuple[Table, dict[int, Text]]


def metrics_table(context: ReportContext) -> TitledTable:
    """Value, lift, interval and chance to be best, for each metric and variant."""
    safe = context.screen.safe
    heading = context.say("report.interval", level=_level(context))
    value, lift = context.say("report.value"), context.say("report.lift")
    columns = (value, lift, heading, context.say("report.chance_to_be_best"))
    table, titles = figure_table(*map(safe, columns)), dict[int, Text]()
    for metric in context.metrics():
        name, role = safe(context.figures.metric(metric)), safe(_role(context, metric))
        # One pair of parentheses is enough.
        title = Text(name.removesuffix(")") if role else name, style="bold")
        if role:
            title.append(f"; {role})" if name.endswith(")") else f" ({role})", style="not bold dim")
        titles[table.row_count] = title
        table.add_row("")
        comparisons = {comparison.variant: comparison for comparison in metric.comparisons}
        for arm in metric.arms:
            cells = _cells(context, metric, arm, comparisons.get(arm.variant))
            table.add_row(row_name(f"  {context.name(arm.variant)}"), *map(safe, cells))
    return table, titles


def remarks(context: ReportContext) -> Iterator[str]:
    """Notes on the table: why a number is absent, and whether a margin holds."""
    for metric in context.metrics():
        if metric.error:
            yield f"{context.figures.metric(metric)}: {metric.error}"
        for comparison in metric.comparisons:
            where = f"{context.figures.metric(metric)}, {context.name(comparison.variant)}"
            if comparison.cannot_say:
                yield f"{where}: {comparison.cannot_say}"
            if comparison.guardrail in _MARGIN_KEYS:
                yield f"{where}: {_margin(context, metric, comparison)}"


def counts_table(context: ReportContext) -> Table:
    """The totals of each variant so far, and how many of its units the newest look analysed."""
    figures, safe = context.figures, context.screen.safe
    analysed = {arm.variant: arm.units for arm in context.report.look.arms}
    columns = ("visitors", "buyers", "orders", "revenue", "net_revenue", "analysed")
    shown = columns if analysed else columns[:-1]
    table = figure_table(*(safe(context.say(f"report.{column}")) for column in shown))
    for totals in context.report.totals:
        table.add_row(
            row_name(f"  {context.name(totals.variant)}"),
            *map(figures.count, (totals.units, totals.buyers, totals.orders)),
            *(safe(figures.micros(m)) for m in (totals.revenue_micros, totals.net_revenue_micros)),
            *([figures.count(analysed.get(totals.variant, 0))] if analysed else []),
        )
    return table


def segments_table(
    context: ReportContext, segment_result: pb.SegmentResult, *, with_variant: bool
) -> Table:
    """The lift in each segment, adjusted towards the overall result."""
    figures, safe = context.figures, context.screen.safe
    heading = context.say("report.interval", level=Percent(_segment_level(segment_result), 0))
    columns = (context.say("report.visitors"), context.say("report.lift"), heading)
    table = figure_table(*map(safe, columns))
    for segment in segment_result.segments:
        name = safe(segment.value)
        has_interval = segment.HasField("lift_interval")
        table.add_row(
            row_name(f"  {name}, {context.name(segment.variant)}" if with_variant else f"  {name}"),
            figures.count(segment.units),
            safe(figures.lift(segment.lift) if segment.HasField("lift") else NO_VALUE),
            safe(figures.interval(segment.lift_interval) if has_interval else NO_VALUE),
        )
    return table


def details_table(context: ReportContext) -> TitledTable:
    """p-values (plain, adjusted, sequential) and posterior figures; empty columns are left out."""
    safe = context.screen.safe
    rows = [
        (metric, comparison, _details(context, metric, comparison))
        for metric in context.metrics()
        for comparison in metric.comparisons
    ]
    shown_columns = [
        column
        for column in range(len(_DETAILS))
        if any(cells[column] != NO_VALUE for _, _, cells in rows)
    ]
    table = figure_table(
        *(safe(context.say(f"report.{_DETAILS[column]}")) for column in shown_columns)
    )
    titles = dict[int, Text]()
    for _, group in groupby(rows, key=lambda row: row[0].metric):
        metric_rows = list(group)
        titles[table.row_count] = Text(
            safe(context.figures.metric(metric_rows[0][0])), style="bold"
        )
        table.add_row("")
        for _, comparison, cells in metric_rows:
            name = row_name(f"  {context.name(comparison.variant)}")
            table.add_row(name, *(safe(cells[column]) for column in shown_columns))
    return table, titles


def _details(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> tuple[str, ...]:
    """The cells of one comparison, in the order of `_DETAILS`."""
    losses = (
        context.figures.share(arm.expected_loss_relative, 2)
        for arm in metric.arms
        if arm.variant == comparison.variant and arm.HasField("expected_loss_relative")
    )
    p_values = (_p_value(context, comparison, name) for name in _P_VALUES)
    return (*p_values, _better(context, comparison), next(losses, NO_VALUE))


def methods(context: ReportContext) -> Iterator[str]:
    """The method of each metric, and the flags of its comparisons."""
    for metric in context.metrics():
        method_names = dict.fromkeys(
            _method(context, comparison) for comparison in metric.comparisons if comparison.method
        )
        flags = (
            context.say(f"flag.{FLAGS[flag]}", variant=context.name(comparison.variant))
            for comparison in metric.comparisons
            for flag in comparison.flags
            # A flag of a newer server has no words here.
            if flag in FLAGS
        )
        parts = "; ".join(chain(method_names, flags))
        if parts:
            yield f"{context.figures.metric(metric)}: {parts}"


def _method(context: ReportContext, comparison: pb.MetricResult.Comparison) -> str:
    """The method in the reader's language; a newer server's by its number."""
    key = METHODS.get(comparison.method)
    name = context.say(f"method.{key}") if key else f"method {comparison.method}"
    if comparison.covariate_adjusted:
        return context.say("method.adjusted", method=name)
    return name


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


def _role(context: ReportContext, metric: pb.MetricResult) -> str:
    name = pb.MetricRole.Name(metric.role).removeprefix("METRIC_ROLE_").lower()
    return context.say(f"role.{name}") if name in _ROLES else ""


METHODS = {
    pb.METHOD_SCORE: "score",
    pb.METHOD_WELCH_FIELLER: "mean",
    pb.METHOD_RATIO_DELTA: "ratio",
    pb.METHOD_QUANTILE: "quantile",
}
_MARGIN_KEYS = {
    pb.GUARDRAIL_STANDING_SAFE: "report.margin_holds",
    pb.GUARDRAIL_STANDING_HARMED: "report.margin_crossed",
    pb.GUARDRAIL_STANDING_OPEN: "report.margin_open",
    pb.GUARDRAIL_STANDING_NO_SHARE: "report.margin_no_share",
}
_ROLES = {"primary", "secondary", "guardrail"}
FLAGS = {
    number: name.removeprefix("FLAG_").lower() for name, number in pb.Flag.items() if number != 0
}
_DETAILS = ("p", "p_adjusted", "chance_to_beat_control", "loss")
_P_VALUES = ("p_value", "adjusted_p_value")


def _cells(
    context: ReportContext,
    metric: pb.MetricResult,
    arm: pb.MetricResult.ArmEstimate,
    comparison: pb.MetricResult.Comparison | None,
) -> tuple[str, str, str, str]:
    figures = context.figures
    value = figures.value(arm.estimate, metric.quantity) if arm.HasField("estimate") else NO_VALUE
    best = figures.chance(arm.probability_best) if arm.HasField("probability_best") else ""
    if comparison is None:
        return value, "", "", best
    interval = shown_interval(comparison)
    if interval is None or not comparison.HasField("lift"):
        return value, *_difference(context, metric, comparison), best
    shown = figures.interval(interval) + _own_level(context, interval)
    return value, figures.lift(comparison.lift), shown, best


def _difference(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> tuple[str, str]:
    """Where there is no lift, the difference in the metric's own unit, and its interval."""
    interval = shown_difference_interval(comparison)
    if interval is None or not comparison.HasField("difference"):
        return NO_VALUE, NO_VALUE
    return (
        context.figures.difference(comparison.difference, metric.quantity),
        context.figures.difference_interval(interval, metric.quantity)
        + _own_level(context, interval),
    )


def _own_level(context: ReportContext, interval: Interval) -> str:
    """The interval's confidence, where it is not the one that the column's heading names."""
    level = context.figures.share(interval.confidence, 0)
    return "" if level == _level(context) else f" ({level})"


def _level(context: ReportContext) -> str:
    """The confidence of the displayed intervals; only guardrails may have another."""
    for metric in context.report.metrics:
        if metric.role == pb.METRIC_ROLE_GUARDRAIL:
            continue
        for comparison in metric.comparisons:
            interval = shown_interval(comparison)
            if interval is not None:
                return context.figures.share(interval.confidence, 0)
    return context.figures.share(0.95, 0)


def _segment_level(segment_result: pb.SegmentResult) -> float:
    levels = (
        s.lift_interval.confidence for s in segment_result.segments if s.HasField("lift_interval")
    )
    return next(levels, 0.95)


def _p_value(context: ReportContext, comparison: pb.MetricResult.Comparison, name: str) -> str:
    if not comparison.HasField(name):  # type: ignore[arg-type]  # one of _P_VALUES
        return NO_VALUE
    value = float(getattr(comparison, name))
    if value < 0.0001:
        return f"<{context.figures.number(0.0001, 4)}"
    return context.figures.number(value, 4)


def _better(context: ReportContext, comparison: pb.MetricResult.Comparison) -> str:
    posterior = comparison.posterior
    if not posterior.HasField("probability_better"):
        return NO_VALUE
    return context.figures.chance(posterior.probability_better)

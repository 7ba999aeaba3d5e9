"""Tables of totals, of what is provisional, of funnels, channels and coupons."""

from collections.abc import Iterator

from fairlift.engine.metric import HEADLINE_METRICS
from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.table import GroupView, RowView, TableView

from fairlift_cli.figures import NO_VALUE, capital
from fairlift_cli.report.report_context import ReportContext

_SHOWN_ROLES = (pb.METRIC_ROLE_PRIMARY, pb.METRIC_ROLE_GUARDRAIL)
# A shop may have a code for each customer.
_MOST_COUPONS = 10


def plain_rows(heading: str, columns: tuple[str, ...], rows: Iterator[RowView]) -> TableView:
    """A table whose rows are not grouped."""
    return TableView(heading, columns, (GroupView("", "", tuple(rows)),))


def totals_table(context: ReportContext) -> TableView:
    """The totals of each variant so far, and how many of its units the newest look analysed."""
    figures = context.figures
    analysed = {arm.variant: arm.units for arm in context.report.look.arms}
    columns = ("visitors", "buyers", "orders", "revenue", "net_revenue", "analysed")
    shown = columns if analysed else columns[:-1]
    rows = (
        RowView(
            context.name(totals.variant),
            (
                *map(figures.count, (totals.units, totals.buyers, totals.orders)),
                *map(figures.micros, (totals.revenue_micros, totals.net_revenue_micros)),
                *([figures.count(analysed.get(totals.variant, 0))] if analysed else []),
            ),
        )
        for totals in context.report.totals
    )
    headings = tuple(context.say(f"report.{column}") for column in shown)
    return plain_rows(context.say("report.counts"), headings, rows)


def provisional_table(context: ReportContext) -> TableView | None:
    """The headline metrics and those that decide, of all units; None when nobody is immature."""
    metrics = [
        metric
        for metric in context.metrics()
        if metric.metric in HEADLINE_METRICS or metric.role in _SHOWN_ROLES
    ]
    if not any(arm.immature_units for metric in metrics for arm in metric.arms):
        return None
    variants = [totals.variant for totals in context.report.totals]
    rows = (_provisional_row(context, metric, variants) for metric in metrics)
    columns = tuple(map(context.name, variants))
    return plain_rows(context.say("report.provisional"), columns, rows)


def _provisional_row(
    context: ReportContext, metric: pb.MetricResult, variants: list[str]
) -> RowView:
    estimates = {
        arm.variant: context.figures.value(arm.provisional_estimate, metric.quantity)
        for arm in metric.arms
        if arm.HasField("provisional_estimate")
    }
    cells = tuple(estimates.get(variant, NO_VALUE) for variant in variants)
    return RowView(context.figures.metric(metric), cells)


def funnel_tables(context: ReportContext) -> Iterator[TableView]:
    """The steps of each funnel: how many units of each variant reached them."""
    columns = ("visitors", "of_all", "of_previous")
    headings = tuple(context.say(f"report.{column}") for column in columns)
    for metric in context.metrics():
        if metric.steps:
            heading = context.say("report.steps", metric=context.figures.metric(metric))
            steps = tuple(_step(context, step) for step in metric.steps)
            yield TableView(heading, headings, steps)


def _step(context: ReportContext, step: pb.MetricResult.FunnelStep) -> GroupView:
    figures, rows = context.figures, []
    for arm in step.arms:
        share = figures.share(arm.share, 2) if arm.HasField("share") else NO_VALUE
        has_onward = arm.HasField("share_of_previous")
        onward = figures.share(arm.share_of_previous, 2) if has_onward else ""
        cells = (figures.count(arm.units), share, onward)
        rows.append(RowView(context.name(arm.variant), cells))
    return GroupView(capital(step.name), "", tuple(rows))


def channels_table(context: ReportContext) -> TableView | None:
    """What each channel cost and brought; None where no cost was sent."""
    channels = sorted(context.report.channels, key=lambda each: (-each.cost_micros, each.channel))
    if not channels:
        return None
    columns = ("cost", "orders", "first_orders", "profit", "cpa", "roi")
    headings = tuple(context.say(f"report.{column}") for column in columns)
    rows = (_channel_row(context, channel) for channel in channels)
    return plain_rows(context.say("report.channels"), headings, rows)


def _channel_row(context: ReportContext, channel: pb.ChannelReturn) -> RowView:
    figures = context.figures
    is_bought = channel.HasField("acquisition_cost")
    is_paid = channel.HasField("return_on_investment")
    cells = (
        figures.micros(channel.cost_micros),
        figures.count(channel.orders),
        figures.count(channel.first_orders),
        figures.micros(channel.profit_micros),
        figures.money(channel.acquisition_cost) if is_bought else NO_VALUE,
        figures.lift(channel.return_on_investment, 0) if is_paid else NO_VALUE,
    )
    return RowView(channel.channel or context.say("channel.none"), cells)


def coupons_table(context: ReportContext) -> TableView | None:
    """The coupons that most orders used; None when no order used one."""
    used = sorted(context.report.coupons, key=lambda use: (-use.orders, use.coupon))
    if not used:
        return None
    figures = context.figures
    headings = tuple(context.say(f"report.{column}") for column in ("orders", "discount"))
    rows = (
        RowView(
            f"{use.coupon}, {context.name(use.variant)}",
            (figures.count(use.orders), figures.micros(use.discount_micros)),
        )
        for use in used[:_MOST_COUPONS]
    )
    return plain_rows(context.say("report.coupons"), headings, rows)

"""Tables of what is provisional, of funnels, and of coupons."""

from collections.abc import Iterator

from fairlift.engine.metric import HEADLINE_METRICS
from fairlift.v1 import results_service_pb2 as pb
from rich.table import Table
from rich.text import Text

from fairlift_cli.figures import NO_VALUE, capital
from fairlift_cli.report.report_context import ReportContext
from fairlift_cli.report.result_tables import TitledTable
from fairlift_cli.screen import figure_table, row_name

_SHOWN_ROLES = (pb.METRIC_ROLE_PRIMARY, pb.METRIC_ROLE_GUARDRAIL)
# A shop may have a code for each customer.
_MOST_COUPONS = 10


def provisional_table(context: ReportContext) -> Table | None:
    """The headline metrics and those that decide, of all units; None when nobody is immature."""
    metrics = [
        metric
        for metric in context.metrics()
        if metric.metric in HEADLINE_METRICS or metric.role in _SHOWN_ROLES
    ]
    if not any(arm.immature_units for metric in metrics for arm in metric.arms):
        return None
    safe, figures = context.screen.safe, context.figures
    variants = [totals.variant for totals in context.report.totals]
    table = figure_table(*map(context.name, variants))
    for metric in metrics:
        estimates = {
            arm.variant: figures.value(arm.provisional_estimate, metric.quantity)
            for arm in metric.arms
            if arm.HasField("provisional_estimate")
        }
        cells = (safe(estimates.get(variant, NO_VALUE)) for variant in variants)
        table.add_row(row_name(f"  {safe(figures.metric(metric))}"), *cells)
    return table


def funnel_tables(context: ReportContext) -> Iterator[tuple[str, TitledTable]]:
    """The heading of each funnel, and its steps: how many units of each variant reached them."""
    for metric in context.metrics():
        if metric.steps:
            heading = context.say("report.steps", metric=context.figures.metric(metric))
            yield heading, _steps_table(context, metric)


def _steps_table(context: ReportContext, metric: pb.MetricResult) -> TitledTable:
    safe, figures = context.screen.safe, context.figures
    columns = ("visitors", "of_all", "of_previous")
    table = figure_table(*(safe(context.say(f"report.{column}")) for column in columns))
    titles = dict[int, Text]()
    for step in metric.steps:
        titles[table.row_count] = Text(safe(capital(step.name)), style="bold")
        table.add_row("")
        for arm in step.arms:
            share = figures.share(arm.share, 2) if arm.HasField("share") else NO_VALUE
            onward = (
                figures.share(arm.share_of_previous, 2) if arm.HasField("share_of_previous") else ""
            )
            name = row_name(f"  {context.name(arm.variant)}")
            table.add_row(name, figures.count(arm.units), safe(share), safe(onward))
    return table, titles


def coupons_table(context: ReportContext) -> Table | None:
    """The coupons that most orders used; None when no order used one."""
    used = sorted(context.report.coupons, key=lambda use: (-use.orders, use.coupon))
    if not used:
        return None
    safe, figures = context.screen.safe, context.figures
    columns = ("orders", "discount")
    table = figure_table(*(safe(context.say(f"report.{column}")) for column in columns))
    for use in used[:_MOST_COUPONS]:
        name = row_name(f"  {safe(use.coupon)}, {context.name(use.variant)}")
        table.add_row(name, figures.count(use.orders), safe(figures.micros(use.discount_micros)))
    return table

"""Where the difference in revenue comes from: its parts in money, which add up as printed."""

import math

from babel.numbers import get_currency_precision
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.plan_pb2 import Plan
from fairlift_report.parts import OriginView, WaterfallStep, WaterfallView

from fairlift_cli.figures import capital
from fairlift_cli.report.report_context import ReportContext

_NET = "net_revenue_per_visitor"
_REVENUE = "revenue_per_visitor"
# The metric of a factor, and its name in the catalogues.
_FACTORS = {
    "conversion_rate": "conversion",
    "orders_per_buyer": "orders_per_buyer",
    "average_ticket": "average_ticket",
}


def origin_view(context: ReportContext) -> OriginView | None:
    """A waterfall for each treatment; None where the server cannot take it apart."""
    waterfalls = tuple(
        _waterfall(context, decomposition)
        for decomposition in context.report.decompositions
        if decomposition.factors
    )
    if not waterfalls:
        return None
    explanation = context.say("report.parts_explained")
    return OriginView(context.say("report.why_revenue"), waterfalls, explanation)


def _waterfall(context: ReportContext, decomposition: pb.Decomposition) -> WaterfallView:
    # It brings SciPy, which lists and the start of web pages need not wait for.
    from fairlift_stats.report.decomposition import rounded_parts

    figures, factors = context.figures, decomposition.factors
    amounts = rounded_parts(
        [factor.contribution for factor in factors], decomposition.difference, figures.currency
    )
    parts = ", ".join(
        f"{figures.metric_name(factor.metric)} {figures.lift(factor.lift)} "
        f"({figures.signed_money(amount)})"
        for factor, amount in zip(factors, amounts, strict=True)
    )
    steps = [
        WaterfallStep(_happened(context, factor), amount, figures.signed_money(amount))
        for factor, amount in zip(factors, amounts, strict=True)
    ]
    net, total_metric = _net_difference(context, decomposition.variant), _REVENUE
    if net is not None:
        # What is printed adds up: each part is rounded, and so is the total.
        digits = get_currency_precision(figures.currency)
        refunds = round(net, digits) - math.fsum(amounts)
        label = context.say("report.refunds")
        steps.append(WaterfallStep(label, refunds, figures.signed_money(refunds)))
        total_metric = _NET
    difference = math.fsum(step.amount for step in steps)
    label = capital(figures.metric_name(total_metric))
    total = WaterfallStep(label, difference, figures.signed_money(difference))
    sentence = decomposition.sentence or figures.signed_money(decomposition.difference)
    return WaterfallView(context.name(decomposition.variant), sentence, parts, tuple(steps), total)


def _happened(context: ReportContext, factor: pb.Decomposition.Factor) -> str:
    """What happened to a factor, such as "More buyers (+28.2%)"; the metric's name if unknown."""
    lift = context.figures.lift(factor.lift)
    if factor.metric not in _FACTORS:
        return f"{capital(context.figures.metric_name(factor.metric))} ({lift})"
    direction = "more" if factor.lift > 0 else "less"
    return capital(context.say(f"decomposition.{direction}_{_FACTORS[factor.metric]}", part=lift))


def _net_difference(context: ReportContext, variant: str) -> float | None:
    """The difference after refunds; None where it is not of the same data as the factors.

    They are of all orders in the plan's window, as they came. What covariates, a cap or another
    window change would be shown as refunds.
    """
    campaign = context.sealed_campaign
    if campaign is None or _is_own_analysis(campaign.plan):
        return None
    for metric in context.report.metrics:
        for comparison in metric.comparisons if metric.metric == _NET else ():
            is_raw = comparison.variant == variant and not comparison.covariate_adjusted
            if is_raw and comparison.HasField("difference"):
                return comparison.difference
    return None


def _is_own_analysis(plan: Plan) -> bool:
    """Whether the plan gives the metric a definition or a window of its own."""
    return any(metric.name == _NET for metric in plan.metrics) or any(
        planned.metric == _NET and planned.HasField("window_days")
        for planned in (*plan.primary, *plan.guardrails, *plan.secondary)
    )

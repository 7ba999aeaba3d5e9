"""What was sealed before the data: metrics, error rates, rule, window, and the hash of them."""

from collections.abc import Iterable, Iterator

from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.plan_pb2 import (
    DECIDE_DAILY,
    WINDOW_OPEN_ENDED,
    WINDOW_SAME_VISIT,
    Plan,
    PlannedMetric,
)
from fairlift.v1.value_pb2 import QUANTITY_UNSPECIFIED
from fairlift_report.parts import FactView
from fairlift_report.view import PlanView
from fairlift_stats.messages import Number, Percent

from fairlift_cli.report.report_context import ReportContext


def plan_view(context: ReportContext) -> PlanView:
    """The sealed plan; without facts where the campaign's file was not read."""
    campaign = context.sealed_campaign
    facts = tuple(_facts(context, campaign)) if campaign is not None else ()
    hash_label = context.say("report.plan")
    return PlanView(context.say("report.sealed_plan"), facts, hash_label, context.report.plan_hash)


def _facts(context: ReportContext, campaign: Campaign) -> Iterator[FactView]:
    plan, say = campaign.plan, context.say
    for key, metrics in (
        ("primary", plan.primary),
        ("guardrail", plan.guardrails),
        ("secondary", plan.secondary),
    ):
        if metrics:
            yield FactView(say(f"report.plan_{key}"), _listed(context, metrics))
    rule = plan.stopping.WhichOneof("kind")
    if rule:
        judged = say(
            "report.judged_daily" if plan.decide == DECIDE_DAILY else "report.judged_weekly"
        )
        text = say(f"report.plan_{rule}")
        yield FactView(say("report.plan_rule"), f"{text}; {judged}")
    if plan.HasField("alpha") and plan.HasField("power"):
        alpha, power = Percent(plan.alpha, 1), Percent(plan.power, 0)
        text = say("report.plan_rates", alpha=alpha, power=power)
        yield FactView(say("report.plan_errors"), text)
    if plan.planned_units and plan.HasField("maximum_days"):
        units, days = Number(plan.planned_units), Number(plan.maximum_days)
        yield FactView(say("report.plan_size"), say("report.plan_ends", units=units, days=days))
    if window := _window(context, plan):
        yield FactView(say("report.plan_window"), window)
    if plan.segments:
        yield FactView(say("report.plan_segments"), ", ".join(plan.segments))
    if plan.HasField("seal_time"):
        yield FactView(say("report.plan_sealed"), context.figures.moment(plan.seal_time))


def _listed(context: ReportContext, metrics: Iterable[PlannedMetric]) -> str:
    return "; ".join(_metric(context, planned) for planned in metrics)


def _metric(context: ReportContext, planned: PlannedMetric) -> str:
    figures, name = context.figures, context.figures.metric_name(planned.metric)
    quantities = {metric.metric: metric.quantity for metric in context.report.metrics}
    if planned.HasField("minimum_effect"):
        effect = Percent(planned.minimum_effect, 1)
        return context.say("report.plan_to_find", metric=name, effect=effect)
    if planned.HasField("margin"):
        return context.say("report.plan_margin", metric=name, margin=Percent(planned.margin, 1))
    if planned.HasField("absolute_margin"):
        quantity = quantities.get(planned.metric, QUANTITY_UNSPECIFIED)
        margin = figures.difference(planned.absolute_margin, quantity, signed=False)
        return context.say("report.plan_margin", metric=name, margin=margin)
    return name


def _window(context: ReportContext, plan: Plan) -> str:
    if plan.window == WINDOW_SAME_VISIT or (plan.HasField("window_days") and not plan.window_days):
        return context.say("report.window_visit")
    if plan.window == WINDOW_OPEN_ENDED:
        return context.say("report.window_open")
    if plan.HasField("window_days"):
        days = Number(plan.window_days)
        return context.say("report.window_days", by="days", days=days)
    return ""

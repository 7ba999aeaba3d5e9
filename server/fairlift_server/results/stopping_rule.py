"""From a campaign's plan to the stopping rule, in the words of the mathematics."""

from dataclasses import replace

from fairlift.engine import plan as planned
from fairlift.engine.campaign import Campaign
from fairlift.engine.metric import (
    ActionMeasure,
    Metric,
    OrderMeasure,
    RatioMetric,
    ReturnMeasure,
)
from fairlift.engine.plan import Plan
from fairlift_stats.data.metrics import Metric as SummaryMetric
from fairlift_stats.data.metrics import Rate
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.question import MetricInRole
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.plan import Decide, Needs, SequentialMetric, SequentialPlan

# Usual share of visitors who buy: only tunes the exact test, which holds whatever it is.
_USUAL_CONVERSION = 0.03
_DECIDE: dict[planned.Decide, Decide] = {
    planned.Decide.WEEKLY: "weekly",
    planned.Decide.DAILY: "daily",
}
_OF_BUYERS = frozenset(
    {
        OrderMeasure.BUYERS,
        OrderMeasure.ORDERS,
        OrderMeasure.ITEMS,
        OrderMeasure.REPEAT_ORDERS,
    }
)


def stopping_plan(
    campaign: Campaign, plan: Plan, analysis: Analysis, *, window_days: int, currency: str
) -> SequentialPlan:
    """The stopping rule for the primary metrics and guardrails of the analysis.

    Args:
        campaign: whose variants and weights are compared.
        plan: its plan.
        analysis: the plan's metrics.
        window_days: the longest window of the primary metrics.
        currency: of amounts of money.
    """
    arms = (campaign.control, *campaign.treatments)
    weights = [arm.weight for arm in arms]
    effects = {metric.metric: metric.minimum_effect for metric in plan.primary}
    metrics = [
        _metric(in_role, plan.metric(in_role.metric.name), effects.get(in_role.metric.name))
        for in_role in analysis.metrics
        if in_role.role != "secondary"
    ]
    common = SequentialPlan(
        arms=tuple(arm.id for arm in arms),
        metrics=tuple(metrics),
        n_max=max(plan.planned_units, len(arms)),
        shares=tuple(weight / sum(weights) for weight in weights),
        decide=_DECIDE[plan.decide],
        window_days=window_days,
        minimum_days=plan.minimum_days,
        maximum_days=plan.maximum_days,
        alpha=plan.alpha,
        power=plan.power,
        rule_version=plan.rule_version,
        planned_converters=max(1, round(plan.planned_units * _USUAL_CONVERSION)),
        currency=currency,
        futility=None,
    )
    return _with_engine(common, plan.stopping)


def _metric(in_role: MetricInRole, metric: Metric, effect: float | None) -> SequentialMetric:
    return SequentialMetric(
        metric.name,
        in_role.role,
        in_role.metric.direction,
        in_role.metric.unit,
        _needs(metric, in_role.metric),
        in_role.margin,
        in_role.absolute_margin,
        effect,
        isinstance(metric.kind, RatioMetric) and metric.kind.denominator in _OF_BUYERS,
        metric.is_never_negative,
    )


def _needs(metric: Metric, tested: SummaryMetric) -> Needs:
    if any(isinstance(measure, ActionMeasure | ReturnMeasure) for measure in metric.measures):
        return "nothing"
    return "converters" if isinstance(tested, Rate) else "orders"


def _with_engine(plan: SequentialPlan, stopping: planned.Stopping) -> SequentialPlan:
    match stopping:
        case planned.FixedHorizon():
            return replace(plan, engine="fixed")
        case planned.GroupSequential(success, harm, futility):
            return replace(
                plan,
                engine="group_sequential",
                spending=_spending(success),
                harm_spending=plan.harm_spending if harm is None else _spending(harm),
                futility=None if futility is None else _spending(futility),
            )
        case planned.AlwaysValid():
            return replace(plan, engine="always_valid")
        case planned.Yeast():
            return replace(plan, engine="yeast")
        case planned.ExactConversion():
            return replace(plan, engine="exact_conversion")
        case planned.ExpectedLoss(threshold, prior_sd):
            return replace(
                plan, engine="bayes_expected_loss", loss_threshold=threshold, prior_sd=prior_sd
            )


def _spending(spending: planned.Spending) -> Spending:
    match spending:
        case planned.ObrienFleming():
            return Spending("lan_demets_obf")
        case planned.Pocock():
            return Spending("lan_demets_pocock")
        case planned.HwangShihDecani(gamma):
            return Spending("hsd", gamma)
        case planned.PowerSpending(rho):
            return Spending("power", rho)

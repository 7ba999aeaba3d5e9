"""From a campaign's plan to the rule of stopping, in the words of the mathematics."""

from dataclasses import replace

from fairlift.engine import plan as planned
from fairlift.engine.campaign import Campaign
from fairlift.engine.metric import ActionMeasure, Metric, ReturnMeasure
from fairlift.engine.plan import Plan
from fairlift_stats.data.metrics import Metric as Tested
from fairlift_stats.data.metrics import Rate, Ratio
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.plan import Needs, SequentialMetric, SequentialPlan

# Usual share of visitors who buy: only tunes the exact test, which holds whatever it is.
_USUAL_CONVERSION = 0.03


def stopping_plan(
    campaign: Campaign, plan: Plan, analysis: Analysis, *, currency: str
) -> SequentialPlan:
    """The rule of stopping for the primary metrics and guardrails of the analysis."""
    arms = (campaign.control, *campaign.treatments)
    weights = [arm.weight for arm in arms]
    effects = {chosen.metric: chosen.minimum_effect for chosen in plan.primary}
    metrics = [
        SequentialMetric(
            name=each.metric.name,
            role=each.role,
            direction=each.metric.direction,
            unit=each.metric.unit,
            needs=_needs(plan.metric(each.metric.name), each.metric),
            margin=each.margin,
            absolute_margin=each.absolute_margin,
            minimum_effect=effects.get(each.metric.name),
            among_buyers=isinstance(each.metric, Ratio),
        )
        for each in analysis.metrics
        if each.role != "secondary"
    ]
    common = SequentialPlan(
        arms=tuple(arm.id for arm in arms),
        metrics=tuple(metrics),
        n_max=max(plan.planned_units, len(arms)),
        shares=tuple(weight / sum(weights) for weight in weights),
        alpha=plan.alpha,
        power=plan.power,
        decide="daily",
        minimum_days=plan.minimum_days,
        maximum_days=plan.maximum_days,
        planned_converters=max(1, round(plan.planned_units * _USUAL_CONVERSION)),
        currency=currency,
        futility=None,
    )
    return _with_engine(common, plan.stopping)


def _needs(metric: Metric, measured: Tested) -> Needs:
    of_orders = not any(isinstance(m, ActionMeasure | ReturnMeasure) for m in metric.measures)
    if not of_orders:
        return "nothing"
    return "converters" if isinstance(measured, Rate) else "orders"


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

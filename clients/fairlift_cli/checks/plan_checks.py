"""What a valid plan is likely to get wrong: said before the start, while it can be changed."""

from collections.abc import Iterator
from itertools import chain

from fairlift.engine.campaign import AttributeType, Campaign, UnitKind
from fairlift.engine.metric import (
    CATALOGUE,
    Direction,
    Metric,
    OrderMeasure,
    QuantileMetric,
    Quantity,
    RatioMetric,
)
from fairlift.engine.plan import ROLES, Decide, ExpectedLoss, Plan

from fairlift_cli.checks.guardrail_checks import can_fail, guardrail_judgements
from fairlift_cli.checks.judgement import Judgement
from fairlift_cli.checks.precision import margin_judgements, units_judgements
from fairlift_cli.checks.window_checks import window_judgements

# A change that no shop plans for; a file that says 5 for five per cent means less.
_LARGEST_EFFECT = 1.0
_LARGEST_ALPHA = 0.1
_LEAST_POWER = 0.7
# Beyond it, one campaign in ten ships without any effect, if it is read every day for four weeks.
_LARGEST_PRIOR_SD = 0.05
# An 80/20 split; from there on, rare large orders decide in which variant the sum is larger.
_UNEVEN = 4
_WEEK = 7
_USUAL_SETTLE_HOURS, _NIGHTLY_SETTLE_HOURS = 2, 30
# What the server knows of a unit by itself; no storefront sends it.
_COMPUTED_SEGMENT = "new_or_returning"
_JUDGED = ("primary", "guardrails")


def plan_judgements(campaign: Campaign, declared: dict[str, AttributeType]) -> Iterator[Judgement]:
    """What is worth a second look in the plan of this campaign.

    Args:
        campaign: with or without a plan.
        declared: the attributes that storefronts send; empty where that is not known.
    """
    plan = campaign.plan
    if plan is None:
        message = "is missing: without one the campaign cannot start; `fairlift plan` writes one"
        yield Judgement("FL501", "plan", message)
        return
    for found in chain(
        _effects(plan),
        _errors(plan),
        window_judgements(plan),
        _days(plan),
        _buyers(plan),
        margin_judgements(campaign, plan),
        units_judgements(campaign, plan),
        guardrail_judgements(plan),
        _settling(campaign, plan),
        _uneven_money(campaign, plan),
        _quantiles(plan),
        _segments(plan, declared),
        _unused(plan),
    ):
        yield Judgement(found.rule, f"plan.{found.field}", found.message)


def _effects(plan: Plan) -> Iterator[Judgement]:
    for index, planned in enumerate(plan.primary):
        effect = planned.minimum_effect or 0.0
        if effect >= _LARGEST_EFFECT:
            yield Judgement(
                "FL504",
                f"primary[{index}].minimum_effect",
                f"is a change of {100 * effect:g}%, which no campaign of a shop brings; if "
                f"{effect:g}% is meant, write {effect:g}%",
            )


def _errors(plan: Plan) -> Iterator[Judgement]:
    if plan.alpha > _LARGEST_ALPHA:
        yield Judgement(
            "FL518",
            "alpha",
            f"is {plan.alpha:g}: of campaigns that change nothing, {100 * plan.alpha:g} in 100 "
            "would be called better or worse; 0.05 is usual",
        )
    if plan.power < _LEAST_POWER:
        yield Judgement(
            "FL533",
            "power",
            f"is {plan.power:g}: of 100 campaigns with the minimum effect, {100 * plan.power:g} "
            "would detect it; 0.8 is usual",
        )
    if isinstance(plan.stopping, ExpectedLoss) and plan.stopping.prior_sd > _LARGEST_PRIOR_SD:
        yield Judgement(
            "FL521",
            "stopping.expected_loss.prior_sd",
            f"is {plan.stopping.prior_sd:g}: that believes in large lifts, so an early streak of "
            "luck ships; 0.03 lets few campaigns without any effect ship",
        )
    if len(plan.primary) > 1:
        names = ", ".join(planned.metric for planned in plan.primary)
        yield Judgement(
            "FL522",
            "primary",
            f"has {len(plan.primary)} metrics: any of {names} that wins ships the variant, and "
            "each is tested with its share of alpha only; keep the one that decides",
        )


def _days(plan: Plan) -> Iterator[Judgement]:
    if plan.decide is Decide.DAILY:
        yield Judgement(
            "FL513",
            "decide",
            "is daily: the days before a decision need not be whole weeks, so a change that helps "
            "on some weekdays and hurts on others may win; weekly balances them",
        )
    elif plan.minimum_days % _WEEK:
        weeks = -(-plan.minimum_days // _WEEK) * _WEEK
        yield Judgement(
            "FL525",
            "minimum_days",
            f"is {plan.minimum_days}, not whole weeks: success is judged when weeks are complete, "
            f"so this means {weeks}; write {weeks}",
        )


def _buyers(plan: Plan) -> Iterator[Judgement]:
    """A metric among buyers may improve because fewer visitors buy."""
    guardrails = [planned for planned in plan.guardrails if can_fail(plan, planned)]
    judged = [plan.metric(planned.metric) for planned in (*plan.primary, *guardrails)]
    if any(_is_money_of_all(metric) for metric in judged):
        return
    for index, planned in enumerate(plan.primary):
        metric = plan.metric(planned.metric)
        if _is_among_buyers(metric):
            improve = "fall" if metric.direction is Direction.LOWER else "rise"
            yield Judgement(
                "FL514",
                f"primary[{index}].metric",
                f"is {planned.metric}, which looks at buyers only: it may {improve} because "
                "fewer visitors buy; make revenue_per_visitor a primary metric or a guardrail, too",
            )


def _is_among_buyers(metric: Metric) -> bool:
    # Whoever does not buy has none of what is counted of orders.
    return isinstance(metric.kind, RatioMetric) and isinstance(
        metric.kind.denominator, OrderMeasure
    )


def _is_money_of_all(metric: Metric) -> bool:
    return metric.reads_as is Quantity.MONEY and not isinstance(metric.kind, RatioMetric)


def _settling(campaign: Campaign, plan: Plan) -> Iterator[Judgement]:
    """Orders of known customers often come from the shop's own systems, once a night."""
    if campaign.unit is UnitKind.CUSTOMER and plan.settle_hours == _USUAL_SETTLE_HOURS:
        yield Judgement(
            "FL515",
            "settle_hours",
            f"is {plan.settle_hours}: if orders are imported at night, a day needs "
            f"{_NIGHTLY_SETTLE_HOURS} hours until they are in",
        )


def _uneven_money(campaign: Campaign, plan: Plan) -> Iterator[Judgement]:
    weights = [variant.weight for variant in campaign.variants]
    if max(weights) < _UNEVEN * min(weights):
        return
    ratio = round(max(weights) / min(weights), 1)
    for role in _JUDGED:
        for index, planned in enumerate(getattr(plan, role)):
            metric = plan.metric(planned.metric)
            if metric.reads_as is Quantity.MONEY and metric.cap is None:
                yield Judgement(
                    "FL519",
                    f"{role}[{index}].metric",
                    f"is {planned.metric}, money without a cap, and the largest variant is "
                    f"{ratio:,.12g} times the smallest: a few large orders in the small one "
                    "decide; weigh variants alike, or define the metric with "
                    "cap: {quantile: 0.99}",
                )


def _quantiles(plan: Plan) -> Iterator[Judgement]:
    for role in _JUDGED:
        for index, planned in enumerate(getattr(plan, role)):
            if isinstance(plan.metric(planned.metric).kind, QuantileMetric):
                yield Judgement(
                    "FL520",
                    f"{role}[{index}].metric",
                    f"is {planned.metric}, a quantile: where many orders have the same price, or "
                    "many visitors buy nothing, it cannot be told; judge a mean, and show the "
                    "quantile under secondary",
                )


def _segments(plan: Plan, declared: dict[str, AttributeType]) -> Iterator[Judgement]:
    if not declared:
        return
    for index, segment in enumerate(plan.segments):
        if segment not in declared and segment != _COMPUTED_SEGMENT:
            yield Judgement(
                "FL523",
                f"segments[{index}]",
                f"is {segment}, which is not declared under attributes: unless customers are "
                "imported with it, the segment is empty",
            )


def _unused(plan: Plan) -> Iterator[Judgement]:
    used = {planned.metric for role in ROLES for planned in getattr(plan, role)}
    for index, metric in enumerate(plan.metrics):
        if metric.name not in used and metric.name not in CATALOGUE:
            yield Judgement(
                "FL524",
                f"metrics[{index}].name",
                f"is {metric.name}, which the plan does not use; name it under primary, secondary "
                "or guardrails, or remove it",
            )

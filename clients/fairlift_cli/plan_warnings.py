"""What a valid plan is likely to get wrong: said before the start, while it can be changed."""

from collections.abc import Iterator
from statistics import NormalDist

from fairlift.engine.campaign import Campaign, UnitKind
from fairlift.engine.errors import Violation
from fairlift.engine.metric import Metric, OrderMeasure, Quantity, RatioMetric, ReturnMeasure
from fairlift.engine.plan import Decide, Plan, PlannedMetric

# A guardrail whose margin has so many standard errors is shown to be safe in 80 % of campaigns.
MARGIN_ERRORS = 2.5
# A change that no shop plans for; a file that says 5 for five per cent means less.
_LARGEST_EFFECT = 1.0
_USUAL_SETTLE_HOURS, _NIGHTLY_SETTLE_HOURS = 2, 30
_OF_BUYERS = frozenset({OrderMeasure.BUYERS, OrderMeasure.ORDERS, OrderMeasure.ITEMS})


def plan_warnings(campaign: Campaign) -> Iterator[Violation]:
    """What is worth a second look in the plan of this campaign, by field path."""
    plan = campaign.plan
    if plan is None:
        return
    for warning in (
        *_effects(plan),
        *_windows(plan),
        *_days(plan),
        *_buyers(plan),
        *_margins(plan, len(campaign.treatments)),
        *_shares_of_a_loss(plan),
        *_settling(campaign, plan),
    ):
        yield Violation(f"plan.{warning.field}", warning.message)


def _effects(plan: Plan) -> Iterator[Violation]:
    for index, planned in enumerate(plan.primary):
        effect = planned.minimum_effect or 0.0
        if effect >= _LARGEST_EFFECT:
            yield Violation(
                f"primary[{index}].minimum_effect",
                f"is {effect:g}, a change of {100 * effect:g}%; {effect:g}% is written as "
                f"{effect:g}% or {effect / 100:g}",
            )


def _windows(plan: Plan) -> Iterator[Violation]:
    for index, planned in enumerate(plan.primary):
        days = _window(plan, planned)
        if days is not None and days >= plan.maximum_days:
            yield Violation(
                f"primary[{index}].metric",
                f"is {planned.metric}: a visitor counts after {days} days, and visitors enter for "
                f"at most {plan.maximum_days}; the campaign ends up to {days} days after that, "
                f"and nothing is decided before day {days + plan.minimum_days}",
            )


def _window(plan: Plan, planned: PlannedMetric) -> int | None:
    """Days until a unit counts; None for a metric that stays open."""
    metric = plan.metric(planned.metric)
    returns = [m.to_day for m in metric.measures if isinstance(m, ReturnMeasure)]
    if returns:
        return max(returns)
    return plan.window_days if metric.window_days is None else metric.window_days


def _days(plan: Plan) -> Iterator[Violation]:
    if plan.decide is Decide.DAILY:
        yield Violation(
            "decide",
            "is daily: the days before a decision need not be whole weeks, so a change that helps "
            "on some weekdays and hurts on others may win; weekly balances them",
        )


def _buyers(plan: Plan) -> Iterator[Violation]:
    """A metric among buyers may rise because fewer visitors buy."""
    judged = [plan.metric(planned.metric) for planned in (*plan.primary, *plan.guardrails)]
    if any(_is_money_of_all(metric) for metric in judged):
        return
    for index, planned in enumerate(plan.primary):
        if _is_among_buyers(plan.metric(planned.metric)):
            yield Violation(
                f"primary[{index}].metric",
                f"is {planned.metric}, which looks at buyers only: it may rise because fewer "
                "visitors buy; make revenue_per_visitor a primary metric or a guardrail, too",
            )


def _is_among_buyers(metric: Metric) -> bool:
    return isinstance(metric.kind, RatioMetric) and metric.kind.denominator in _OF_BUYERS


def _is_money_of_all(metric: Metric) -> bool:
    return metric.reads_as is Quantity.MONEY and not isinstance(metric.kind, RatioMetric)


def _margins(plan: Plan, treatments: int) -> Iterator[Violation]:
    """A margin that the planned units will hardly show to be kept.

    A file does not know how much its metrics vary; the planned units and the effect that they are
    for say how much the first primary does.
    """
    effect = plan.primary[0].minimum_effect
    if effect is None:
        return
    level = plan.alpha / (2 * treatments * len(plan.primary))
    drift = NormalDist().inv_cdf(1 - level) + NormalDist().inv_cdf(plan.power)
    least = MARGIN_ERRORS * effect / drift
    for index, planned in enumerate(plan.guardrails):
        if planned.margin is not None and planned.margin < least:
            yield Violation(
                f"guardrails[{index}].margin",
                f"is {100 * planned.margin:g}%: with the planned units {planned.metric} will often "
                f"not be shown to be safe, and a winner not shipped; if it varies as much as "
                f"{plan.primary[0].metric}, a margin needs {100 * least:.1f}% or more units",
            )


def _shares_of_a_loss(plan: Plan) -> Iterator[Violation]:
    """A margin in per cent of a metric that may be below zero, where nothing is a share of it."""
    for index, planned in enumerate(plan.guardrails):
        if planned.margin is not None and plan.metric(planned.metric).may_be_negative:
            yield Violation(
                f"guardrails[{index}].margin",
                f"is {100 * planned.margin:g}% of the control's {planned.metric}, which may be at "
                "or below zero: the guardrail then cannot be judged, and a winner is not shipped; "
                "say absolute_margin, in the metric's own unit",
            )


def _settling(campaign: Campaign, plan: Plan) -> Iterator[Violation]:
    """Orders of known customers often come from the shop's own systems, once a night."""
    if campaign.unit is UnitKind.CUSTOMER and plan.settle_hours == _USUAL_SETTLE_HOURS:
        yield Violation(
            "settle_hours",
            f"is {plan.settle_hours}: if orders are imported at night, a day needs "
            f"{_NIGHTLY_SETTLE_HOURS} hours until they are in",
        )

"""Whether campaigns can conclude with the shop's traffic, and what would help where they cannot.

Imports the statistics, so only a check that found a `traffic.yaml` imports this module.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fairlift.engine import plan as planned
from fairlift.engine.campaign import BPS, Campaign, UnitKind
from fairlift.engine.metric import (
    MeanMetric,
    Metric,
    OrderMeasure,
    Quantity,
    RateMetric,
    RatioMetric,
)
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift_stats.design.planning import Baseline
from fairlift_stats.errors import StatisticsError
from fairlift_stats.sequential.plan import Engine

from fairlift_cli.checks.judgement import Judgement
from fairlift_cli.checks.precision import shares_of_units
from fairlift_cli.detectable import (
    MOST_WEEKS,
    Design,
    lift_after,
    lift_of_units,
    weeks_needed,
)
from fairlift_cli.traffic import CampaignTraffic

_HORIZONS = (2, 4, 8)
_WEEK = 7
# A plan that is short by less is not told: traffic is not known that well.
_TOLERANCE = 1.05
_SHOWN = ("conversion_rate", "average_ticket", "revenue_per_visitor")


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether a campaign can show what it plans to show of one primary metric.

    Attributes:
        baseline: the metric today.
        weekly: new units in a week.
        traffic: of the campaign.
    """

    campaign: Campaign
    plan: Plan
    primary: PlannedMetric
    baseline: Baseline
    weekly: float
    traffic: CampaignTraffic

    @property
    def design(self) -> Design:
        """What the plan tests, and how strictly."""
        plan = self.plan
        return Design(
            len(self.campaign.variants),
            len(plan.primary),
            plan.alpha,
            plan.power,
            _engine(plan),
        )

    @property
    def effect(self) -> float:
        """The smallest lift that the campaign must show."""
        return self.primary.minimum_effect or 0.0

    @property
    def shares(self) -> list[float]:
        """Of all units, the control's first."""
        return shares_of_units(self.campaign)


def traffic_judgements(campaign: Campaign, traffic: CampaignTraffic) -> Iterator[Judgement]:
    """Why the campaign cannot conclude, if it cannot: of the first primary metric that says so."""
    plan = campaign.plan
    weekly = _weekly(campaign, traffic)
    if plan is None or not weekly:
        return
    for index, primary in enumerate(plan.primary):
        baseline = _baseline(plan.metric(primary.metric), traffic)
        if baseline is not None and plan.covariate_days:
            baseline = Baseline(baseline.mean, baseline.sd, traffic.correlation)
        if baseline is None or primary.minimum_effect is None:
            continue
        question = _Question(campaign, plan, primary, baseline, weekly, traffic)
        try:
            found = _judged(question, f"plan.primary[{index}].minimum_effect")
        except StatisticsError as error:
            # An alpha or a power that no test has, such as 1e-300.
            found = Judgement("FL601", "plan", f"cannot be planned for: {error}")
        if found is not None:
            yield found
            return


def _judged(question: _Question, field: str) -> Judgement | None:
    """What the plan asks for in vain, if it does; `field` is that of the minimum effect."""
    plan, primary, effect = question.plan, question.primary, question.effect
    baseline, weekly, design = question.baseline, question.weekly, question.design
    shares = question.shares
    weeks = plan.maximum_days // _WEEK
    within_days = lift_after(baseline, design, weekly, weeks, shares)
    if within_days > _TOLERANCE * effect:
        needed = weeks_needed(baseline, design, weekly, effect, shares)
        return Judgement(
            "FL601",
            field,
            f"is {_percent(effect)}: with {_round(weekly):,} new {question.campaign.unit}s a week "
            f"{primary.metric} needs {_in_weeks(needed)}, and the plan has {weeks}; "
            f"what can be detected in {_list(_HORIZONS)} weeks is "
            f"{'; '.join(_detectable(question))}; what would help: {_help(question)}",
        )
    at_units = lift_of_units(baseline, design, plan.planned_units, weeks, shares)
    if at_units > _TOLERANCE * effect:
        units = (at_units / effect) ** 2 * plan.planned_units
        return Judgement(
            "FL602",
            "plan.planned_units",
            f"is {plan.planned_units:,}, with which {primary.metric} shows {_percent(at_units)}; "
            f"for its minimum effect of {_percent(effect)} plan {_round(units):,}, which come in "
            f"{_in_weeks(math.ceil(units / weekly))}",
        )
    return None


def _help(question: _Question) -> str:
    """Ways out, each with the weeks that it would take."""
    campaign, plan, traffic = question.campaign, question.plan, question.traffic
    design, weekly, shares = question.design, question.weekly, question.shares

    def weeks(
        *,
        baseline: Baseline = question.baseline,
        design: Design = design,
        weekly: float = weekly,
        shares: list[float] = shares,
    ) -> str:
        return _in_weeks(weeks_needed(baseline, design, weekly, question.effect, shares))

    ways: list[str] = []
    if design.arms > 2:
        two = replace(design, arms=2)
        ways.append(f"two variants ({weeks(design=two, shares=[0.5, 0.5])})")
    even = [1 / design.arms] * design.arms
    if min(shares) < 0.8 * even[0]:
        ways.append(f"equal weights ({weeks(shares=even)})")
    if campaign.traffic_bps < BPS:
        more = weekly * BPS / max(1, campaign.traffic_bps)
        ways.append(f"traffic of 100% ({weeks(weekly=more)})")
    if not plan.covariate_days and traffic.correlation:
        lighter = replace(question.baseline, correlation=traffic.correlation)
        ways.append(f"covariate_days ({weeks(baseline=lighter)})")
    if _is_money(plan.metric(question.primary.metric)):
        ways.append("a cap on rare large orders, such as {quantile: 0.99}")
    within = lift_after(question.baseline, design, weekly, plan.maximum_days // _WEEK, shares)
    ways.append(f"a minimum effect of {_percent(within)} or more")
    ways.append("a wider audience, or a longer campaign")
    return ", ".join(ways)


def _detectable(question: _Question) -> Iterator[str]:
    design, weekly, shares = question.design, question.weekly, question.shares
    for name in _SHOWN:
        baseline = _named_baseline(name, question.traffic)
        if baseline is not None:
            lifts = (lift_after(baseline, design, weekly, weeks, shares) for weeks in _HORIZONS)
            yield f"{name} {', '.join(map(_percent, lifts))}"


def _weekly(campaign: Campaign, traffic: CampaignTraffic) -> float:
    """New units of the campaign in a week; 0 where that is not known."""
    units = (
        traffic.customers_per_week
        if campaign.unit is UnitKind.CUSTOMER
        else traffic.visitors_per_week
    )
    size_bps = campaign.layer.size_bps if campaign.layer else BPS
    return (units or 0.0) * campaign.traffic_bps / BPS * size_bps / BPS


def _baseline(metric: Metric, traffic: CampaignTraffic) -> Baseline | None:
    """The metric as it is today, by what it measures; None where the file does not say."""
    if given := traffic.metrics.get(metric.name):
        return Baseline(given.mean, given.sd)
    if metric.cap is not None or metric.window_days is not None:
        return None  # the shop's figures are without a cap, and of the plan's window
    match metric.kind:
        case RateMetric(OrderMeasure.ORDERS | OrderMeasure.BUYERS):
            return _named_baseline("conversion_rate", traffic)
        case MeanMetric(OrderMeasure.REVENUE | OrderMeasure.NET_REVENUE):
            return _named_baseline("revenue_per_visitor", traffic)
        case RatioMetric(OrderMeasure.REVENUE, OrderMeasure.ORDERS):
            return _named_baseline("average_ticket", traffic)
    return None


def _named_baseline(name: str, traffic: CampaignTraffic) -> Baseline | None:
    rate, ticket = traffic.conversion_rate, traffic.ticket
    if rate is None or (ticket is None and name != "conversion_rate"):
        return None
    if name == "conversion_rate" or ticket is None:
        return Baseline.of_rate(rate)
    # As `fairlift plan`: the deviation of tickets seldom exceeds their mean.
    deviation = ticket if traffic.ticket_sd is None else traffic.ticket_sd
    if name == "revenue_per_visitor":
        return Baseline.of_revenue(rate, ticket=ticket, ticket_sd=deviation)
    # The linearised form of a ratio over units of which a share `rate` has an order.
    return Baseline(ticket, deviation / math.sqrt(rate)) if deviation else None


def _engine(plan: Plan) -> Engine:
    """Rules without planned looks are planned as group sequential ones, which need least."""
    match plan.stopping:
        case planned.FixedHorizon():
            return "fixed"
        case planned.AlwaysValid():
            return "always_valid"
        case planned.Yeast():
            return "yeast"
    return "group_sequential"


def _is_money(metric: Metric) -> bool:
    return isinstance(metric.kind, MeanMetric) and metric.reads_as is Quantity.MONEY


def _in_weeks(weeks: int) -> str:
    if weeks > MOST_WEEKS:
        return "more than 10 years"
    return "1 week" if weeks == 1 else f"{weeks} weeks"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%" if share < 10 else f"{100 * share:,.0f}%"


def _round(units: float) -> int:
    """To three digits, up."""
    step: int = 10 ** max(0, math.floor(math.log10(max(units, 1))) - 2)
    return math.ceil(units / step) * step


def _list(numbers: tuple[int, ...]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}"

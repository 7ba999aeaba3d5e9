"""The `plan` command: which lift a campaign can detect in how many weeks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.design.planning import Baseline, Horizon, horizons, plan_for
from fairlift_stats.errors import StatisticsError
from fairlift_stats.messages import Names, Number, Percent, UnitWord
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from rich.table import Table

from fairlift_cli.checks.precision import MARGIN_ERRORS
from fairlift_cli.failures import Misused
from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen, plain_table

_DAYS = 7
# How often a guardrail with such a margin is shown to be safe when nothing has changed.
_SAFE = 0.8


@dataclass(frozen=True, slots=True)
class PlanningInput:
    """What is known before the start. Shares are fractions; `weekly` is new units per week.

    With a ticket, revenue per visitor is the primary metric; without one, the conversion rate.
    """

    weekly: tuple[float, ...]
    conversion: float
    ticket: float | None = None
    ticket_sd: float | None = None
    variants: int = 2
    power: float = 0.8
    alpha: float = 0.05
    unit: UnitWord = "visitor"

    @property
    def metric(self) -> str:
        """The primary metric."""
        return "conversion_rate" if self.ticket is None else "revenue_per_visitor"

    @property
    def baseline(self) -> Baseline:
        """The metric as it is today."""
        if self.ticket is None:
            return Baseline.of_rate(self.conversion)
        # Rather too long than too short: the deviation of tickets seldom exceeds their mean.
        deviation = self.ticket if self.ticket_sd is None else self.ticket_sd
        return Baseline.of_revenue(self.conversion, ticket=self.ticket, ticket_sd=deviation)

    @property
    def plan(self) -> SequentialPlan:
        """Fairlift's default plan; its number of units is a placeholder."""
        arms = ("control", *(f"treatment-{n}" for n in range(1, self.variants)))
        metric = SequentialMetric(self.metric)
        if self.ticket is not None:
            metric = SequentialMetric(self.metric, unit="money", needs="orders")
        return SequentialPlan(arms, (metric,), n_max=1_000, alpha=self.alpha, power=self.power)


def show_horizons(
    screen: Screen, plan_input: PlanningInput, *, effect: float | None, language: str = "en"
) -> None:
    """Prints the detectable lift per week, the cost of looking early, and a plan to paste.

    Raises:
        Misused: no campaign can be planned from these figures.
    """
    try:
        options = horizons(plan_input.plan, plan_input.baseline, plan_input.weekly)
        chosen = _shortest_that_detects(options, effect)
        price = plan_for(
            plan_input.plan, plan_input.baseline, plan_input.weekly[: chosen.weeks]
        ).price
    except StatisticsError as error:
        raise Misused(str(error)) from None
    figures = Figures(language, names=Names(unit=plan_input.unit))
    variants, metric = Number(plan_input.variants), figures.metric_name(plan_input.metric)
    title = figures.say("plan.title", by="variants", variants=variants, metric=metric)
    screen.line(title, style="bold")
    screen.table(_table(screen, figures, options, chosen))
    power, alpha = (
        Percent(plan_input.power, 0),
        Percent(plan_input.alpha, _digits(plan_input.alpha)),
    )
    screen.line(figures.say("plan.power", power=power, alpha=alpha))
    margin = Percent(_least_margin(plan_input, chosen), 1)
    screen.line(figures.say("plan.margin", metric=metric, margin=margin, safe=Percent(_SAFE, 0)))
    screen.line(figures.tell(price.message))
    if plan_input.variants > 2:
        comparisons = Number(plan_input.variants - 1)
        screen.line(figures.say("plan.comparisons", alpha=alpha, comparisons=comparisons))
    if effect is not None and not _detects(chosen, effect):
        lift, weeks = Percent(effect), Number(len(options))
        sentence = figures.say("plan.too_small", by="weeks", effect=lift, weeks=weeks)
        screen.line(sentence, style="bold")
    screen.line()
    screen.line(figures.say("plan.file", by="weeks", weeks=Number(chosen.weeks)))
    screen.raw(_snippet(plan_input, chosen))


def _shortest_that_detects(options: Sequence[Horizon], effect: float | None) -> Horizon:
    """The shortest duration that detects the effect, or else the longest."""
    if effect is None:
        return options[-1]
    return next((horizon for horizon in options if _detects(horizon, effect)), options[-1])


def _detects(horizon: Horizon, effect: float) -> bool:
    """Whether the effect is detected, as the table shows it: in tenths of a per cent."""
    return round(horizon.mde, 3) <= round(effect, 3)


def _least_margin(plan_input: PlanningInput, chosen: Horizon) -> float:
    """The margin with which the metric, as a guardrail, is shown to be safe 80 % of the time."""
    shares = plan_input.plan.shares
    margin = plan_input.baseline.lift_at(MARGIN_ERRORS, n_max=chosen.n_max, shares=shares)
    return math.ceil(margin * 1_000) / 1_000


def _table(screen: Screen, figures: Figures, options: Sequence[Horizon], chosen: Horizon) -> Table:
    keys = ("plan.weeks", "report.visitors", "plan.detectable_lift", "plan.once")
    table = plain_table(*((screen.safe(figures.say(key)), "right") for key in keys))
    for horizon in options:
        table.add_row(
            figures.count(horizon.weeks),
            figures.count(horizon.n_max),
            screen.safe(figures.share(horizon.mde)),
            screen.safe(figures.share(horizon.mde_fixed)),
            style="bold" if horizon is chosen else "",
        )
    return table


def _digits(share: float) -> int:
    """How many decimals the share needs in per cent: 5 % has none, 2.5 % has one."""
    return 0 if math.isclose(100 * share, round(100 * share)) else 1


def _snippet(plan_input: PlanningInput, chosen: Horizon) -> str:
    """Lines to paste into a campaign file, with the lift of the table; never translated."""
    effect = 100 * round(chosen.mde, 3)
    unit = "unit: customer\n" if plan_input.unit == "customer" else ""
    return (
        f"{unit}plan:\n"
        f"  primary: {{metric: {plan_input.metric}, minimum_effect: {effect:g}%}}\n"
        f"  planned_units: {chosen.n_max}\n"
        f"  maximum_days: {chosen.weeks * _DAYS}\n"
        f"  alpha: {plan_input.alpha:g}\n"
        f"  power: {plan_input.power:g}"
    )

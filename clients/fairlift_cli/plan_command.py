"""Before the start: what a campaign can find in how many weeks, and what looking daily costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.design.planning import Baseline, Horizon, horizons, plan_for
from fairlift_stats.errors import StatisticsError
from fairlift_stats.messages import Names, Number, Percent, UnitWord
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from rich.table import Table

from fairlift_cli.failures import Misused
from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen, plain_table

_DAYS = 7


@dataclass(frozen=True, slots=True)
class Shop:
    """What is known before a campaign; shares are fractions, `weekly` the new units in each week.

    With a ticket the campaign is judged by revenue per visitor, without one by conversion.
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
        """The metric that will decide."""
        return "conversion_rate" if self.ticket is None else "revenue_per_visitor"

    @property
    def baseline(self) -> Baseline:
        """The metric as it is today."""
        if self.ticket is None:
            return Baseline.of_rate(self.conversion)
        # Better too long than too short: tickets seldom spread further than their own mean.
        deviation = self.ticket if self.ticket_sd is None else self.ticket_sd
        return Baseline.of_revenue(self.conversion, ticket=self.ticket, ticket_sd=deviation)

    @property
    def plan(self) -> SequentialPlan:
        """The default plan of Fairlift, of no size yet."""
        arms = ("control", *(f"treatment-{n}" for n in range(1, self.variants)))
        metric = SequentialMetric(self.metric)
        if self.ticket is not None:
            metric = SequentialMetric(self.metric, unit="money", needs="orders")
        return SequentialPlan(arms, (metric,), n_max=1_000, alpha=self.alpha, power=self.power)


def show(screen: Screen, shop: Shop, *, effect: float | None, language: str = "en") -> None:
    """Prints what can be found week by week, the price of looking, and a plan to paste.

    Raises:
        Misused: no campaign can be planned from these figures.
    """
    try:
        found = horizons(shop.plan, shop.baseline, shop.weekly)
        chosen = _chosen(found, effect)
        price = plan_for(shop.plan, shop.baseline, shop.weekly[: chosen.weeks]).price
    except StatisticsError as error:
        raise Misused(str(error)) from None
    figures = Figures(language, names=Names(unit=shop.unit))
    variants, metric = Number(shop.variants), figures.metric_name(shop.metric)
    title = figures.say("plan.title", by="variants", variants=variants, metric=metric)
    screen.line(title, style="bold")
    screen.table(_table(screen, figures, found, chosen))
    power, alpha = Percent(shop.power, 0), Percent(shop.alpha, _digits(shop.alpha))
    screen.line(figures.say("plan.power", power=power, alpha=alpha))
    screen.line(figures.tell(price.message))
    if shop.variants > 2:
        comparisons = Number(shop.variants - 1)
        screen.line(figures.say("plan.comparisons", alpha=alpha, comparisons=comparisons))
    if effect is not None and chosen.mde > effect:
        lift, weeks = Percent(effect), Number(len(found))
        words = figures.say("plan.too_small", by="weeks", effect=lift, weeks=weeks)
        screen.line(words, style="bold")
    screen.line()
    screen.line(figures.say("plan.file", by="weeks", weeks=Number(chosen.weeks)))
    screen.raw(_snippet(shop, chosen))


def _chosen(found: Sequence[Horizon], effect: float | None) -> Horizon:
    """The shortest duration that finds the effect, or else the longest."""
    if effect is None:
        return found[-1]
    return next((each for each in found if each.mde <= effect), found[-1])


def _table(screen: Screen, figures: Figures, found: Sequence[Horizon], chosen: Horizon) -> Table:
    keys = ("plan.weeks", "report.visitors", "plan.detectable_lift", "plan.once")
    table = plain_table(*((screen.safe(figures.say(key)), "right") for key in keys))
    for each in found:
        table.add_row(
            figures.count(each.weeks),
            figures.count(each.n_max),
            screen.safe(figures.share(each.mde)),
            screen.safe(figures.share(each.mde_fixed)),
            style="bold" if each is chosen else "",
        )
    return table


def _digits(share: float) -> int:
    """The decimals that a share in per cent needs: 5 % has none, 2.5 % has one."""
    return 0 if math.isclose(100 * share, round(100 * share)) else 1


def _snippet(shop: Shop, chosen: Horizon) -> str:
    """Lines of a campaign file, to be pasted as they stand: in no language but its own."""
    # Rounded up: a plan must not promise more than it can find.
    effect = math.ceil(chosen.mde * 1_000) / 10
    unit = "unit: customer\n" if shop.unit == "customer" else ""
    return (
        f"{unit}plan:\n"
        f"  primary: {{metric: {shop.metric}, minimum_effect: {effect:g}%}}\n"
        f"  planned_units: {chosen.n_max}\n"
        f"  maximum_days: {chosen.weeks * _DAYS}\n"
        f"  alpha: {shop.alpha:g}\n"
        f"  power: {shop.power:g}"
    )

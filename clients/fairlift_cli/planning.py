"""Before the start: what a campaign can find in how many weeks, and what looking daily costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.errors import StatisticsError
from fairlift_stats.locale import text
from fairlift_stats.planning import Baseline, Horizon, horizons, plan_for
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from rich.table import Table

from fairlift_cli.failures import Misused
from fairlift_cli.screen import Screen, plain_table

_DAYS = 7


@dataclass(frozen=True, slots=True)
class Shop:
    """What is known before a campaign; shares are fractions, `visitors` new ones in each week.

    With a ticket the campaign is judged by revenue per visitor, without one by conversion.
    """

    visitors: tuple[float, ...]
    conversion: float
    ticket: float | None = None
    ticket_sd: float | None = None
    variants: int = 2
    power: float = 0.8
    alpha: float = 0.05

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
        metric = PlannedMetric(self.metric)
        if self.ticket is not None:
            metric = PlannedMetric(self.metric, unit="money", needs="orders")
        return SequentialPlan(arms, (metric,), n_max=1_000, alpha=self.alpha, power=self.power)


def show(screen: Screen, shop: Shop, *, effect: float | None) -> None:
    """Prints what can be found week by week, the price of looking, and a plan to paste.

    Raises:
        Misused: no campaign can be planned from these figures.
    """
    try:
        found = horizons(shop.plan, shop.baseline, shop.visitors)
        chosen = _chosen(found, effect)
        price = plan_for(shop.plan, shop.baseline, shop.visitors[: chosen.weeks]).price
    except StatisticsError as error:
        raise Misused(str(error)) from None
    name = shop.metric.replace("_", " ")
    screen.line(f"What {shop.variants} variants can find in {name}", style="bold")
    screen.table(_table(found, chosen))
    screen.line(
        f"A true lift of that size is found {shop.power:.0%} of the time, while looking daily; "
        f"a false alarm comes {shop.alpha:.0%} of the time."
    )
    screen.line(text(price.message))
    if effect is not None and chosen.mde > effect:
        weeks = len(found)
        screen.line(
            f"A lift of {effect:.1%} is too small to be found within {weeks} weeks; "
            "run longer, allow more traffic, or look for a larger effect.",
            style="bold",
        )
    screen.line()
    screen.line(f"In the campaign file, for {_counted(chosen.weeks)}:")
    screen.raw(_snippet(shop, chosen))


def _chosen(found: Sequence[Horizon], effect: float | None) -> Horizon:
    """The shortest duration that finds the effect, or else the longest."""
    if effect is None:
        return found[-1]
    return next((each for each in found if each.mde <= effect), found[-1])


def _table(found: Sequence[Horizon], chosen: Horizon) -> Table:
    table = plain_table(
        ("Weeks", "right"), ("Visitors", "right"), ("Finds a lift of", "right"),
        ("If looked at once, at the end", "right"),
    )  # fmt: skip
    for each in found:
        table.add_row(
            str(each.weeks),
            f"{each.n_max:,}",
            f"{each.mde:.1%}",
            f"{each.mde_fixed:.1%}",
            style="bold" if each is chosen else "",
        )
    return table


def _snippet(shop: Shop, chosen: Horizon) -> str:
    # Rounded up: a plan must not promise more than it can find.
    effect = math.ceil(chosen.mde * 1_000) / 10
    return (
        "  plan:\n"
        f"    primary: {{metric: {shop.metric}, minimum_effect: {effect:g}%}}\n"
        f"    planned_units: {chosen.n_max}\n"
        f"    maximum_days: {chosen.weeks * _DAYS}\n"
        f"    alpha: {shop.alpha:g}\n"
        f"    power: {shop.power:g}"
    )


def _counted(weeks: int) -> str:
    return f"{weeks} week{'' if weeks == 1 else 's'}"

"""What an action is worth: given by the plan, or worked out from the control.

A factor that is the same in every variant changes no lift, no p-value and no verdict: only the
amounts of money. So a worth may be worked out from the data that it is applied to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fairlift_stats.data.summary import Summary
from fairlift_stats.errors import TooFewUnits

from fairlift_server.analysis.columns import WorthColumns
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import Summaries


@dataclass(frozen=True, slots=True)
class ActionWorth:
    """What one action is taken to be worth.

    Attributes:
        action: its name.
        worth: money, in the shop's currency.
        order_share: of a calibrated worth, buyers who ordered after it over all such actions.
        average_ticket: the control's.
        actions: how many of the control's it was worked out from.
    """

    action: str
    worth: float
    order_share: float | None = None
    average_ticket: float | None = None
    actions: int = 0

    @property
    def is_calibrated(self) -> bool:
        """Whether it was worked out from the control."""
        return self.order_share is not None


def worth_of(columns: WorthColumns, control: Summary) -> ActionWorth:
    """What one action is worth, by the plan or by the control's units.

    Ten views that led to one booking of 3,000 make a view worth 300.

    Raises:
        TooFewUnits: there is no such action or no order in the control, so it cannot be said yet.
    """
    if columns.weight is not None:
        return ActionWorth(columns.action, columns.weight)
    actions, orders = control.sum(columns.counted), control.sum(columns.orders)
    if actions <= 0 or orders <= 0:
        missing = columns.action if actions <= 0 else "order"
        raise TooFewUnits(
            f"micro_value({columns.action}): cannot be calibrated yet, because the control has no "
            f"{missing} so far; wait, or give a weight in micro_values of the next plan"
        )
    share, ticket = control.sum(columns.followed) / actions, control.sum(columns.revenue) / orders
    return ActionWorth(columns.action, share * ticket, share, ticket, int(actions))


def with_worth(plan: AnalysisPlan, metric: str, summaries: Summaries) -> Summaries:
    """The summaries with a metric's actions counted by what they are worth.

    Args:
        plan: of the campaign.
        metric: its name; those that count no worth are left as they are.
        summaries: by variant, in the metric's window.

    Raises:
        TooFewUnits: the worth cannot be worked out yet.
    """
    columns = plan.worths.get(metric)
    if columns is None or columns.weight is not None:
        return summaries
    factor = {columns.counted: worth_of(columns, summaries[plan.control]).worth}
    return {variant: summary.scaled(factor) for variant, summary in summaries.items()}


def without_unknown_worth(
    plan: AnalysisPlan, names: Iterable[str], by_window: Mapping[int | None, Summaries]
) -> list[str]:
    """The metrics that can be told: an action whose worth is not known yet has no value."""
    known = action_worths(plan, by_window)
    return [name for name in names if name not in plan.worths or name in known]


def action_worths(
    plan: AnalysisPlan, by_window: Mapping[int | None, Summaries]
) -> dict[str, ActionWorth]:
    """By metric, what its action is worth; those that cannot be worked out yet are left out."""
    worths: dict[str, ActionWorth] = {}
    for metric, columns in plan.worths.items():
        try:
            worths[metric] = worth_of(columns, by_window[plan.maturity[metric]][plan.control])
        except TooFewUnits:
            continue
    return worths

"""Plans that are too small for what they ask, whatever the shop: no traffic is known here."""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

from fairlift.engine.audience import EVERYBODY
from fairlift.engine.campaign import Campaign
from fairlift.engine.metric import MeanMetric, OrderMeasure, RateMetric
from fairlift.engine.plan import Plan

from fairlift_cli.checks.judgement import Judgement

# A guardrail whose margin has so many standard errors is shown to be safe in 80 % of campaigns.
MARGIN_ERRORS: Final = 2.5
# No shop sells to half of all its visitors; of those in a checkout, most may buy. A lower rate
# varies more in relation to itself, so these ask for fewer units than any shop needs.
_HIGHEST_RATE, _HIGHEST_OF_AUDIENCE = 0.5, 0.95
# Of what visitors buy with what they bought before: as much as a covariate may ever explain.
_HIGHEST_CORRELATION = 0.9
# Zero for all who do not buy, so that they vary at least as much as whether somebody buys.
_OF_BUYING = frozenset(
    {
        OrderMeasure.BUYERS,
        OrderMeasure.ORDERS,
        OrderMeasure.REVENUE,
        OrderMeasure.NET_REVENUE,
    }
)
# An effect so small that the square of its inverse need not be known.
_FAR = 1e9
_LEAST_LEVEL = 1e-300


def drift_of(plan: Plan, treatments: int) -> float:
    """Standard errors that the planned effect must have, before what looking early costs."""
    # From the lower tail: 1 less a tiny level is 1, which has no quantile.
    level = max(plan.alpha / (2 * treatments * len(plan.primary)), _LEAST_LEVEL)
    return -NormalDist().inv_cdf(level) + NormalDist().inv_cdf(plan.power)


def margin_judgements(campaign: Campaign, plan: Plan) -> Iterator[Judgement]:
    """A margin that the planned units will hardly show to be kept.

    A file does not know how much its metrics vary; the planned units and the effect that they are
    for say how much the first primary does.
    """
    effect = plan.primary[0].minimum_effect
    if effect is None:
        return
    least = MARGIN_ERRORS * effect / drift_of(plan, len(campaign.treatments))
    for index, planned in enumerate(plan.guardrails):
        if planned.margin is not None and planned.margin < least:
            yield Judgement(
                "FL510",
                f"guardrails[{index}].margin",
                f"is {100 * planned.margin:g}%: with the planned units {planned.metric} will often "
                f"not be shown to be safe, and a winner not shipped; if it varies as much as "
                f"{plan.primary[0].metric}, a margin needs {100 * least:.1f}% or more units",
            )


def units_judgements(campaign: Campaign, plan: Plan) -> Iterator[Judgement]:
    """Planned units that no shop could conclude with, however many of its visitors bought."""
    shares = shares_of_units(campaign)
    rate = _HIGHEST_RATE if campaign.audience == EVERYBODY else _HIGHEST_OF_AUDIENCE
    spread = math.sqrt((1 - rate) / rate)
    if plan.covariate_days:
        spread *= math.sqrt(1 - _HIGHEST_CORRELATION**2)
    per_unit = drift_of(plan, len(campaign.treatments)) * spread
    per_unit *= math.sqrt(1 / shares[0] + 1 / min(shares[1:]))
    for planned in plan.primary:
        effect, kind = planned.minimum_effect, plan.metric(planned.metric).kind
        of_buying = isinstance(kind, RateMetric | MeanMetric) and kind.of in _OF_BUYING
        if effect is None or not of_buying:
            continue
        needed = min(per_unit / effect, _FAR) ** 2
        if plan.planned_units < needed:
            yield Judgement(
                "FL531",
                "planned_units",
                f"is {plan.planned_units:,}: to detect {100 * effect:g}% more {planned.metric}, "
                f"even a shop where {100 * rate:g}% of these visitors buy needs "
                f"{_rounded(needed):,}; `fairlift plan` computes it for yours",
            )
            return


def shares_of_units(campaign: Campaign) -> list[float]:
    """Of all units, the control's first."""
    total = sum(variant.weight for variant in campaign.variants)
    return [variant.weight / total for variant in (campaign.control, *campaign.treatments)]


def _rounded(units: float) -> int:
    """Up, to two digits."""
    step: int = 10 ** max(0, math.floor(math.log10(units)) - 1)
    return math.ceil(units / step) * step

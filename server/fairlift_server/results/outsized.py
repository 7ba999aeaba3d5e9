"""Single values and single sources that weigh more in a variant than chance explains."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlift.engine.measure import ActionMeasure, ActionOf
from fairlift_stats.data.summary import Summary

from fairlift_server.analysis.ledger_facts import LedgerFacts
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import Summaries

# With fewer values each is large.
_FEWEST_VALUES = 20
_FEWEST_ORDERS = 20
# Other channels tell what to expect when they have so many orders.
_MANY_ORDERS = 100
# A treatment may move a channel's orders by itself: only far more than expected is a sign, and only
# at odds of a million to one.
_FAR = 0.2
_LEAST_EVIDENCE = math.log(1_000_000)


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value of an action that moves the mean of a variant by more than its standard error."""

    variant: str
    action: str
    value: float


@dataclass(frozen=True, slots=True)
class OneSidedChannel:
    """A channel of orders that has far more of them in one variant than its visitors explain.

    Attributes:
        orders: of the channel.
        in_variant: of them those of the variant.
        expected: the share that the variant has of units, or of the other channels' orders.
    """

    channel: str
    variant: str
    orders: int
    in_variant: int
    expected: float


def moved_by_one(summary: Summary, column: str, value: float) -> bool:
    """Whether one unit with this value moves the mean by more than its standard error without it.

    With it the standard error says nothing: of a value that is far above all others it is as large
    as what the value moves.
    """
    n = summary.n
    if n < 3:
        return False
    at = summary.columns.index(column)
    distance = value - float(summary.means[at])
    others = float(summary.comoments[at, at]) - distance**2 * n / (n - 1)
    # Where one value is nearly all, rounding leaves less than nothing of the others.
    error = math.sqrt(max(others, 0.0) / (n - 2) / (n - 1))
    return distance / (n - 1) > error


def large_values(
    plan: AnalysisPlan, facts: LedgerFacts, summaries: Mapping[int | None, Summaries]
) -> tuple[LargeValue, ...]:
    """Of each variant and action at most one value, by any column that adds its values up."""
    adding = {
        column.name: column.measure.name
        for column in plan.columns
        if isinstance(column.measure, ActionMeasure)
        and column.measure.of is ActionOf.VALUE
        and not (column.is_indicator or column.before_days or column.cap)
    }
    largest = {
        (arm, action): LargeValue(arm, action, facts.largest_values[arm, action][0])
        for by_arm in summaries.values()
        for arm, summary in by_arm.items()
        for column, action in adding.items()
        if column in summary.columns and _is_large(facts, summary, arm, column, action)
    }
    return tuple(largest[key] for key in sorted(largest))


def _is_large(facts: LedgerFacts, summary: Summary, arm: str, column: str, action: str) -> bool:
    largest, number = facts.largest_values.get((arm, action), (0.0, 0))
    return number >= _FEWEST_VALUES and moved_by_one(summary, column, largest)


def one_sided_channel(
    plan: AnalysisPlan, facts: LedgerFacts, totals: Summaries
) -> OneSidedChannel | None:
    """The channel that has most orders too many in one variant; None where chance explains it.

    The chance of k or more of n orders, each with probability p, is at most exp(-n KL(k/n, p)).
    Source: Hoeffding (1963), theorem 1.
    """
    by_channel: dict[str, dict[str, int]] = defaultdict(dict)
    for (arm, channel), orders in facts.sources.items():
        by_channel[channel][arm] = orders
    one_sided = [
        each
        for channel, in_arms in by_channel.items()
        if channel and sum(in_arms.values()) >= _FEWEST_ORDERS
        for each in _one_sided(plan, totals, channel, by_channel)
    ]
    if not one_sided:
        return None
    return max(one_sided, key=lambda each: (_evidence(each), each.channel))


def _one_sided(
    plan: AnalysisPlan,
    totals: Summaries,
    channel: str,
    by_channel: Mapping[str, Mapping[str, int]],
) -> Iterator[OneSidedChannel]:
    orders = sum(by_channel[channel].values())
    others = [in_arms for other, in_arms in by_channel.items() if other != channel]
    all_others = sum(sum(in_arms.values()) for in_arms in others)
    units = sum(summary.n for summary in totals.values())
    for arm in plan.arms:
        if arm not in totals:
            continue
        expected = totals[arm].n / units
        if all_others >= _MANY_ORDERS:
            in_others = sum(in_arms.get(arm, 0) for in_arms in others)
            expected = max(expected, in_others / all_others)
        in_arm = by_channel[channel].get(arm, 0)
        one = OneSidedChannel(channel, arm, orders, in_arm, expected)
        if in_arm / orders >= expected + _FAR and _evidence(one) > _LEAST_EVIDENCE:
            yield one


def _evidence(one: OneSidedChannel) -> float:
    return one.orders * _divergence(one.in_variant / one.orders, one.expected)


def _divergence(share: float, expected: float) -> float:
    """Kullback and Leibler's, of two shares."""
    rest = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - expected))
    return share * math.log(share / expected) + rest

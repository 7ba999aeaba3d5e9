"""Single values and single sources that weigh more in a variant than chance explains."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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


# Fewer than a tenth of those who bought can be outsized: the others would say nothing.
_MOST_OF_ALL = 10
# Of the sum of squares, what rounding may leave of it when nearly all was one value.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class LargeValue:
    """Units whose values of an action each move the mean of a variant beyond its standard error.

    Attributes:
        values: of one unit each, the one that is furthest from 0 first.
    """

    variant: str
    action: str
    values: tuple[float, ...]


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


def outsized(
    summary: Summary, column: str, largest: Sequence[float], number: int
) -> tuple[float, ...]:
    """Those that move the mean, each by more than the standard error of all units without them.

    With them the standard error says nothing: of a value that is far above all others it is as
    large as what the value moves, and two such values would hide each other. So the most that can
    be outsized are left out first, then fewer.

    Args:
        summary: of all units.
        column: in which the values are.
        largest: what units add, the one that is furthest from 0 first.
        number: how many units, or values, there are in all.
    """
    n = summary.n
    at = summary.columns.index(column)
    mean, squares = float(summary.means[at]), float(summary.comoments[at, at])
    for count in range(min(len(largest), max(1, number // _MOST_OF_ALL), n - 2), 0, -1):
        left_out, rest = largest[:count], n - count
        rest_mean = (n * mean - sum(left_out)) / rest
        others = squares - sum((value - mean) ** 2 for value in left_out)
        others -= rest * (rest_mean - mean) ** 2
        error = math.sqrt(max(others, _ROUNDING * squares) / (rest - 1) / rest)
        if abs(left_out[-1] - rest_mean) / (rest + 1) > error:
            return tuple(left_out)
    return ()


def large_values(
    plan: AnalysisPlan, facts: LedgerFacts, summaries: Mapping[int | None, Summaries]
) -> tuple[LargeValue, ...]:
    """Of each variant and action at most one, by any column that adds its values up."""
    adding = {
        column.name: column.measure.name
        for column in plan.columns
        if isinstance(column.measure, ActionMeasure)
        and column.measure.of is ActionOf.VALUE
        and not (column.is_indicator or column.before_days or column.cap)
    }
    largest = {
        (arm, action): LargeValue(arm, action, values)
        for by_arm in summaries.values()
        for arm, summary in by_arm.items()
        for column, action in adding.items()
        if column in summary.columns and (values := _large(facts, summary, arm, column, action))
    }
    return tuple(largest[key] for key in sorted(largest))


def _large(
    facts: LedgerFacts, summary: Summary, arm: str, column: str, action: str
) -> tuple[float, ...]:
    sums, number = facts.largest_values.get((arm, action), ((), 0))
    return outsized(summary, column, sums, number) if number >= _FEWEST_VALUES else ()


def one_sided_channel(
    plan: AnalysisPlan, facts: LedgerFacts, totals: Summaries
) -> OneSidedChannel | None:
    """The channel that has most orders too many in one variant; None where chance explains it.

    The chance of k or more of n orders, each with probability p, is at most exp(-n KL(k/n, p)).
    Source: Hoeffding (1963), theorem 1.
    """
    by_channel: dict[str, dict[str, int]] = defaultdict(dict)
    for (arm, channel), orders in facts.sources.items():
        if arm in plan.arms:
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

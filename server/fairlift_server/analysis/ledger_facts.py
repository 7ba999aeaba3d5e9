"""Facts that say whether the data are sound, and what channels cost: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# So many units can hide each other from the sign of large amounts, and no more.
MOST_LARGEST: Final = 20


@dataclass(frozen=True, slots=True)
class TwinOrders:
    """Orders of one unit with the same lines within one minute, under different ids.

    Attributes:
        pairs: how many orders have a twin before them.
        examples: two ids each.
    """

    pairs: int = 0
    examples: tuple[tuple[str, str], ...] = ()


NO_TWINS = TwinOrders()


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """What one channel brought and cost; money in micros.

    Attributes:
        channel: as orders and costs name it.
        orders, first_orders, revenue_micros, profit_micros: of the orders that the totals count.
        cost_micros: of the campaign, since the epoch began.
    """

    channel: str
    orders: int = 0
    first_orders: int = 0
    revenue_micros: int = 0
    profit_micros: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class SeenOrders:
    """Orders since the epoch began, tests left out.

    Attributes:
        orders: of all units.
        unseen: of them those of units that the campaign has not seen.
    """

    orders: int = 0
    unseen: int = 0


NO_ORDERS = SeenOrders()


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What is known of the units of a live query beside their sums.

    Attributes:
        hours: by variant and hour of the day in the campaign's zone, units first exposed then.
        largest_buyers: by variant, what the units that spent most spent, in micros; of the orders
            that the totals count, the largest first.
        largest_values: by variant and action, the largest sums of values of a unit, the one that is
            furthest from 0 first, and how many values there are.
        sources: by variant and channel, the orders that the totals count.
        seen: how many orders are of units that the campaign has seen.
        busy_units: by variant, units with so many exposures or orders that no person has them.
        twins: orders that were perhaps sent twice.
        channels: by channel; empty where there is no cost.
    """

    hours: Mapping[tuple[str, int], int] = field(default_factory=dict)
    largest_buyers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    largest_values: Mapping[tuple[str, str], tuple[tuple[float, ...], int]] = field(
        default_factory=dict
    )
    sources: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seen: SeenOrders = NO_ORDERS
    busy_units: Mapping[str, int] = field(default_factory=dict)
    twins: TwinOrders = NO_TWINS
    channels: tuple[ChannelCount, ...] = ()


NO_FACTS = LedgerFacts()

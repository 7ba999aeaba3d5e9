"""What can be counted or added up per unit: from its orders, their lines, actions, and returns."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class OrderMeasure(StrEnum):
    """A number per unit, from its orders in the window."""

    ORDERS = "orders"
    BUYERS = "buyers"
    REPEAT_BUYERS = "repeat_buyers"
    FIRST_PURCHASES = "first_purchases"
    REVENUE = "revenue"
    NET_REVENUE = "net_revenue"
    PROFIT = "profit"
    ITEMS = "items"
    DISCOUNT = "discount"
    REFUNDED_ORDERS = "refunded_orders"
    UPSELL_ORDERS = "upsell_orders"
    CROSS_SELL_ORDERS = "cross_sell_orders"
    COUPON_ORDERS = "coupon_orders"
    COUPON_COST = "coupon_cost"
    ABANDONED_CARTS = "abandoned_carts"
    REPEAT_ORDERS = "repeat_orders"
    DAYS_BETWEEN_ORDERS = "days_between_orders"


MONEY_MEASURES = frozenset(
    {
        OrderMeasure.REVENUE,
        OrderMeasure.NET_REVENUE,
        OrderMeasure.PROFIT,
        OrderMeasure.DISCOUNT,
        OrderMeasure.COUPON_COST,
    }
)


class LineKind(StrEnum):
    """The kind of an order line."""

    REGULAR = "regular"
    UPSELL = "upsell"
    CROSS_SELL = "cross_sell"


class LineOf(StrEnum):
    """Which number the lines of an order give."""

    REVENUE = "revenue"
    ITEMS = "items"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class LineMeasure:
    """A number per unit, from those lines of its orders that are of all the listed kinds of thing.

    An empty list takes every line.

    Attributes:
        of: quantity times price without the order's discount; pieces; or orders with such a line.
    """

    of: LineOf = LineOf.REVENUE
    kinds: tuple[LineKind, ...] = ()
    categories: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


class ActionOf(StrEnum):
    """Which number an action gives."""

    ANY = "any"
    COUNT = "count"
    VALUE = "value"
    NPS = "nps"
    WORTH = "worth"


@dataclass(frozen=True, slots=True)
class ActionMeasure:
    """A number per unit, from its actions of one name."""

    name: str
    of: ActionOf = ActionOf.ANY


@dataclass(frozen=True, slots=True)
class ReturnMeasure:
    """1 for a unit with any event (or an order) between two days after its first exposure."""

    from_day: int
    to_day: int
    bought: bool = False


Measure: TypeAlias = OrderMeasure | ActionMeasure | ReturnMeasure | LineMeasure


def is_money(measure: Measure) -> bool:
    """Whether it is an amount of the shop's currency by nature.

    The values that a shop sends with an action may be anything.
    """
    match measure:
        case LineMeasure(of):
            return of is LineOf.REVENUE
        case ActionMeasure(_, of):
            return of is ActionOf.WORTH
    return measure in MONEY_MEASURES

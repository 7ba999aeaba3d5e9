"""What can be measured: a number per unit made from its events, and the metrics built on it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeAlias, assert_never

DAYS_MAX = 730


class Direction(StrEnum):
    """Which way of a metric the shop likes."""

    HIGHER = "higher"
    LOWER = "lower"


class Quantity(StrEnum):
    """What a metric's numbers are."""

    SHARE = "share"
    MONEY = "money"
    COUNT = "count"


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


MONEY_MEASURES = frozenset(
    {
        OrderMeasure.REVENUE,
        OrderMeasure.NET_REVENUE,
        OrderMeasure.PROFIT,
        OrderMeasure.DISCOUNT,
        OrderMeasure.COUPON_COST,
    }
)


class ActionOf(StrEnum):
    """Which number an action gives."""

    ANY = "any"
    COUNT = "count"
    VALUE = "value"
    NPS = "nps"


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


Measure: TypeAlias = OrderMeasure | ActionMeasure | ReturnMeasure


@dataclass(frozen=True, slots=True)
class RateMetric:
    """Share of units with a positive amount."""

    of: Measure


@dataclass(frozen=True, slots=True)
class MeanMetric:
    """Amount per unit, zeros included."""

    of: Measure


@dataclass(frozen=True, slots=True)
class RatioMetric:
    """Sum of one amount over the sum of another, both per unit."""

    numerator: Measure
    denominator: Measure


@dataclass(frozen=True, slots=True)
class QuantileMetric:
    """The amount that a share `at` of the units does not exceed."""

    of: Measure
    at: float


@dataclass(frozen=True, slots=True)
class FunnelMetric:
    """Steps in declared order."""

    steps: tuple[Measure, ...]


Kind: TypeAlias = RateMetric | MeanMetric | RatioMetric | QuantileMetric | FunnelMetric


@dataclass(frozen=True, slots=True)
class CapAtQuantile:
    """Winsorise at this quantile of the positive per-unit values of all arms together."""

    quantile: float


@dataclass(frozen=True, slots=True)
class CapAtAmount:
    """Winsorise at this amount, in the metric's own unit."""

    amount: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity computed per variant."""

    name: str
    kind: Kind
    direction: Direction = Direction.HIGHER
    quantity: Quantity | None = None
    cap: CapAtQuantile | CapAtAmount | None = None
    window_days: int | None = None
    display_name: str = ""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The numbers per unit that it needs."""
        match self.kind:
            case RateMetric(of) | MeanMetric(of) | QuantileMetric(of):
                return (of,)
            case RatioMetric(numerator, denominator):
                return (numerator, denominator)
            case FunnelMetric(steps):
                return steps
            case _:
                assert_never(self.kind)

    @property
    def has_own_window(self) -> bool:
        """Whether it says itself which days count, as clv_90 and retention_d7_14 do."""
        return self.window_days is not None or any(
            isinstance(measure, ReturnMeasure) for measure in self.measures
        )

    @property
    def is_about_coupons(self) -> bool:
        """Whether it is zero by nature for a variant that has no coupon."""
        coupons = {OrderMeasure.COUPON_ORDERS, OrderMeasure.COUPON_COST}
        return not coupons.isdisjoint(self.measures)

    @property
    def may_be_negative(self) -> bool:
        """Whether it is below zero by nature where things go badly: profit, and NPS."""
        return any(
            measure is OrderMeasure.PROFIT
            or (isinstance(measure, ActionMeasure) and measure.of is ActionOf.NPS)
            for measure in self.measures
        )

    @property
    def reads_as(self) -> Quantity:
        """What its numbers are, as declared or else as its kind and measures imply."""
        if self.quantity is not None:
            return self.quantity
        match self.kind:
            case RateMetric() | FunnelMetric():
                return Quantity.SHARE
            case MeanMetric(of) | QuantileMetric(of):
                return Quantity.MONEY if of in MONEY_MEASURES else Quantity.COUNT
            case RatioMetric(numerator, denominator):
                if denominator in MONEY_MEASURES:
                    return Quantity.COUNT
                return Quantity.MONEY if numerator in MONEY_MEASURES else Quantity.COUNT
            case _:
                assert_never(self.kind)


def _share(name: str, numerator: OrderMeasure, denominator: OrderMeasure, **words: str) -> Metric:
    return Metric(
        name,
        RatioMetric(numerator, denominator),
        Direction(words.get("direction", "higher")),
        Quantity.SHARE,
    )


_O = OrderMeasure
_CART = ActionMeasure("add_to_cart")
_SCORE = ActionMeasure("nps", ActionOf.NPS)

CATALOGUE: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("conversion_rate", RateMetric(_O.ORDERS)),
        Metric("average_ticket", RatioMetric(_O.REVENUE, _O.ORDERS)),
        Metric("revenue_per_visitor", MeanMetric(_O.REVENUE)),
        Metric("net_revenue_per_visitor", MeanMetric(_O.NET_REVENUE)),
        Metric("profit_per_visitor", MeanMetric(_O.PROFIT)),
        Metric("orders_per_visitor", MeanMetric(_O.ORDERS)),
        Metric("orders_per_buyer", RatioMetric(_O.ORDERS, _O.BUYERS)),
        Metric("customer_spend", RatioMetric(_O.REVENUE, _O.BUYERS)),
        Metric("items_per_order", RatioMetric(_O.ITEMS, _O.ORDERS)),
        Metric("price_per_item", RatioMetric(_O.REVENUE, _O.ITEMS), quantity=Quantity.MONEY),
        Metric("discount_per_order", RatioMetric(_O.DISCOUNT, _O.ORDERS), Direction.LOWER),
        Metric("first_purchase_rate", RateMetric(_O.FIRST_PURCHASES)),
        _share("repeat_purchase_rate", _O.REPEAT_BUYERS, _O.BUYERS),
        _share("upsell_rate", _O.UPSELL_ORDERS, _O.ORDERS),
        _share("cross_sell_rate", _O.CROSS_SELL_ORDERS, _O.ORDERS),
        _share("refund_rate", _O.REFUNDED_ORDERS, _O.ORDERS, direction="lower"),
        Metric("cart_rate", RateMetric(_CART)),
        Metric(
            "cart_abandonment_rate",
            RatioMetric(_O.ABANDONED_CARTS, _CART),
            Direction.LOWER,
            Quantity.SHARE,
        ),
        Metric("nps", RatioMetric(_SCORE, ActionMeasure("nps", ActionOf.COUNT))),
        Metric("coupon_redemption_rate", RateMetric(_O.COUPON_ORDERS)),
        Metric("coupon_cost_per_visitor", MeanMetric(_O.COUPON_COST), Direction.LOWER),
    )
}

# Shown in every report, first, whatever the plan is about.
HEADLINE_METRICS = ("conversion_rate", "average_ticket", "revenue_per_visitor")

_ACTION = r"[a-z][a-z0-9_]{0,62}"


def _retention(name: str, first: str, last: str) -> Metric | None:
    if not 0 <= int(first) < int(last) <= DAYS_MAX:
        return None
    return Metric(name, RateMetric(ReturnMeasure(int(first), int(last))))


def _lifetime_value(name: str, days: str) -> Metric | None:
    if not 1 <= int(days) <= DAYS_MAX:
        return None
    return Metric(name, MeanMetric(OrderMeasure.NET_REVENUE), window_days=int(days))


def _action_rate(name: str, action: str) -> Metric:
    return Metric(name, RateMetric(ActionMeasure(action)))


def _micro_value(name: str, action: str) -> Metric:
    return Metric(name, MeanMetric(ActionMeasure(action, ActionOf.VALUE)), quantity=Quantity.MONEY)


_FAMILIES: tuple[tuple[re.Pattern[str], Callable[..., Metric | None]], ...] = (
    (re.compile(r"retention_d(\d{1,3})_(\d{1,3})"), _retention),
    (re.compile(r"clv_(\d{1,3})"), _lifetime_value),
    (re.compile(rf"action_rate\(({_ACTION})\)"), _action_rate),
    (re.compile(rf"micro_value\(({_ACTION})\)"), _micro_value),
)
FAMILY_NAMES = ("retention_d{a}_{b}", "clv_{days}", "action_rate(name)", "micro_value(name)")


def catalogue_metric(name: str) -> Metric | None:
    """The built-in metric of this name, or None.

    >>> catalogue_metric("retention_d30_60").kind
    RateMetric(of=ReturnMeasure(from_day=30, to_day=60, bought=False))
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    for pattern, build in _FAMILIES:
        if match := pattern.fullmatch(name):
            return build(name, *match.groups())
    return None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name: the nearest known one, or all."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"

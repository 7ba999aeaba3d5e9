"""What can be measured: a number per unit made from its events, and the metrics built on it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeAlias, assert_never

from fairlift.engine.measure import (
    MONEY_MEASURES,
    ActionMeasure,
    ActionOf,
    LineKind,
    LineMeasure,
    LineOf,
    Measure,
    OrderMeasure,
    ReturnMeasure,
    is_money,
)

# Measures stand here, too: nobody names a metric without them.
__all__ = [
    "CATALOGUE",
    "DAYS_MAX",
    "FAMILY_NAMES",
    "HEADLINE_METRICS",
    "MONEY_MEASURES",
    "ActionMeasure",
    "ActionOf",
    "CapAtAmount",
    "CapAtQuantile",
    "Direction",
    "FunnelMetric",
    "Kind",
    "LineKind",
    "LineMeasure",
    "LineOf",
    "MeanMetric",
    "Measure",
    "Metric",
    "OrderMeasure",
    "QuantileMetric",
    "Quantity",
    "RateMetric",
    "RatioMetric",
    "ReturnMeasure",
    "catalogue_metric",
    "is_money",
    "suggestion",
]

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
    def is_never_negative(self) -> bool:
        """Whether no figure of it can be below zero; values that actions bring along can be."""
        return not self.may_be_negative and not any(
            isinstance(measure, ActionMeasure) and measure.of is ActionOf.VALUE
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
                return Quantity.MONEY if is_money(of) else Quantity.COUNT
            case RatioMetric(numerator, denominator):
                if is_money(denominator):
                    return Quantity.COUNT
                return Quantity.MONEY if is_money(numerator) else Quantity.COUNT
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
_UPSELL, _CROSS_SELL = (LineKind.UPSELL,), (LineKind.CROSS_SELL,)

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
        Metric("upsell_revenue_per_visitor", MeanMetric(LineMeasure(kinds=_UPSELL))),
        Metric("cross_sell_revenue_per_visitor", MeanMetric(LineMeasure(kinds=_CROSS_SELL))),
        Metric(
            "upsell_items_per_order", RatioMetric(LineMeasure(LineOf.ITEMS, _UPSELL), _O.ORDERS)
        ),
        Metric(
            "cross_sell_items_per_order",
            RatioMetric(LineMeasure(LineOf.ITEMS, _CROSS_SELL), _O.ORDERS),
        ),
        Metric(
            "days_between_orders",
            RatioMetric(_O.DAYS_BETWEEN_ORDERS, _O.REPEAT_ORDERS),
            Direction.LOWER,
        ),
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
# As the shop writes it in its order lines.
_CATEGORY = r"[^()\x00-\x1f]{1,100}"


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


def _category_revenue(name: str, category: str) -> Metric:
    return Metric(name, MeanMetric(LineMeasure(categories=(category,))))


def _category_items(name: str, category: str) -> Metric:
    return Metric(name, MeanMetric(LineMeasure(LineOf.ITEMS, categories=(category,))))


def _micro_value(name: str, action: str) -> Metric:
    return Metric(name, MeanMetric(ActionMeasure(action, ActionOf.VALUE)), quantity=Quantity.MONEY)


_FAMILIES: tuple[tuple[re.Pattern[str], Callable[..., Metric | None]], ...] = (
    (re.compile(r"retention_d(\d{1,3})_(\d{1,3})", re.ASCII), _retention),
    (re.compile(r"clv_(\d{1,3})", re.ASCII), _lifetime_value),
    (re.compile(rf"action_rate\(({_ACTION})\)"), _action_rate),
    (re.compile(rf"micro_value\(({_ACTION})\)"), _micro_value),
    (re.compile(rf"category_revenue\(({_CATEGORY})\)"), _category_revenue),
    (re.compile(rf"category_items\(({_CATEGORY})\)"), _category_items),
)
FAMILY_NAMES = (
    "retention_d{a}_{b}",
    "clv_{days}",
    "action_rate(name)",
    "micro_value(name)",
    "category_revenue(name)",
    "category_items(name)",
)


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

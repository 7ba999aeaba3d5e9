"""The eight campaigns of the domain, each with its plan and what is true of its visitors."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.scenarios.shop import Behaviour

# From a behaviour to a metric's true value.
Truth = Callable[[Behaviour], float]

TRUTHS: dict[str, Truth] = {
    "conversion_rate": lambda b: b.buys,
    "average_ticket": lambda b: b.revenue,
    "revenue_per_visitor": lambda b: b.orders * b.revenue,
    "net_revenue_per_visitor": lambda b: b.orders * b.net_revenue,
    "profit_per_visitor": lambda b: b.orders * b.profit,
    "items_per_order": lambda b: 1 + b.extra,
    "cross_sell_rate": lambda b: b.extra,
    "cross_sell_revenue_per_visitor": lambda b: b.orders * b.extra * b.extra_price,
    "discount_per_order": lambda b: b.ticket * b.discount,
    "repeat_purchase_rate": lambda b: b.again,
    "clv_60": lambda b: b.orders * b.net_revenue,
    "retention_d30_60": lambda b: b.back,
    "action_rate(spin)": lambda b: b.actions["spin"],
    "path": lambda b: b.actions["view"] * b.actions["add_to_cart"] * b.buys,
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One campaign.

    Attributes:
        file: as a shop writes it.
        behaviours: by variant, the control first.
        verdict: what the plan must say in the end.
        units: of each variant, over `days` days.
        returning: share of the units that had ordered before.
        doubts: rules of `fairlift check` that the campaign breaks knowingly.
    """

    file: str
    behaviours: dict[str, Behaviour]
    verdict: str
    units: int = 1_500
    days: int = 14
    returning: float = 0.3
    doubts: frozenset[str] = frozenset()


SCENARIOS: dict[str, Scenario] = {
    "free shipping over 50": Scenario(
        """
campaign: free-shipping
audience: cart_value >= 30 and cart_value < 50
variants: [{id: control}, {id: over-50, payload: {threshold: 50}}]
plan:
  primary: [{metric: average_ticket, minimum_effect: 10%}]
  guardrails:
    - {metric: profit_per_visitor, absolute_margin: 2.00}
    - {metric: revenue_per_visitor, margin: 30%}
  secondary: [conversion_rate]
  planned_units: 3000
  maximum_days: 14
""",
        {"control": Behaviour(ticket=40), "over-50": Behaviour(ticket=54, shipping=4)},
        "ship",
    ),
    "exit popup with a coupon": Scenario(
        """
campaign: exit-popup
audience: exit_intent
variants: [{id: no-campaign}, {id: coupon-10, payload: {coupon: WELCOME10}}]
plan:
  primary: [{metric: revenue_per_visitor, minimum_effect: 20%}]
  guardrails: [{metric: coupon_cost_per_visitor, absolute_margin: 3.00}]
  secondary: [conversion_rate, discount_per_order]
  planned_units: 3000
  maximum_days: 14
""",
        {
            "no-campaign": Behaviour(buys=0.15, discount=0.02),
            "coupon-10": Behaviour(buys=0.27, discount=0.1, coupon="welcome10"),
        },
        "ship",
    ),
    "cross-sell module": Scenario(
        """
campaign: cross-sell
variants:
  - {id: control}
  - {id: below, payload: {place: below}}
  - {id: beside, payload: {place: beside}}
plan:
  primary: [{metric: cross_sell_rate, minimum_effect: 30%}]
  guardrails: [{metric: conversion_rate, margin: 30%}, {metric: revenue_per_visitor, margin: 30%}]
  secondary: [items_per_order, cross_sell_revenue_per_visitor]
  planned_units: 4500
  maximum_days: 14
""",
        {
            "control": Behaviour(buys=0.3, extra=0.15),
            "below": Behaviour(buys=0.3, extra=0.15),
            "beside": Behaviour(buys=0.3, extra=0.4),
        },
        "ship",
    ),
    "lucky wheel for new visitors": Scenario(
        """
campaign: lucky-wheel
audience: not returning
variants: [{id: control}, {id: wheel, payload: {coupon: LUCKY5}}]
plan:
  primary: [{metric: conversion_rate, minimum_effect: 20%}]
  secondary: [discount_per_order, revenue_per_visitor, first_purchase_rate]
  planned_units: 3000
  maximum_days: 14
""",
        # It looks like fun, and sells nothing.
        {
            "control": Behaviour(buys=0.25, discount=0.05),
            "wheel": Behaviour(buys=0.25, discount=0.05, coupon="lucky5"),
        },
        "inconclusive",
        returning=0.0,
    ),
    "birthday voucher for customers": Scenario(
        """
campaign: birthday
unit: customer
variants: [{id: control}, {id: voucher, payload: {coupon: BDAY}}]
plan:
  primary: [{metric: net_revenue_per_visitor, minimum_effect: 20%}]
  secondary: [conversion_rate, revenue_per_visitor]
  planned_units: 3000
  maximum_days: 14
  settle_hours: 30
""",
        {
            "control": Behaviour(buys=0.2, refunded=0.1),
            "voucher": Behaviour(buys=0.34, refunded=0.1, discount=0.05, coupon="bday"),
        },
        "ship",
    ),
    "loyalty programme": Scenario(
        """
campaign: loyalty
unit: customer
variants: [{id: control}, {id: club}]
plan:
  primary: [{metric: clv_60, minimum_effect: 20%}]
  secondary: [retention_d30_60, repeat_purchase_rate]
  planned_units: 3000
  maximum_days: 14
  window_days: 60
  settle_hours: 30
""",
        {
            "control": Behaviour(buys=0.3, again=0.2, again_day=40, back=0.2),
            "club": Behaviour(buys=0.36, again=0.5, again_day=40, back=0.3),
        },
        "ship",
        # A lifetime outlasts the days of entry.
        doubts=frozenset({"FL512"}),
    ),
    "journey of several steps": Scenario(
        """
campaign: journey
variants: [{id: control}, {id: guided}]
plan:
  primary: [{metric: path, minimum_effect: 20%}]
  guardrails: [{metric: revenue_per_visitor, margin: 40%}]
  planned_units: 3000
  maximum_days: 14
  metrics:
    - name: path
      funnel: {steps: [{action: {name: view}}, {action: {name: add_to_cart}}, orders]}
""",
        {
            "control": Behaviour(buys=0.4, actions={"view": 0.7, "add_to_cart": 0.5}),
            "guided": Behaviour(buys=0.4, actions={"view": 0.85, "add_to_cart": 0.7}),
        },
        "ship",
    ),
    "a segment of twenty": Scenario(
        """
campaign: twenty
variants: [{id: control}, {id: hello}]
plan:
  primary: [{metric: revenue_per_visitor, minimum_effect: 10%}]
  planned_units: 40
  maximum_days: 14
""",
        {"control": Behaviour(), "hello": Behaviour(buys=0.3)},
        "inconclusive",
        units=20,
        # There are no more of them.
        doubts=frozenset({"FL531"}),
    ),
}

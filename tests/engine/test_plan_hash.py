"""The seal of a plan: the same for equal plans, another one for any other, on any machine."""

from dataclasses import fields, replace
from typing import Any

from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    CapAtAmount,
    CapAtQuantile,
    MeanMetric,
    Metric,
    OrderMeasure,
    RateMetric,
)
from fairlift.engine.plan import Decide, FixedHorizon, Plan, PlannedMetric
from fairlift.engine.plan_hash import plan_hash
from fairlift.engine.plan_lists import MicroValue, SegmentBands

PLAN = Plan(
    primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),),
    planned_units=10_000,
    segments=("cart_value",),
)
OTHER: dict[str, Any] = {
    "primary": (PlannedMetric("conversion_rate", minimum_effect=0.06),),
    "planned_units": 10_001,
    "secondary": (PlannedMetric("average_ticket"),),
    "guardrails": (PlannedMetric("refund_rate", margin=0.02),),
    "metrics": (Metric("buyers", RateMetric(OrderMeasure.BUYERS)),),
    "alpha": 0.1,
    "power": 0.9,
    "minimum_days": 8,
    "maximum_days": 35,
    "window_days": None,
    "stopping": FixedHorizon(),
    "segments": ("cart_value", "country"),
    "covariate_days": 14,
    "identity_policy": IdentityPolicy.EXCLUDE,
    "decide": Decide.DAILY,
    "settle_hours": 3,
    "rule_version": 2,
    "bands": (SegmentBands("cart_value", (30, 50)),),
    "micro_values": (MicroValue("view_360", 300),),
}


def test_every_field_of_a_plan_is_sealed() -> None:
    assert OTHER.keys() == {field.name for field in fields(Plan)}
    hashes = {plan_hash(replace(PLAN, **{name: value})) for name, value in OTHER.items()}
    assert len(hashes - {plan_hash(PLAN)}) == len(OTHER)


def test_margins_of_both_kinds_are_told_apart() -> None:
    margins = (
        PlannedMetric("refund_rate", margin=0.02),
        PlannedMetric("refund_rate", absolute_margin=0.02),
    )
    assert len({plan_hash(replace(PLAN, guardrails=(margin,))) for margin in margins}) == 2


def test_the_window_of_one_metric_is_sealed_where_it_has_one() -> None:
    short = (PlannedMetric("conversion_rate", minimum_effect=0.05, window_days=1),)

    assert plan_hash(replace(PLAN, primary=short)) != plan_hash(PLAN)


def test_no_name_of_the_code_is_in_the_seal() -> None:
    # Given a class of the same content under another name
    class Renamed(Plan):
        """A plan after a rename."""

    renamed = Renamed(
        primary=PLAN.primary, planned_units=PLAN.planned_units, segments=PLAN.segments
    )

    assert plan_hash(renamed) == plan_hash(PLAN)


def test_caps_are_sealed() -> None:
    capped = [
        Metric("capped", MeanMetric(OrderMeasure.REVENUE), cap=cap)
        for cap in (None, CapAtAmount(0.99), CapAtAmount(500), CapAtQuantile(0.99))
    ]

    assert len({plan_hash(replace(PLAN, metrics=(metric,))) for metric in capped}) == len(capped)

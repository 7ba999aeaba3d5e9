"""What `diff` shows can be pasted into a file: it reads back as the same value."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fairlift.engine.audience import EVERYBODY, Exists
from fairlift.engine.campaign import AttributeType
from fairlift.engine.file_form import file_form
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Direction,
    FunnelMetric,
    LineKind,
    LineMeasure,
    LineOf,
    MeanMetric,
    Metric,
    OrderMeasure,
    QuantileMetric,
    RateMetric,
    RatioMetric,
    ReturnMeasure,
)
from fairlift.engine.plan import (
    AlwaysValid,
    ExactConversion,
    ExpectedLoss,
    FixedHorizon,
    GroupSequential,
    HwangShihDecani,
    ObrienFleming,
    Plan,
    PlannedMetric,
    Pocock,
    PowerSpending,
    Yeast,
)
from fairlift.engine.plan_lists import MicroValue, SegmentBands
from fairlift.wire.campaign import campaign_from
from fairlift_cli.reader import read_text

PRIMARY = (PlannedMetric("conversion_rate", minimum_effect=0.075),)
BARE = "campaign: x\nvariants: [{id: a}, {id: b}]\n"
PLANNED = f"{BARE}plan:\n  primary: {{metric: conversion_rate, minimum_effect: 7.5%}}\n"

PARTS: list[tuple[str, Any]] = [
    *(
        ("stopping", rule)
        for rule in (
            FixedHorizon(),
            AlwaysValid(),
            Yeast(),
            ExactConversion(),
            ExpectedLoss(0.001, 0.03),
            GroupSequential(),
            GroupSequential(futility=None),
            GroupSequential(Pocock(), ObrienFleming(), PowerSpending(3)),
            GroupSequential(HwangShihDecani(-3.5), futility=PowerSpending()),
        )
    ),
    (
        "metrics",
        (
            Metric("wishes", RateMetric(ActionMeasure("wish")), display_name="Wishes: all"),
            Metric("score", MeanMetric(ActionMeasure("nps", ActionOf.NPS)), window_days=7),
            Metric(
                "shoes",
                RatioMetric(
                    LineMeasure(LineOf.ITEMS, (LineKind.UPSELL,), ("red shoes", "on")),
                    OrderMeasure.ORDERS,
                ),
                Direction.LOWER,
            ),
            Metric("median", QuantileMetric(OrderMeasure.REVENUE, 0.5)),
            Metric("funnel", FunnelMetric((ActionMeasure("look"), OrderMeasure.ORDERS))),
            Metric("back", RateMetric(ReturnMeasure(7, 14, bought=True))),
            Metric("capped", MeanMetric(OrderMeasure.REVENUE), cap=CapAtQuantile(0.99)),
            Metric("flat", MeanMetric(OrderMeasure.REVENUE), cap=CapAtAmount(500)),
        ),
    ),
    ("secondary", (PlannedMetric("average_ticket"), PlannedMetric("nps", window_days=7))),
    ("guardrails", (PlannedMetric("refund_rate", margin=0.2),)),
    ("guardrails", (PlannedMetric("profit_per_visitor", absolute_margin=0.5),)),
    ("segments", ("device", "country")),
    ("alpha", 0.01),
    ("micro_values", (MicroValue("wish"), MicroValue("signup", 3))),
]


@pytest.mark.parametrize(("key", "value"), PARTS)
def test_a_part_of_a_plan_reads_back_as_it_was(key: str, value: Any) -> None:
    text = f"{PLANNED}  planned_units: 40000\n  {key}: {file_form(value)}\n"

    reading = read_text(text, "x.yaml")

    assert reading.findings == []
    plan = campaign_from(reading.documents[0].message).plan
    assert plan == Plan(PRIMARY, 40_000, **{key: value})


def test_bands_read_back_as_they_were() -> None:
    bands = (SegmentBands("cart", (30, 49.99)),)
    text = f"{PLANNED}  planned_units: 4\n  segments: [cart]\n  bands: {file_form(bands)}\n"

    plan = campaign_from(read_text(text, "x.yaml").documents[0].message).plan

    assert plan is not None
    assert plan.bands == bands


PAYLOAD = {
    "threshold": 50.0,
    "text": 'a: "b"',
    "on": True,
    "yes": "no",
    "deep": [{"n": None}],
    "": "30",
}


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("layer", "{layer: popups, start: 2.5%, size: 50%}", None),
        ("prerequisites", "[{campaign: checkout, variants: [new]}]", None),
        ("attributes", "{vip: bool}", {"vip": AttributeType.BOOL}),
        ("labels", '{note: "yes", team: crm}', {"team": "crm", "note": "yes"}),
        ("audience", "exists(cart)", Exists("cart")),
        ("audience", "everybody", EVERYBODY),
    ],
)
def test_a_part_of_a_campaign_is_written_as_in_files(key: str, written: str, value: object) -> None:
    read = campaign_from(read_text(f"{BARE}{key}: {written}\n", "x.yaml").documents[0].message)
    held = getattr(read, key)

    assert file_form(held) == written
    assert value is None or held == value


def test_a_payload_reads_back_as_it_was() -> None:
    text = f"campaign: x\nvariants: [{{id: a}}, {{id: b, payload: {file_form(PAYLOAD)}}}]\n"

    read = campaign_from(read_text(text, "x.yaml").documents[0].message)

    assert read.variants[1].payload == PAYLOAD


def test_a_line_of_its_own_needs_no_quotes() -> None:
    assert file_form("Popup: on leaving") == "Popup: on leaving"
    assert file_form(None) == ""
    assert file_form(datetime(2036, 11, 27, tzinfo=UTC)) == "2036-11-27T00:00:00Z"

"""What a plan may be."""

import re
from typing import Any

import pytest
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.metric import (
    CATALOGUE,
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Direction,
    FunnelMetric,
    LineMeasure,
    LineOf,
    MeanMetric,
    Metric,
    OrderMeasure,
    QuantileMetric,
    Quantity,
    RateMetric,
    RatioMetric,
    ReturnMeasure,
    catalogue_metric,
)
from fairlift.engine.plan import (
    ExactConversion,
    ExpectedLoss,
    FixedHorizon,
    GroupSequential,
    HwangShihDecani,
    Plan,
    PlannedMetric,
    PowerSpending,
)
from fairlift.engine.plan_lists import MicroValue, SegmentBands

PRIMARY = (PlannedMetric("conversion_rate", minimum_effect=0.05),)
WISH = Metric("wish_rate", RateMetric(ActionMeasure("wish")))


def plan(**given: Any) -> Plan:
    return Plan(**{"primary": PRIMARY, "planned_units": 10_000, **given})


def own(metric: Metric) -> dict[str, Any]:
    return {"metrics": (metric,)}


def secondary(name: str) -> dict[str, Any]:
    return {"secondary": (PlannedMetric(name),)}


@pytest.mark.parametrize(
    ("field", "message", "given"),
    [
        ("alpha", "is 0, must be above 0", {"alpha": 0}),
        (
            "secondary[0].window_days",
            "is -1, must be 0 to 730",
            {"secondary": (PlannedMetric("cart_rate", window_days=-1),)},
        ),
        (
            "secondary[0].window_days",
            "is 3, but clv_90 has a window of its own; leave it out",
            {"secondary": (PlannedMetric("clv_90", window_days=3),)},
        ),
        (
            "secondary[0].window_days",
            "is 3, but retention_d7_14 has a window of its own",
            {"secondary": (PlannedMetric("retention_d7_14", window_days=3),)},
        ),
        ("alpha", "is 1", {"alpha": 1}),
        ("power", "is 1", {"power": 1}),
        ("planned_units", "is missing or 0, must be 1 or more", {"planned_units": 0}),
        ("minimum_days", "is 0, must be 1 to 730", {"minimum_days": 0}),
        ("minimum_days", "must not be above maximum_days", {"minimum_days": 30}),
        ("maximum_days", "whole weeks", {"maximum_days": 10}),
        ("maximum_days", "whole weeks", {"maximum_days": 0}),
        ("window_days", "is -1", {"window_days": -1}),
        ("settle_hours", "is 169, must be 0 to 168", {"settle_hours": 169}),
        (
            "guardrails[0].absolute_margin",
            "is -1, must be above 0",
            {"guardrails": (PlannedMetric("refund_rate", absolute_margin=-1),)},
        ),
        (
            "guardrails[0].absolute_margin",
            "a guardrail has one of the two",
            {"guardrails": (PlannedMetric("refund_rate", margin=0.02, absolute_margin=1),)},
        ),
        (
            "primary[0].metric",
            "must be conversion_rate: exact_conversion counts converters",
            {
                "primary": (PlannedMetric("revenue_per_visitor", 0.05),),
                "stopping": ExactConversion(),
            },
        ),
        ("covariate_days", "is 731", {"covariate_days": 731}),
        ("segments", "has 11", {"segments": tuple(f"a{i}" for i in range(11))}),
        ("segments[0]", "must be an attribute", {"segments": ("a b",)}),
        ("segments[1]", "listed twice", {"segments": ("a", "a")}),
        ("primary", "is empty", {"primary": ()}),
        ("primary", "at most 5", {"primary": PRIMARY * 6}),
        ("primary[1].metric", "already in primary", {"primary": PRIMARY * 2}),
        ("primary[0].minimum_effect", "is missing", {"primary": (PlannedMetric("nps"),)}),
        ("primary[0].minimum_effect", "is 0", {"primary": (PlannedMetric("nps", 0),)}),
        ("secondary[0].metric", "did you mean average_ticket?", secondary("avarage_ticket")),
        ("secondary[0].metric", "known are", secondary("zzz")),
        ("secondary[0].metric", "already in primary", secondary("conversion_rate")),
        ("guardrails[0].margin", "is missing", {"guardrails": (PlannedMetric("refund_rate"),)}),
        (
            "guardrails[0].margin",
            "is 1.5",
            {"guardrails": (PlannedMetric("refund_rate", margin=1.5),)},
        ),
        ("metrics[0].name", "must be lower-case", own(Metric("My Rate", WISH.kind))),
        ("metrics[0].name", "is built in", own(Metric("clv_90", WISH.kind))),
        ("metrics[1].name", "is the name of 2", {"metrics": (WISH, WISH)}),
        ("metrics[0].window_days", "is 800", own(Metric("w", WISH.kind, window_days=800))),
        ("metrics[0]", "action 'No!' must be", own(Metric("w", RateMetric(ActionMeasure("No!"))))),
        (
            "metrics[0]",
            "from_day 7 must be below",
            own(Metric("w", RateMetric(ReturnMeasure(7, 7)))),
        ),
        (
            "metrics[0].quantile.at",
            "is 1.0",
            own(Metric("w", QuantileMetric(OrderMeasure.REVENUE, 1.0))),
        ),
        (
            "metrics[0].funnel.steps",
            "two or more different",
            own(Metric("w", FunnelMetric((OrderMeasure.ORDERS,)))),
        ),
        (
            "metrics[0].cap.quantile",
            "is 0.2",
            own(Metric("w", MeanMetric(OrderMeasure.REVENUE), cap=CapAtQuantile(0.2))),
        ),
        (
            "metrics[0].cap.amount",
            "is nan",
            own(Metric("w", MeanMetric(OrderMeasure.REVENUE), cap=CapAtAmount(float("nan")))),
        ),
        (
            "metrics[0]",
            "has 101 categories, must have at most 100",
            own(Metric("w", MeanMetric(LineMeasure(categories=tuple(map(str, range(101))))))),
        ),
        (
            "metrics[0]",
            "has products that are empty",
            own(Metric("w", MeanMetric(LineMeasure(products=("",))))),
        ),
        (
            "metrics[0]",
            "the worth of view is not known",
            own(Metric("w", MeanMetric(ActionMeasure("view", ActionOf.WORTH)))),
        ),
        (
            "bands[0].attribute",
            "is 'cart_value', must be one of the plan's segments; they are none",
            {"bands": (SegmentBands("cart_value", (30,)),)},
        ),
        (
            "bands[1].attribute",
            "is listed twice",
            {"segments": ("a",), "bands": (SegmentBands("a", (1,)), SegmentBands("a", (2,)))},
        ),
        (
            "bands[0].bounds",
            "has 0 bounds, must have 1 to 19",
            {"segments": ("a",), "bands": (SegmentBands("a", ()),)},
        ),
        (
            "bands[0].bounds",
            "must be numbers that rise",
            {"segments": ("a",), "bands": (SegmentBands("a", (30, 30)),)},
        ),
        (
            "bands[0].bounds",
            "must be numbers that rise",
            {"segments": ("a",), "bands": (SegmentBands("a", (float("nan"),)),)},
        ),
        (
            "micro_values[0].action",
            "must be lower-case",
            {"micro_values": (MicroValue("View!", 3),)},
        ),
        (
            "micro_values[1].action",
            "view is listed twice",
            {"micro_values": (MicroValue("view", 3), MicroValue("view"))},
        ),
        (
            "micro_values[0].weight",
            "is 0, must be above 0",
            {"micro_values": (MicroValue("view", 0),)},
        ),
        ("stopping.expected_loss.threshold", "is 0", {"stopping": ExpectedLoss(0, 0.03)}),
        (
            "stopping.expected_loss.prior_sd",
            "with a flat prior",
            {"stopping": ExpectedLoss(0.001, 0)},
        ),
        (
            "stopping.group_sequential.success.power.rho",
            "is 0",
            {"stopping": GroupSequential(PowerSpending(0))},
        ),
        (
            "stopping.group_sequential.futility.hwang_shih_decani.gamma",
            "is inf",
            {"stopping": GroupSequential(futility=HwangShihDecani(float("inf")))},
        ),
    ],
)
def test_broken_rule_is_named_with_its_field(
    field: str, message: str, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidCampaign, match=re.escape(message)) as caught:
        plan(**given)
    assert field in [violation.field for violation in caught.value.violations]


def test_every_kind_of_metric_can_be_planned() -> None:
    metrics = (
        WISH,
        Metric("capped", MeanMetric(OrderMeasure.REVENUE), cap=CapAtQuantile(0.99), window_days=7),
        Metric("limited", MeanMetric(OrderMeasure.REVENUE), cap=CapAtAmount(500)),
        Metric("median", QuantileMetric(OrderMeasure.REVENUE, 0.5)),
        Metric("path", FunnelMetric((ActionMeasure("view"), OrderMeasure.ORDERS))),
        Metric("back", RateMetric(ReturnMeasure(0, 7))),
    )
    made = plan(
        metrics=metrics,
        secondary=tuple(PlannedMetric(metric.name) for metric in metrics),
        guardrails=(PlannedMetric("refund_rate", margin=0.1),),
        segments=("country", "device"),
        stopping=FixedHorizon(),
    )
    assert made.metric("median") is metrics[3]
    assert made.metric("refund_rate").direction is Direction.LOWER
    with pytest.raises(KeyError):
        made.metric("nowhere")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("retention_d30_60", RateMetric(ReturnMeasure(30, 60))),
        ("clv_90", MeanMetric(OrderMeasure.NET_REVENUE)),
        ("micro_value(view)", MeanMetric(ActionMeasure("view", ActionOf.VALUE))),
        ("action_rate(newsletter)", RateMetric(ActionMeasure("newsletter"))),
        (
            "category_items(Shoes & bags)",
            MeanMetric(LineMeasure(LineOf.ITEMS, categories=("Shoes & bags",))),
        ),
        ("average_ticket", RatioMetric(OrderMeasure.REVENUE, OrderMeasure.ORDERS)),
    ],
)
def test_families_of_the_catalogue_are_usable_by_name(name: str, kind: object) -> None:
    metric = catalogue_metric(name)
    assert metric is not None
    assert metric.kind == kind
    assert plan(secondary=(PlannedMetric(name),)).metric(name) == metric


@pytest.mark.parametrize("weight", [300, None])
def test_a_micro_value_is_what_the_plan_says_one_action_is_worth(weight: float | None) -> None:
    made = plan(
        secondary=(PlannedMetric("micro_value(view)"), PlannedMetric("micro_value(wish)")),
        micro_values=(MicroValue("view", weight),),
    )

    assert made.metric("micro_value(view)").kind == MeanMetric(
        ActionMeasure("view", ActionOf.WORTH)
    )
    assert made.metric("micro_value(wish)").kind == MeanMetric(
        ActionMeasure("wish", ActionOf.VALUE)
    )
    assert made.metric("micro_value(view)").reads_as is Quantity.MONEY


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (-1, "< 0"),
        (0, "0–30"),
        (29.999, "0–30"),
        (30, "30–50.5"),
        (50.5, "≥ 50.5"),
        (1e9, "≥ 50.5"),
    ],
)
def test_a_band_holds_its_lower_bound(value: float, band: str) -> None:
    assert SegmentBands("cart_value", (0, 30, 50.5)).label(value) == band


@pytest.mark.parametrize(
    "name",
    [
        "retention_d60_30",
        "retention_d1_999",
        "clv_0",
        "clv_",
        "action_rate(A)",
        "category_items()",
        "",
    ],
)
def test_malformed_family_names_are_unknown(name: str) -> None:
    assert catalogue_metric(name) is None


@pytest.mark.parametrize(
    ("metric", "quantity", "measures"),
    [
        (CATALOGUE["conversion_rate"], Quantity.SHARE, 1),
        (CATALOGUE["revenue_per_visitor"], Quantity.MONEY, 1),
        (CATALOGUE["orders_per_visitor"], Quantity.COUNT, 1),
        (CATALOGUE["average_ticket"], Quantity.MONEY, 2),
        (CATALOGUE["items_per_order"], Quantity.COUNT, 2),
        (CATALOGUE["upsell_rate"], Quantity.SHARE, 2),
        (Metric("w", RatioMetric(OrderMeasure.REVENUE, OrderMeasure.DISCOUNT)), Quantity.COUNT, 2),
        (Metric("w", QuantileMetric(OrderMeasure.ITEMS, 0.5)), Quantity.COUNT, 1),
        (Metric("w", FunnelMetric((OrderMeasure.ITEMS, OrderMeasure.ORDERS))), Quantity.SHARE, 2),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else str(value),
)
def test_metric_says_how_its_numbers_read(
    metric: Metric, quantity: Quantity, measures: int
) -> None:
    assert metric.reads_as is quantity
    assert len(metric.measures) == measures


def test_a_metric_has_the_window_that_is_planned_for_it() -> None:
    short = PlannedMetric("cart_rate", margin=0.03, window_days=1)

    assert plan(guardrails=(short,)).metric("cart_rate").window_days == 1
    assert plan(guardrails=(short,)).metric("average_ticket").window_days is None

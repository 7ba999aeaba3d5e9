"""Messages and meanings agree, both ways, and every broken rule is named at once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fairlift.engine.audience import (
    AllOf,
    Between,
    Compare,
    CompareOp,
    Exists,
    In,
    Not,
    Text,
    TextOp,
    Version,
)
from fairlift.engine.campaign import (
    AttributeType,
    Campaign,
    LayerSlice,
    Lifecycle,
    Prerequisite,
    State,
    UnitKind,
    Variant,
)
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtQuantile,
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
    Decide,
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
    Stopping,
    Yeast,
)
from fairlift.engine.plan_hash import plan_hash
from fairlift.engine.plan_lists import MicroValue, SegmentBands
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.wire.campaign import campaign_from, campaign_to
from fairlift.wire.plan import inherited, plan_from, plan_to
from fairlift.wire.snapshot import snapshot_from, snapshot_to
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRIMARY = (PlannedMetric("revenue_per_visitor", minimum_effect=0.05),)


def everything() -> Campaign:
    """A campaign that uses every part of the contract."""
    plan = Plan(
        primary=PRIMARY,
        planned_units=30_000,
        secondary=(PlannedMetric("wishes"),),
        guardrails=(PlannedMetric("conversion_rate", margin=0.02),),
        metrics=(
            Metric("wishes", RateMetric(ActionMeasure("wish"))),
            Metric(
                "capped", MeanMetric(OrderMeasure.REVENUE), cap=CapAtQuantile(0.99), window_days=7
            ),
            Metric("per_item", RatioMetric(OrderMeasure.PROFIT, OrderMeasure.ITEMS)),
            Metric("median", QuantileMetric(OrderMeasure.REVENUE, 0.5)),
            Metric("path", FunnelMetric((ActionMeasure("view"), OrderMeasure.ORDERS))),
            Metric("back", RateMetric(ReturnMeasure(1, 7, bought=True))),
            Metric(
                "recommended",
                MeanMetric(LineMeasure(LineOf.ITEMS, (LineKind.UPSELL,), ("Shoes",), ("sku-1",))),
            ),
            Metric("worth", MeanMetric(ActionMeasure("view", ActionOf.WORTH))),
        ),
        segments=("country", "cart_value"),
        bands=(SegmentBands("cart_value", (30, 50.5)),),
        micro_values=(MicroValue("view", 300), MicroValue("wish")),
        covariate_days=28,
        identity_policy=IdentityPolicy.EXCLUDE,
    )
    return Campaign(
        id="free-shipping",
        unit=UnitKind.CUSTOMER,
        variants=(
            Variant("control", weight=1),
            Variant("over-50", weight=2, payload={"threshold": 50, "texts": ["a", None, 1.5]}),
        ),
        audience=AllOf(
            (
                Compare("cart_value", CompareOp.GE, 30),
                In("country", ("ES", "RO"), negated=True),
                Between("age", 18, 99.5),
                Not(Exists("returning")),
                Text("page", TextOp.PREFIX, "/p/"),
                Version("app", CompareOp.LT, "2.10.0"),
                Compare("since", CompareOp.LT, NOW),
                Compare("vip", CompareOp.EQ, False),
            )
        ),
        traffic_bps=0,
        plan=plan,
        layer=LayerSlice("checkout", 0, 5_000),
        overrides={"qa-1": "over-50"},
        prerequisites=(Prerequisite("welcome", ("b",)),),
        start_time=NOW,
        time_zone="Europe/Madrid",
        currency_code="EUR",
        attributes={"country": AttributeType.STRING},
        labels={"team": "growth"},
        lifecycle=Lifecycle(State.RUNNING, 3, etag="e", plan_hash=plan_hash(plan), start_time=NOW),
    )


def test_campaign_survives_the_wire() -> None:
    campaign = everything()
    parsed = campaign_pb2.Campaign.FromString(campaign_to(campaign).SerializeToString())
    assert campaign_from(parsed) == campaign


@pytest.mark.parametrize(
    "stopping",
    [
        FixedHorizon(),
        AlwaysValid(),
        Yeast(),
        ExactConversion(),
        ExpectedLoss(0.001, 0.03),
        GroupSequential(ObrienFleming(), Pocock(), None),
        GroupSequential(PowerSpending(3.0), HwangShihDecani(1.0), PowerSpending(2.0)),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_stopping_rule_survives_the_wire(stopping: Stopping) -> None:
    conversion = (PlannedMetric("conversion_rate", 0.05),)
    plan = Plan(primary=conversion, planned_units=1_000, stopping=stopping)
    assert _over_the_wire(plan) == plan


@pytest.mark.parametrize(
    "changes",
    [
        {"window_days": None},
        {"window_days": 0},
        {"window_days": 14},
        {"decide": Decide.DAILY},
        {"settle_hours": 0},
        {"settle_hours": 30},
        {"guardrails": (PlannedMetric("profit_per_visitor", margin=0.02),)},
        {"guardrails": (PlannedMetric("profit_per_visitor", absolute_margin=0.6),)},
        {"guardrails": (PlannedMetric("conversion_rate", margin=0.02, window_days=1),)},
        {"secondary": (PlannedMetric("cart_rate", window_days=0),)},
        {"rule_version": 2},
    ],
)
def test_days_and_margins_of_a_plan_survive_the_wire(changes: dict[str, Any]) -> None:
    plan = Plan(primary=PRIMARY, planned_units=1_000, **changes)
    assert _over_the_wire(plan) == plan


def test_plan_without_a_window_has_three_days() -> None:
    message = plan_to(Plan(primary=PRIMARY, planned_units=1_000))
    message.ClearField("window_days")

    assert plan_from(message).window_days == 3


@pytest.mark.parametrize(
    ("window", "days"), [("WINDOW_SAME_VISIT", 0), ("WINDOW_OPEN_ENDED", None)]
)
def test_window_may_be_a_word(window: str, days: int | None) -> None:
    message = plan_to(Plan(primary=PRIMARY, planned_units=1_000))
    message.ClearField("window_days")
    message.window = plan_pb2.Window.Value(window)

    assert plan_from(message).window_days == days


def test_window_is_a_word_or_a_number_of_days_and_not_both() -> None:
    message = plan_to(Plan(primary=PRIMARY, planned_units=1_000, window_days=3))
    message.window = plan_pb2.WINDOW_SAME_VISIT

    with pytest.raises(InvalidCampaign, match="window: is set beside window_days"):
        plan_from(message)


def _over_the_wire(plan: Plan) -> Plan | None:
    campaign = Campaign("a", (Variant("x"), Variant("y")), plan=plan)
    return campaign_from(campaign_to(campaign)).plan


def test_snapshot_survives_the_wire_without_plan_and_texts() -> None:
    kept = SnapshotCampaign(everything(), "salt-1", "salt-2")
    snapshot = Snapshot("etag", NOW, (kept,), {"checkout": "salt-3"}, 500, "salt-4")

    back = snapshot_from(snapshot_to(snapshot))

    assert back.campaigns[0].campaign.plan is None
    assert back.campaigns[0].campaign.audience == kept.campaign.audience
    assert back.campaigns[0].traffic_salt == "salt-1"
    assert (back.etag, back.create_time, back.layer_salts) == ("etag", NOW, {"checkout": "salt-3"})
    assert (back.holdout_bps, back.holdout_salt) == (500, "salt-4")


def test_absent_fields_take_the_defaults() -> None:
    message = text_format.Parse(
        """
        name: "campaigns/a" variants { id: "x" weight: 1 } variants { id: "y" weight: 1 }
        plan { primary { metric: "conversion_rate" minimum_effect: 0.1 } planned_units: 100 }
        """,
        campaign_pb2.Campaign(),
    )
    campaign = campaign_from(message)
    assert campaign.traffic_bps == 10_000
    assert campaign.plan == Plan((PlannedMetric("conversion_rate", 0.1),), 100)


def test_every_broken_rule_is_named_in_one_answer() -> None:
    message = text_format.Parse(
        """
        name: "campaigns/A" traffic_bps: 20000 time_zone: "Mars"
        variants { id: "x" } variants { id: "x" weight: 1 }
        audience { all_of { conditions { compare { attribute: "a" value { number_value: 1 } } } } }
        plan {
          primary { metric: "conversion" }
          metrics { name: "mine" }
          stopping { expected_loss { threshold: 0.01 } }
        }
        """,
        campaign_pb2.Campaign(),
    )
    with pytest.raises(InvalidCampaign) as caught:
        campaign_from(message)
    assert {violation.field for violation in caught.value.violations} == {
        "name",
        "traffic_bps",
        "time_zone",
        "variants[0].weight",
        "variants[1].id",
        "audience.all_of.conditions[0].compare.op",
        "plan.metrics[0]",
        "plan.primary[0].metric",
        "plan.primary[0].minimum_effect",
        "plan.planned_units",
        "plan.stopping.expected_loss.prior_sd",
    }


def test_bottomless_audience_is_refused_without_a_crash() -> None:
    message = campaign_pb2.Campaign(name="campaigns/a")
    node = message.audience
    for _ in range(60):
        node = getattr(node, "not")
    node.exists.attribute = "x"
    with pytest.raises(InvalidCampaign, match="at most 256 conditions in 16 levels"):
        campaign_from(message)


def test_hash_of_a_plan_changes_with_any_part_and_with_nothing_else() -> None:
    plan = Plan(primary=PRIMARY, planned_units=1_000)
    same = Plan(primary=PRIMARY, planned_units=1_000)
    others = [
        Plan(primary=PRIMARY, planned_units=1_001),
        Plan(primary=PRIMARY, planned_units=1_000, stopping=Yeast()),
        Plan(primary=PRIMARY, planned_units=1_000, stopping=AlwaysValid()),
        Plan(primary=PRIMARY, planned_units=1_000, segments=("country",)),
    ]
    assert plan_hash(plan) == plan_hash(same)
    assert len({plan_hash(plan), *(plan_hash(other) for other in others)}) == 5


windows = st.none() | st.integers(0, 730)
plans = st.builds(
    Plan,
    primary=st.builds(
        lambda effect, days: (PlannedMetric("conversion_rate", effect, window_days=days),),
        st.floats(0.001, 10),
        windows,
    ),
    guardrails=st.sampled_from([{"margin": 0.02}, {"absolute_margin": 0.6}]).flatmap(
        lambda margin: st.builds(
            lambda days: (PlannedMetric("profit_per_visitor", **margin, window_days=days),), windows
        )
    ),
    planned_units=st.integers(1, 10**9),
    alpha=st.floats(0.001, 0.5),
    power=st.floats(0.5, 0.99),
    minimum_days=st.integers(1, 14),
    maximum_days=st.sampled_from([14, 28, 56]),
    window_days=windows,
    stopping=st.sampled_from([FixedHorizon(), GroupSequential(), AlwaysValid()]),
    identity_policy=st.sampled_from(IdentityPolicy),
    decide=st.sampled_from(Decide),
    settle_hours=st.integers(0, 168),
    rule_version=st.integers(1, 9),
)


@given(plan=plans)
def test_any_plan_survives_the_wire(plan: Plan) -> None:
    assert _over_the_wire(plan) == plan


@given(sealed=plans)
def test_what_a_file_leaves_out_is_as_it_was_sealed(sealed: Plan) -> None:
    written = plan_to(sealed)
    file = plan_pb2.Plan(
        primary=written.primary,
        guardrails=written.guardrails,
        planned_units=written.planned_units,
    )

    assert plan_from(inherited(file, sealed)) == sealed


@given(sealed=plans, other=plans)
def test_what_a_file_says_is_not_hidden_by_what_was_sealed(sealed: Plan, other: Plan) -> None:
    completed = plan_from(inherited(plan_to(other), sealed))

    assert completed == replace(other, rule_version=sealed.rule_version)

"""What a campaign may be."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fairlift.engine.campaign import (
    AttributeType,
    Campaign,
    LayerSlice,
    Lifecycle,
    Prerequisite,
    State,
    UnitKind,
    Variant,
    check_layers,
)
from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.plan import Plan, PlannedMetric

TWO = (Variant("control"), Variant("coupon"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_first_variant_is_the_control_unless_another_says_so() -> None:
    assert Campaign("a", TWO).control.id == "control"
    said = Campaign("a", (Variant("b"), Variant("old", control=True), Variant("c")))
    assert said.control.id == "old"
    assert [variant.id for variant in said.treatments] == ["b", "c"]


def test_campaign_without_variants_is_refused_whatever_its_plan() -> None:
    plan = Plan((PlannedMetric("conversion_rate", 0.05),), 40_000)
    with pytest.raises(InvalidCampaign, match="has 0, must have 2 to 20"):
        Campaign("a", (), plan=plan)


def test_campaign_is_called_by_its_display_name_or_else_its_id() -> None:
    assert Campaign("a", TWO).title == "a"
    assert Campaign("a", TWO, display_name="Spring").title == "Spring"
    assert Campaign("a", TWO).name == "campaigns/a"


def test_mappings_of_a_campaign_cannot_be_changed_from_outside() -> None:
    given = {"qa": "coupon"}
    campaign = Campaign("a", TWO, overrides=given)
    given["other"] = "nowhere"
    assert dict(campaign.overrides) == {"qa": "coupon"}
    with pytest.raises(TypeError):
        # The type forbids it; at run time the mapping must refuse it too.
        campaign.overrides["x"] = "y"  # type: ignore[index]


@pytest.mark.parametrize(
    ("field", "message", "given"),
    [
        ("name", "'Summer' must be 1 to 63 lower-case", {"id": "Summer"}),
        ("name", "'-a' must be", {"id": "-a"}),
        ("name", "'a\\n' must be", {"id": "a\n"}),
        ("display_name", "has 121 characters", {"display_name": "x" * 121}),
        ("description", "at most 4000", {"description": "x" * 4_001}),
        ("currency_code", "is 'eur', must be ISO 4217", {"currency_code": "eur"}),
        ("attributes", "'cart value' must be", {"attributes": {"cart value": "number"}}),
        ("labels", "1 to 63 characters", {"labels": {"": "x"}}),
        ("variants", "has 1, must have 2 to 20", {"variants": TWO[:1]}),
        ("variants", "has 21", {"variants": tuple(Variant(f"v{i}") for i in range(21))}),
        ("variants[1].id", "'B' must be", {"variants": (Variant("a"), Variant("B"))}),
        (
            "variants[1].id",
            "a is already the id of another",
            {"variants": (Variant("a"), Variant("a"))},
        ),
        ("variants[1].weight", "is 0, must be 1", {"variants": (Variant("a"), Variant("b", 0))}),
        ("variants[0].weight", "is -1", {"variants": (Variant("a", -1), Variant("b"))}),
        (
            "variants[1].control",
            "variants[0] is already the control",
            {"variants": (Variant("a", control=True), Variant("b", control=True))},
        ),
        (
            "variants[1].payload",
            "must have at most 16384",
            {"variants": (Variant("a"), Variant("b", payload={"x": "y" * 16_384}))},
        ),
        ("traffic_bps", "is 10001, must be 0 to 10000", {"traffic_bps": 10_001}),
        ("traffic_bps", "is -1", {"traffic_bps": -1}),
        ("layer.layer", "'Top' must be", {"layer": LayerSlice("Top", 0, 1)}),
        ("layer", "must lie within", {"layer": LayerSlice("top", 9_000, 2_000)}),
        ("layer", "at least one bucket", {"layer": LayerSlice("top", 0, 0)}),
        ("overrides", "which is not a variant of this campaign", {"overrides": {"qa": "nowhere"}}),
        ("overrides", "1 to 256 characters", {"overrides": {"x" * 257: "coupon"}}),
        ("overrides", "holds a control character", {"overrides": {"a\nb": "coupon"}}),
        ("overrides", "has 1001", {"overrides": {str(i): "coupon" for i in range(1_001)}}),
        (
            "prerequisites[0].campaign",
            "is the campaign itself",
            {"prerequisites": (Prerequisite("a", ("x",)),)},
        ),
        (
            "prerequisites[0].campaign",
            "'B!' must be",
            {"prerequisites": (Prerequisite("B!", ("x",)),)},
        ),
        (
            "prerequisites[0].variants",
            "is empty",
            {"prerequisites": (Prerequisite("b", ()),)},
        ),
        ("schedule.start_time", "has no time zone", {"start_time": NOON.replace(tzinfo=None)}),
        (
            "schedule.end_time",
            "must be after start_time",
            {"start_time": NOON, "end_time": NOON},
        ),
        ("time_zone", "is 'Mars/Base', must be an IANA", {"time_zone": "Mars/Base"}),
        ("time_zone", "must be an IANA", {"time_zone": "../etc/passwd"}),
    ],
)
def test_broken_rule_is_named_with_its_field(
    field: str, message: str, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidCampaign, match=re.escape(message)) as caught:
        Campaign(**{"id": "a", "variants": TWO, **given})
    assert field in [violation.field for violation in caught.value.violations]


def test_valid_schedule_and_layer_are_accepted() -> None:
    campaign = Campaign(
        "a",
        TWO,
        layer=LayerSlice("checkout", 5_000, 5_000),
        prerequisites=(Prerequisite("b", ("x",)),),
        start_time=NOON,
        end_time=NOON + timedelta(days=14),
        currency_code="RON",
        attributes={"cart.value": AttributeType.NUMBER},
        labels={"team": "growth"},
    )
    assert campaign.layer is not None
    assert campaign.layer.end_bps == 10_000


def sliced(name: str, start: int, size: int, layer: str = "top", **life: Any) -> Campaign:
    slice_ = LayerSlice(layer, start, size)
    return Campaign(name, TWO, layer=slice_, lifecycle=Lifecycle(**life))


def test_overlapping_slices_of_a_layer_are_found_on_both_sides() -> None:
    found = check_layers([sliced("a", 0, 5_000), sliced("b", 4_999, 1_000), Campaign("c", TWO)])
    assert set(found) == {"a", "b"}
    assert "49.99% to 59.99% of campaign b in layer top" in found["a"][0].message
    assert found["b"][0].field == "layer"


def test_touching_slices_other_layers_and_ended_campaigns_do_not_overlap() -> None:
    assert not check_layers(
        [
            sliced("a", 0, 5_000),
            sliced("b", 5_000, 5_000),
            sliced("c", 0, 10_000, layer="other"),
            sliced("d", 0, 10_000, state=State.STOPPED),
            sliced("e", 0, 10_000, state=State.ARCHIVED),
        ]
    )


def test_slices_that_overlap_share_the_unit_of_the_campaign() -> None:
    one, other = (replace(sliced(name, 0, 5_000), unit=UnitKind.CUSTOMER) for name in "ab")

    (violation,) = check_layers([one, other])["a"]

    assert violation.message.endswith("one customer may enter only one of them")


def test_guardrail_on_coupons_beside_a_control_without_one_needs_an_absolute_margin() -> None:
    treatment = Variant("coupon", payload={"coupon": "WELCOME10"})

    def campaign(control: Variant, guardrail: PlannedMetric) -> Campaign:
        plan = Plan(
            primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),),
            planned_units=1_000,
            guardrails=(guardrail,),
        )
        return Campaign("popup", (control, treatment), plan=plan)

    relative = PlannedMetric("coupon_cost_per_visitor", margin=0.1)
    with pytest.raises(
        InvalidCampaign, match=r"plan.guardrails\[0\].margin: is relative, but none"
    ):
        campaign(Variant("none"), relative)
    campaign(Variant("none"), PlannedMetric("coupon_cost_per_visitor", absolute_margin=0.6))
    campaign(Variant("old", payload={"coupon_code": "OLD5"}), relative)

"""What a change would do to an experiment."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fairlift.engine.audience import Exists
from fairlift.engine.campaign import (
    Campaign,
    LayerSlice,
    Lifecycle,
    Prerequisite,
    State,
    UnitKind,
    Variant,
)
from fairlift.engine.change import ChangeClass, changes, gravest
from fairlift.engine.plan import AlwaysValid, Plan, PlannedMetric
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.snapshot_change import changed_campaigns
from fairlift_cli.audience.parser import parse

A, B = Variant("a"), Variant("b", payload={"percent": 10})
PLAN = Plan((PlannedMetric("conversion_rate", 0.05),), 10_000)
SAFE, NEW_EPOCH, REFUSED = ChangeClass.SAFE, ChangeClass.NEW_EPOCH, ChangeClass.REFUSED


def campaign(state: State = State.RUNNING, **given: Any) -> Campaign:
    base = {"id": "x", "variants": (A, B), "traffic_bps": 5_000, "plan": PLAN}
    return Campaign(**{**base, **given}, lifecycle=Lifecycle(state))


@pytest.mark.parametrize(
    ("field", "change_class", "given"),
    [
        ("display_name", SAFE, {"display_name": "Spring"}),
        ("labels", SAFE, {"labels": {"a": "b"}}),
        ("overrides", SAFE, {"overrides": {"qa": "b"}}),
        ("schedule.end_time", SAFE, {"end_time": datetime(2027, 1, 1, tzinfo=UTC)}),
        ("traffic_bps", SAFE, {"traffic_bps": 6_000}),
        ("variants[1].display_name", SAFE, {"variants": (A, replace(B, display_name="B!"))}),
        ("traffic_bps", NEW_EPOCH, {"traffic_bps": 4_000}),
        ("audience", NEW_EPOCH, {"audience": Exists("cart")}),
        ("layer", NEW_EPOCH, {"layer": LayerSlice("top", 0, 10)}),
        ("prerequisites", NEW_EPOCH, {"prerequisites": (Prerequisite("y", ("a",)),)}),
        ("variants[1].weight", NEW_EPOCH, {"variants": (A, replace(B, weight=2))}),
        ("variants[1].payload", NEW_EPOCH, {"variants": (A, replace(B, payload={}))}),
        ("variants", NEW_EPOCH, {"variants": (A, B, Variant("c"))}),
        ("variants", REFUSED, {"variants": (A, replace(B, control=True))}),
        ("unit", REFUSED, {"unit": UnitKind.CUSTOMER}),
        ("time_zone", REFUSED, {"time_zone": "Europe/Madrid"}),
        ("currency_code", REFUSED, {"currency_code": "RON"}),
        ("plan.alpha", REFUSED, {"plan": replace(PLAN, alpha=0.1)}),
        ("plan", REFUSED, {"plan": None}),
        ("schedule.start_time", REFUSED, {"start_time": datetime(2026, 1, 1, tzinfo=UTC)}),
    ],
)
def test_change_to_a_running_campaign_is_of_its_class(
    field: str, change_class: ChangeClass, given: dict[str, Any]
) -> None:
    found = changes(campaign(), campaign(**given))
    assert [(change.field, change.change_class) for change in found] == [(field, change_class)]
    assert gravest(found) is change_class
    assert found[0].reason


def test_nothing_changed_is_no_change() -> None:
    assert changes(campaign(), campaign()) == ()
    assert changes(campaign(plan=None), campaign(plan=None)) == ()
    assert gravest(()) is ChangeClass.NONE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vip == 1", "vip"),
        ("vip == 0", "vip == false"),
        ("not (a and vip == 1)", "not (a and vip == true)"),
        ("vip in [1, 2]", "vip in [true, 2]"),
        ("vip in [1, true]", "vip in [true, 1]"),
    ],
)
def test_audience_of_a_number_is_another_than_that_of_true(one: str, other: str) -> None:
    assert parse(one) == parse(other)  # for Python, which is the trap
    for before, after in ((one, other), (other, one)):
        (found,) = changes(campaign(audience=parse(before)), campaign(audience=parse(after)))

        assert (found.field, found.change_class) == ("audience", NEW_EPOCH)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"on": 1}, {"on": True}),
        ({"on": 0.0}, {"on": False}),
        ({"steps": [{"on": [2, 1]}]}, {"steps": [{"on": [2, True]}]}),
    ],
)
def test_payload_of_a_number_is_another_than_that_of_true(one: Any, other: Any) -> None:
    for before, after in ((one, other), (other, one)):
        (found,) = changes(
            campaign(variants=(A, replace(B, payload=before))),
            campaign(variants=(A, replace(B, payload=after))),
        )

        assert (found.field, found.change_class) == ("variants[1].payload", NEW_EPOCH)


def test_number_written_in_another_way_is_no_change() -> None:
    def made(audience: str, payload: Any) -> Campaign:
        end = datetime(2027, 1, 1, tzinfo=UTC)
        variants = (A, replace(B, payload=payload))
        return campaign(audience=parse(audience), variants=variants, end_time=end)

    before = made("a >= 1", {"percent": 10, "deep": [{"on": True, "text": "a"}]})
    after = made("a >= 1.0", {"deep": [{"text": "a", "on": True}], "percent": 10.0})

    assert changes(before, after) == ()


def test_client_is_told_of_a_campaign_whose_payload_or_audience_went_from_1_to_true() -> None:
    def snapshot(audience: str, on: Any) -> Snapshot:
        variants = (A, replace(B, payload={"on": on}))
        shown = campaign(audience=parse(audience), variants=variants)
        return Snapshot(campaigns=(SnapshotCampaign(shown, "t", "v"),))

    before = snapshot("vip == 1", 1)

    assert changed_campaigns(before, snapshot("vip == 1", 1)) == frozenset()
    assert changed_campaigns(before, snapshot("vip == 1", 1.0)) == frozenset()
    assert changed_campaigns(before, snapshot("vip == 1", True)) == {"x"}
    assert changed_campaigns(before, snapshot("vip", 1)) == {"x"}
    assert changed_campaigns(before, Snapshot()) == {"x"}


def test_before_the_start_everything_is_safe() -> None:
    found = changes(campaign(State.DRAFT), campaign(plan=None, variants=(A, replace(B, weight=2))))
    assert len(found) == 2
    assert gravest(found) is SAFE


@pytest.mark.parametrize("state", [State.STOPPED, State.ARCHIVED])
def test_after_the_end_only_words_change(state: State) -> None:
    found = changes(campaign(state), campaign(display_name="Spring", traffic_bps=6_000))
    assert {change.field: change.change_class for change in found} == {
        "display_name": SAFE,
        "traffic_bps": REFUSED,
    }


def test_gravest_of_several_changes_counts() -> None:
    found = changes(campaign(), campaign(display_name="Spring", traffic_bps=1, currency_code="RON"))
    assert gravest(found) is REFUSED


def test_long_values_are_shown_shortened() -> None:
    (change,) = changes(campaign(), campaign(description="x" * 1_000))
    assert change.before == ""
    assert len(change.after) == 200


@pytest.mark.parametrize(
    ("given", "before", "after"),
    [
        ({"plan": None}, "given", "absent"),
        (
            {"plan": replace(PLAN, primary=(PlannedMetric("nps", 0.1),))},
            "[{metric: conversion_rate, minimum_effect: 5%}]",
            "[{metric: nps, minimum_effect: 10%}]",
        ),
        (
            {"plan": replace(PLAN, stopping=AlwaysValid())},
            "{group_sequential: {futility: {hwang_shih_decani: {gamma: -2}}}}",
            "always_valid",
        ),
        ({"plan": replace(PLAN, window_days=None)}, "3", "open_ended"),
        ({"traffic_bps": 7_550}, "50%", "75.5%"),
        ({"audience": Exists("cart")}, "everybody", "exists(cart)"),
    ],
)
def test_a_change_is_shown_as_a_file_writes_it(
    given: dict[str, Any], before: str, after: str
) -> None:
    (change,) = changes(campaign(), campaign(**given))
    assert (change.before, change.after) == (before, after)


def test_reasons_speak_of_the_unit_that_would_be_mixed() -> None:
    for unit, said in ((UnitKind.VISITOR, "visitors"), (UnitKind.CUSTOMER, "customers")):
        before = campaign(unit=unit)
        found = changes(
            before, replace(before, traffic_bps=1_000, variants=(replace(A, weight=3), B))
        )

        assert [each.reason.split()[0] for each in found] == [said, said]

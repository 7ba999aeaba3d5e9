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
            "PlannedMetric metric conversion_rate minimum_effect 0.05",
            "PlannedMetric metric nps minimum_effect 0.1",
        ),
        (
            {"plan": replace(PLAN, stopping=AlwaysValid())},
            "GroupSequential success HwangShihDecani gamma -4.0 "
            "futility HwangShihDecani gamma -2.0",
            "AlwaysValid",
        ),
        ({"audience": Exists("cart")}, "everybody", "exists(cart)"),
    ],
)
def test_change_is_shown_as_people_write(given: dict[str, Any], before: str, after: str) -> None:
    (change,) = changes(campaign(), campaign(**given))
    assert (change.before, change.after) == (before, after)


def test_reasons_speak_of_the_unit_that_would_be_mixed() -> None:
    for unit, said in ((UnitKind.VISITOR, "visitors"), (UnitKind.CUSTOMER, "customers")):
        before = campaign(unit=unit)
        found = changes(
            before, replace(before, traffic_bps=1_000, variants=(replace(A, weight=3), B))
        )

        assert [each.reason.split()[0] for each in found] == [said, said]

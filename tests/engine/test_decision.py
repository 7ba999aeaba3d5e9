"""Compiled snapshots: what one broken campaign, a stale snapshot or a strange visitor does."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fairlift.engine.assignment import Outcome, Reason, assignment
from fairlift.engine.bots import BotRules
from fairlift.engine.bucketing import hash_of
from fairlift.engine.campaign import (
    JSON,
    Campaign,
    LayerSlice,
    Lifecycle,
    Prerequisite,
    State,
    Variant,
)
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.matching import matcher
from fairlift.engine.prerequisites import MAX_CHAIN, check_prerequisites
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift_cli.audience.parser import parse
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import strategies as s

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RUNNING = Lifecycle(state=State.RUNNING)
PAYLOAD: dict[str, JSON] = {
    "threshold": 50,
    "share": 0.5,
    "on": True,
    "text": "x",
    "endless": float("inf"),
    "list": [1, {"a": [2]}],
}


def salted(name: str = "c", **changes: Any) -> SnapshotCampaign:
    variants = (Variant("a"), Variant("b", payload=PAYLOAD))
    given: dict[str, Any] = {"id": name, "variants": variants, "lifecycle": RUNNING}
    return SnapshotCampaign(Campaign(**(given | changes)), "traffic", "variants")


def compiled(*campaigns: SnapshotCampaign, **more: Any) -> CompiledSnapshot:
    return CompiledSnapshot(Snapshot("etag", NOW, campaigns), **more)


def decide(snapshot: CompiledSnapshot, visitor: str = "v", **attributes: Any) -> Any:
    return snapshot.decide("c", visitor=visitor, attributes=attributes, now=NOW.timestamp() + 60)


@pytest.mark.parametrize("values", ['[2, "a"]', "[1, true]"])
def test_list_is_among_no_values(values: str) -> None:
    assert not matcher(parse(f"x in {values}")).matches({"x": ["a"]})
    assert matcher(parse(f"x not in {values}")).matches({"x": ["a"]})


def test_same_visitor_sees_same_variant() -> None:
    snapshot = compiled(salted())
    seen = {decide(snapshot, "v1").variant for _ in range(100)}

    assert len(seen) == 1


@given(s.units.filter(bool), st.integers(0, 10_000), st.integers(0, 10_000))
def test_ramp_up_never_moves_a_visitor(unit: str, one: int, other: int) -> None:
    low, high = sorted([one, other])
    before = decide(compiled(salted(traffic_bps=low)), unit)
    after = decide(compiled(salted(traffic_bps=high)), unit)

    if before.is_in_campaign:
        assert (after.variant, after.reason) == (before.variant, Reason.ASSIGNED)


@given(st.text(st.characters(), max_size=10), s.attributes)
def test_decision_is_taken_for_any_visitor(unit: str, attributes: dict[str, Any]) -> None:
    snapshot = compiled(salted(audience=parse("cart_value >= 30 or exists(tags)")))
    decided = decide(snapshot, unit, **attributes)

    assert decided.variant in ("a", "b")


@pytest.mark.parametrize("unit", ["\ud800", "x\udcff", "ñ\udfff" * 100])
def test_half_a_surrogate_pair_is_no_unit(unit: str) -> None:
    snapshot = compiled(salted(traffic_bps=5_000))

    assert decide(snapshot, unit).reason is Reason.NO_UNIT
    with pytest.raises(UnicodeEncodeError):
        hash_of("salt", unit)


def test_broken_campaign_costs_the_others_nothing() -> None:
    broken = salted("broken", layer=LayerSlice("lost", 0, 10))
    snapshot = CompiledSnapshot(Snapshot("e", NOW, (broken, salted()), unreadable={"odd": "why"}))

    decided = {
        each.campaign: each for each in snapshot.decide_all(visitor="v", attributes={}, now=0)
    }

    assert {name: each.reason for name, each in decided.items()} == {
        "odd": Reason.ERROR,
        "broken": Reason.ERROR,
        "c": Reason.ASSIGNED,
    }
    assert decided["broken"].variant == "a"
    assert snapshot.broken == {"odd": "why", "broken": "KeyError: 'lost'"}


def test_stale_snapshot_changes_the_reason_and_nothing_else() -> None:
    fresh, stale = compiled(salted()), compiled(salted(), is_stale=True)

    for visitor in map(str, range(50)):
        before, after = decide(fresh, visitor), decide(stale, visitor)
        assert after.variant == before.variant
        assert after.reason is Reason.STALE
        assert after.is_in_campaign


def test_assignment_tells_the_age_of_its_snapshot() -> None:
    assert decide(compiled(salted())).snapshot_age_s == 60
    undated = CompiledSnapshot(Snapshot("e", None, (salted(),)))
    assert decide(undated).snapshot_age_s is None


def test_others_may_run_between_campaigns() -> None:
    calls: list[int] = []

    compiled(salted("x"), salted("y"), between=lambda: calls.append(1))

    assert len(calls) == 2


def test_payload_is_the_callers_own() -> None:
    outcome = Outcome("c", "b", PAYLOAD, Reason.ASSIGNED, is_control=False, epoch=2)
    decided = assignment(outcome, "v", {"secret": 1}, 0.0)

    # This entry is a list; its type is any JSON value.
    decided.payload["list"].append(3)  # type: ignore[union-attr]

    assert decided.payload == PAYLOAD
    assert (decided.epoch, decided.is_control) == (2, False)
    assert repr(decided) == "Assignment(c: b, assigned, epoch 2)"


@pytest.mark.parametrize(
    ("key", "default", "expected"),
    [
        ("threshold", 0, 50),
        ("threshold", 0.0, 50.0),
        ("threshold", "none", "none"),
        ("share", 0.0, 0.5),
        ("share", 7, 7),
        ("on", False, True),
        ("on", 0, 0),
        ("text", "", "x"),
        ("list", 1, 1),
        ("endless", 1, 1),
        ("missing", 5, 5),
    ],
)
def test_payload_value_has_the_type_of_its_default(key: str, default: Any, expected: Any) -> None:
    decided = assignment(Outcome("c", "b", PAYLOAD, Reason.ASSIGNED), "v", {}, 0.0)

    value = decided.value(key, default)

    assert (value, type(value)) == (expected, type(expected))


def test_money_as_decimal_is_compared() -> None:
    matches = matcher(parse("cart >= 30 and cart != 31")).matches

    assert matches({"cart": Decimal("30.00")})
    assert not matches({"cart": Decimal("31")})
    assert not matches({"cart": Decimal("NaN")})


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("cart between 30 and 49.9", True),
        ("cart == 49.9", True),
        ("cart != 49.9", False),
        ("cart <= 49.9", True),
        ("cart >= 49.9", True),
        ("cart < 49.9", False),
        ("cart > 49.9", False),
        ("cart in [1, 49.9]", True),
        ("cart in [2, 49.9]", True),
        ("cart not in [2, 49.9]", False),
        ('cart in ["49.90"]', False),
        ('cart == "49.90"', False),
    ],
)
def test_decimal_is_the_double_that_would_travel(text: str, is_met: bool) -> None:
    money = Decimal("49.90")

    assert matcher(parse(text)).matches({"cart": money}) is is_met
    assert matcher(parse(text)).matches({"cart": float(money)}) is is_met


@pytest.mark.parametrize("nothing", ["NaN", "sNaN", "-sNaN7"])
def test_decimal_that_is_no_number_meets_no_number(nothing: str) -> None:
    for text in ("x == 1", "x > 1", "x <= 1", "x between 0 and 1", "x in [1, 2]", "x in [2, 3]"):
        assert not matcher(parse(text)).matches({"x": Decimal(nothing)})
    assert matcher(parse("x != 1 and x not in [1, 2]")).matches({"x": Decimal(nothing)})


def test_naive_time_is_utc() -> None:
    naive = datetime(2026, 11, 20)  # noqa: DTZ001  # what is tested

    assert matcher(parse("t == 2026-11-20")).matches({"t": naive})
    assert matcher(parse("t in [2026-11-20]")).matches({"t": naive})
    assert not matcher(parse("t in [2026-11-20, 1]")).matches({"t": True})


def test_many_conditions_are_all_asked() -> None:
    every = matcher(parse("a and b and c and d")).matches
    some = matcher(parse("a or b or c or d")).matches

    assert every(dict.fromkeys("abcd", True))
    assert not every(dict.fromkeys("abc", True))
    assert some({"d": True})
    assert not some({})


def test_bot_rules_can_be_replaced() -> None:
    snapshot = compiled(salted(), bots=BotRules(fragments=("katze",)))

    assert decide(snapshot, user_agent="Katze/1.0").reason is Reason.BOT
    assert decide(snapshot, user_agent="Googlebot/2.1").reason is Reason.ASSIGNED


def test_prerequisites_are_checked_before_they_are_asked() -> None:
    base = salted("base").campaign
    wrong = salted("wrong", prerequisites=(Prerequisite("base", ("z",)),)).campaign
    gone = salted("gone", prerequisites=(Prerequisite("archived", ("a",)),)).campaign
    archived = replace(base, id="archived", lifecycle=Lifecycle(state=State.ARCHIVED))

    found = check_prerequisites([base, wrong, gone, archived])

    assert {name: [str(each) for each in each] for name, each in found.items()} == {
        "wrong": [
            "prerequisites[0].variants[0]: 'z' is not a variant of base; its variants are a, b"
        ],
        "gone": ["prerequisites[0].campaign: 'archived' does not exist"],
    }


def test_chain_of_prerequisites_has_an_end() -> None:
    def link(index: int) -> Campaign:
        needed = (Prerequisite(f"c{index - 1}", ("a", "b")),) if index else ()
        return salted(f"c{index}", prerequisites=needed).campaign

    chain = [link(index) for index in range(MAX_CHAIN + 1)]

    assert check_prerequisites(chain[:MAX_CHAIN]) == {}
    assert list(check_prerequisites(chain)) == [f"c{MAX_CHAIN}"]


def test_a_campaign_that_did_not_change_is_not_compiled_again() -> None:
    before = compiled(salted("same"), salted("changed"))
    paused = salted("changed", lifecycle=Lifecycle(state=State.PAUSED))

    after = compiled(salted("same"), paused, unchanged={"same": before.campaigns["same"]})

    assert after.campaigns["same"] is before.campaigns["same"]
    assert after.decide("changed", visitor="v", attributes={}, now=0).reason is Reason.PAUSED


def test_a_prerequisite_is_decided_by_its_new_version() -> None:
    needed = (Prerequisite("base", ("a", "b")),)
    before = compiled(salted("base"), salted("built", prerequisites=needed))
    paused = salted("base", lifecycle=Lifecycle(state=State.PAUSED))

    after = compiled(
        paused,
        salted("built", prerequisites=needed),
        unchanged={"built": before.campaigns["built"]},
    )

    for snapshot, reason in ((before, Reason.ASSIGNED), (after, Reason.PREREQUISITE)):
        assert snapshot.decide("built", visitor="v", attributes={}, now=0).reason is reason

"""What was promised and what was seen is sealed, in a format that no renaming can break."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.errors import BadLook, BadPlan, LookEdited, PlanChanged
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog, TrafficPart
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.sequential.sealed_looks import (
    SealedContent,
    check_chain,
    link,
    log_from_json,
    log_to_json,
    look_from_json,
    look_to_json,
)
from fairlift_stats.sequential.sealed_plan import fingerprint, plan_from_json, plan_to_json
from fairlift_stats.verdict import decide
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.situations import name_of, situation, table

HERE = Path(__file__).parent
PLAN = SequentialPlan(
    arms=("control", "coupon"),
    metrics=(
        SequentialMetric("conversion_rate", minimum_effect=0.1),
        SequentialMetric(
            "coupon_cost_per_visitor",
            role="guardrail",
            direction="lower",
            unit="money",
            needs="orders",
            absolute_margin=0.6,
        ),
    ),
    n_max=28_000,
    maximum_days=28,
    window_days=3,
    harm_spending=Spending("power", 2.0),
    futility=None,
)
LOOK = Look(
    at="2026-11-10",
    day=10,
    counts=(ArmCount("control", 3500, 105, 120, 5000, 4500, 90), ArmCount("coupon", 3500)),
    evidence=(
        Evidence(
            "conversion_rate",
            "coupon",
            1.25,
            Contrast(0.03, 0.034, 8.3e-06, 9.4e-06, rates=TwoRates(119, 3500, 105, 3500)),
            7000,
            (105, 119),
        ),
        Evidence(
            "coupon_cost_per_visitor",
            "coupon",
            2.5,
            Contrast(0.5, 0.6, 0.0008, 0.0008, 0.0001, df=4100.5),
            7000,
            (120, 130),
            skew=0.02,
            capped=True,
        ),
    ),
    parts=(TrafficPart("ios", (1700, 1800)),),
)


def test_the_format_of_a_plan_is_frozen() -> None:
    kept = (HERE / "sealed_plan.json").read_text(encoding="utf-8").strip()

    assert plan_to_json(PLAN) == kept
    assert plan_from_json(kept) == PLAN
    assert fingerprint(PLAN) == "992b2960763cb48c2408b9eee23948beab5dbb892edd4cb6d1a5a1634cc678f7"


def test_the_format_of_a_look_is_frozen() -> None:
    kept = (HERE / "sealed_look.json").read_text(encoding="utf-8").strip()

    assert look_to_json(LOOK) == kept
    assert look_from_json(kept) == LOOK
    assert (
        link(fingerprint(PLAN), kept)
        == "c83fd06a4db3df3ebcbc465eca30881e04004ee506f4446f455bc517deaa594e"
    )


@pytest.mark.parametrize("line", table(), ids=name_of)
def test_what_is_kept_gives_the_same_verdict_to_the_bit(line: Mapping[str, Any]) -> None:
    written = situation(line)
    made, log = written.plan, written.log

    again = log_from_json(log_to_json(log))

    assert plan_from_json(plan_to_json(made)) == made
    assert again == log
    assert decide(made, again).to_json() == decide(made, log).to_json()


def test_what_follows_from_a_plan_is_no_part_of_its_hash_and_all_else_is() -> None:
    assert with_drift(PLAN).drift is not None
    assert fingerprint(with_drift(PLAN)) == fingerprint(PLAN)
    for change in (
        {"alpha": 0.04},
        {"decide": "daily"},
        {"window_days": 2},
        {"maximum_days": 35},
        {"harm_spending": Spending("power", 3.0)},
        {"metrics": (replace(PLAN.metrics[0], minimum_effect=0.2), PLAN.metrics[1])},
        {"metrics": (PLAN.metrics[0], replace(PLAN.metrics[1], absolute_margin=0.7))},
    ):
        assert fingerprint(replace(PLAN, **change)) != fingerprint(PLAN)


def chain(*contents: str) -> list[SealedContent]:
    found, previous = [], fingerprint(PLAN)
    for content in contents:
        previous = link(previous, content)
        found.append(SealedContent(content, previous))
    return found


def test_an_edited_look_is_refused_by_name() -> None:
    looks = chain(*(look_to_json(replace(LOOK, day=day)) for day in (8, 9, 10)))
    edited = SealedContent(looks[1].content.replace('"z":1.25', '"z":9.25'), looks[1].hash)

    check_chain(fingerprint(PLAN), looks)
    with pytest.raises(LookEdited, match=r"look 2 \(day 9\): its content is not"):
        check_chain(fingerprint(PLAN), [looks[0], edited, looks[2]])
    # Whoever writes a new hash for it breaks the look after it.
    forged = SealedContent(edited.content, link(looks[0].hash, edited.content))
    with pytest.raises(LookEdited, match="look 3"):
        check_chain(fingerprint(PLAN), [looks[0], forged, looks[2]])
    for missing in (looks[1:], [looks[1], looks[0], looks[2]]):
        with pytest.raises(LookEdited, match="look 1"):
            check_chain(fingerprint(PLAN), missing)
    with pytest.raises(LookEdited, match="look 1"):
        check_chain("another plan", looks)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('{"look": {"day": 4}}', r"look 1 \(day 4\):"),
        ("{}", "look 1:"),
        ("[]", "look 1:"),
        ("no json", "look 1:"),
    ],
)
def test_a_look_that_no_longer_says_its_day_is_named_by_its_number(
    content: str, where: str
) -> None:
    with pytest.raises(LookEdited, match=where):
        check_chain("plan", [SealedContent(content, "0" * 64)])


def test_an_edited_look_does_not_reach_a_verdict() -> None:
    line = next(line for line in table() if name_of(line) == "below the success line")
    kept = json.loads(log_to_json(situation(line).log))
    kept["looks"][0]["content"] = kept["looks"][0]["content"].replace('"z":3.14', '"z":9.14')

    with pytest.raises(LookEdited, match="day 7"):
        log_from_json(json.dumps(kept))


def test_a_log_begun_under_another_plan_is_refused() -> None:
    first = situation(table()[0])

    with pytest.raises(PlanChanged, match="start a new epoch"):
        decide(replace(first.plan, alpha=0.1), first.log)
    with pytest.raises(BadLook, match="is empty"):
        decide(first.plan, LookLog.begin(first.plan))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"arms": 1}', plan_to_json(PLAN)[:-20]])
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(BadPlan, match="plan: cannot be read"):
        plan_from_json(text)
    with pytest.raises(BadPlan, match="arms: are"):
        plan_from_json(plan_to_json(PLAN).replace('"coupon"]', '"control"]'))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": "x", "looks": [{}]}'])
def test_text_that_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(BadLook, match="look log: cannot be read"):
        log_from_json(text)


def test_text_that_is_no_look_is_refused() -> None:
    with pytest.raises(BadLook, match="look: cannot be read"):
        look_from_json("{}")
    with pytest.raises(BadLook, match="day is 0"):
        look_from_json(look_to_json(LOOK).replace('"day":10', '"day":0'))


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-300, 1e300))
def test_floats_keep_every_bit(value: float, variance: float) -> None:
    contrast = Contrast(value, value, variance, variance)
    kept = replace(LOOK, evidence=(Evidence("m", "a", 1.5, contrast, 10),))

    again = look_from_json(look_to_json(kept)).evidence[0].contrast

    assert again == contrast
    assert math.isinf(again.df)

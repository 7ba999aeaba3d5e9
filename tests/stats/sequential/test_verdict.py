"""A verdict ships what won, stops what hurts or has no hope, and says so in plain data."""

import json
import math

from fairlift_stats.messages import Percent
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.sequential.sealed_looks import log_from_json, log_to_json
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.standings import lines_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, keys, look, plan


@settings(max_examples=12, deadline=None)
@given(zs=st.lists(st.floats(-5, 5), min_size=1, max_size=14))
def test_replaying_the_log_gives_the_same_verdict_to_the_bit(zs: list[float]) -> None:
    made, log = plan(), LookLog.begin(plan())
    for day, z in enumerate(zs, start=1):
        log = log.add(made, look(made, day, evidence("conversion_rate", "coupon", z, day)))
        once = decide(made, log).to_json()

        assert decide(made, log_from_json(log_to_json(log))).to_json() == once


def test_a_clear_winner_is_shipped_with_a_lift_corrected_for_the_looks_before() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5, 4.0]))

    found = verdict.facts.arms[0]
    assert (verdict.kind, verdict.cause, verdict.variant) == ("ship", "won", "coupon")
    assert found.raw is not None
    assert found.corrected is not None
    assert found.raw.lift is not None
    assert found.corrected.lift is not None
    assert 0 < found.corrected.lift < found.raw.lift
    assert found.corrected.interval.low > 0
    assert verdict.number == Percent(found.corrected.lift, signed=True)
    assert keys(verdict)[:2] == ["reason.corrected", "reason.false_alarm"]
    assert verdict.action.key == "action.ship"
    assert found.meter > 1
    assert (verdict.decided_day, verdict.next_due, verdict.since) == (8, None, ())


def test_no_gain_gives_the_traffic_back() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, -0.5]))

    assert (verdict.kind, verdict.cause) == ("stop_futile", "hopeless")
    assert verdict.action.key == "action.free"
    assert isinstance(verdict.number, Percent)
    assert verdict.number.value < 0.1
    assert (verdict.advised_day, verdict.decided_day, verdict.next_due) == (7, None, 8)


def test_the_end_without_a_winner_says_how_much_was_seen() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [1.5] * 13 + [1.9]))

    assert (verdict.kind, verdict.cause) == ("inconclusive", "ended")
    assert verdict.sentence().startswith("Undecided: the plan has ended and coupon is not clearly")
    assert verdict.facts.outlook is None
    assert verdict.facts.arms[0].corrected is not None


def test_a_verdict_names_the_metric_that_decided() -> None:
    made = plan(metrics=(CR, RPV))

    def with_rail(z: float) -> LookLog:
        rail = evidence("revenue_per_visitor", "coupon", z, 7, control=1.0)
        won = evidence("conversion_rate", "coupon", 4.0, 7)
        return LookLog.begin(made).add(made, look(made, 7, won, rail))

    harmless, harmful = with_rail(2.0), with_rail(-60.0)

    assert decide(made, harmless).metric == "conversion_rate"
    assert (decide(made, harmful).cause, decide(made, harmful).metric) == (
        "guardrail_harm",
        "revenue_per_visitor",
    )


def test_less_is_better_where_the_metric_says_so() -> None:
    metric = SequentialMetric("refund_rate", direction="lower")
    made = plan(metrics=(metric,))

    verdict = decide(made, daily(made, [*WEEK, -4.0], metric="refund_rate"))
    found = verdict.facts.arms[0].corrected

    assert verdict.kind == "ship"
    assert found is not None
    assert found.interval.high < 0
    assert decide(made, daily(made, [*WEEK, 4.0], metric="refund_rate")).kind == "stop_harm"


def test_a_verdict_is_plain_json() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 2.2]))

    read = json.loads(verdict.to_json())

    assert read["kind"] == "keep_going"
    assert read["headline"]["key"] == verdict.headline.key
    assert math.isfinite(read["facts"]["arms"][0]["z"])
    nothing = decide(plan(), daily(plan(), [*WEEK, 4.0], control=0.0))
    assert json.loads(nothing.to_json())["facts"]["arms"][0]["raw"]["no_lift"] == "control_zero"


def test_what_lies_on_a_line_is_beyond_it_and_one_double_less_is_not() -> None:
    made = with_drift(plan(decide="weekly", maximum_days=28, n_max=28_000))
    line = lines_of(made, daily(made, [0.0] * 7), "conversion_rate", "coupon")[-1]
    assert line.success is not None
    assert line.harm is not None
    assert line.give_up is not None

    def cause(z: float, towards: float | None = None) -> str:
        z = z if towards is None else math.nextafter(z, towards)
        return decide(made, daily(made, [*WEEK, z])).cause

    assert (cause(line.success), cause(line.success, 0.0)) == ("won", "running")
    assert (cause(line.give_up), cause(line.give_up, -9.0)) == ("running", "hopeless")
    assert (cause(line.harm), cause(line.harm, 0.0)) == ("harm", "hopeless")

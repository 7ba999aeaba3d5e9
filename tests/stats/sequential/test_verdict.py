"""A verdict ships what won, stops what hurts or has no hope, and forecasts an open race."""

import json
import math
import re
from dataclasses import replace

import pytest
from fairlift_stats.locale import LANGUAGES
from fairlift_stats.messages import Day, Number, Percent
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import PlannedMetric
from fairlift_stats.verdict import decide
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

        assert decide(made, LookLog.from_json(log.to_json())).to_json() == once


def test_a_clear_winner_after_a_week_is_shipped_with_a_corrected_lift() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 4.0]))

    found = verdict.facts.comparisons[0]
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


def test_a_first_crossing_counts_though_the_week_was_not_whole() -> None:
    early = decide(plan(), daily(plan(), [0.0] * 7 + [4.0]))
    later = decide(plan(), daily(plan(), [0.0] * 7 + [4.0, 2.4, 2.4, 2.4, 2.4, 2.4, 2.4]))
    free = decide(plan(whole_weeks=False), daily(plan(whole_weeks=False), [0.0] * 7 + [4.0]))

    assert (early.kind, early.cause) == ("keep_going", "hold")
    assert early.number == Number(6)
    assert later.kind == "ship"
    assert later.facts.comparisons[0].crossed_at == "2026-11-10"
    assert free.kind == "ship"


def test_a_lead_that_turned_round_is_not_shipped() -> None:
    verdict = decide(plan(), daily(plan(), [0.0] * 6 + [4.0] + [-0.5] * 7))

    assert verdict.kind == "stop_futile"


def test_an_end_before_the_minimum_of_days_waits_for_the_calendar() -> None:
    made = plan()
    log = LookLog.begin(made).add(
        made, look(made, 3, evidence("conversion_rate", "coupon", 3.0, 3), per_day=9400)
    )

    assert decide(made, log).cause == "days"
    assert decide(made, log, day=8).cause == "won"
    lost = LookLog.begin(made).add(
        made, look(made, 3, evidence("conversion_rate", "coupon", 0.0, 3), per_day=9400)
    )
    assert decide(made, lost).cause == "days"
    assert decide(made, lost, day=7).cause == "ended"
    with pytest.raises(BadLook, match="last look was on day 3"):
        decide(made, log, day=2)


def test_no_gain_gives_the_traffic_back() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, -0.5]))

    assert (verdict.kind, verdict.cause) == ("stop_futile", "hopeless")
    assert verdict.action.key == "action.free"
    assert isinstance(verdict.number, Percent)
    assert verdict.number.value < 0.1


def test_the_end_without_a_winner_says_how_much_was_seen() -> None:
    # The last line is 2.08: 1.9 ends the plan without success.
    verdict = decide(plan(), daily(plan(), [1.5] * 13 + [1.9]))

    assert (verdict.kind, verdict.cause) == ("stop_futile", "ended")
    assert verdict.facts.outlook is None
    assert verdict.facts.comparisons[0].corrected is not None


def test_an_open_race_forecasts_its_days() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 2.2]))

    view = verdict.facts.outlook
    assert verdict.kind == "keep_going"
    assert view is not None
    assert view.end == "2026-11-16"
    assert view.days_left in range(2, 7)
    assert isinstance(verdict.number, Number)
    assert verdict.number.value == view.days_left
    assert keys(verdict)[:2] == ["reason.chances", "reason.meter"]
    days = [day for day in view.days if day is not None]
    assert days == sorted(days)


def test_an_unlikely_answer_is_called_unlikely() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, 1.2]))

    assert verdict.headline.key == "verdict.running_long"
    assert "reason.end" not in keys(verdict)  # the headline tells the day
    assert verdict.action.key == "action.wait"


def test_without_a_hope_the_traffic_may_be_freed_though_the_plan_does_not_ask_for_it() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, -2.0]))

    assert verdict.facts.outlook is not None
    assert verdict.facts.outlook.predictive_power < 0.01
    assert (verdict.kind, verdict.cause) == ("keep_going", "running")
    assert (verdict.headline.key, verdict.action.key) == (
        "verdict.running_faint",
        "action.may_free",
    )
    assert verdict.number == Percent(0.01, 0)
    for language in LANGUAGES:
        assert not re.search(r"\b0\s?%", verdict.sentence(language))


def test_three_chances_by_the_same_day_are_not_listed() -> None:
    made = plan(minimum_days=1, whole_weeks=False)
    found = evidence("conversion_rate", "coupon", 2.7, 1)
    log = LookLog.begin(made).add(made, look(made, 1, found, per_day=14_000))

    verdict = decide(made, log)

    view = verdict.facts.outlook
    assert view is not None
    assert view.days == ("2026-11-04",) * 3
    assert verdict.sentence() == "Keep going: about 1 more day until a decision."
    assert keys(verdict)[0] == "reason.end"


def test_a_win_of_an_earlier_day_says_that_its_figure_is_of_then() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, 4.0]))
    since = decide(plan(), daily(plan(), [*WEEK, 4.0, *[3.0] * 6, 3.5]))

    first = since.reasons[0]
    assert keys(once)[0] == "reason.corrected"
    assert since.kind == "ship"
    assert since.number == once.number == first.figure("lift")
    assert first.key == "reason.corrected_then"
    assert first.figure("day") == Day("2026-11-09")
    assert since.facts.comparisons[0].raw is not None
    raw = Percent(since.facts.comparisons[0].raw.lift or 0, signed=True)
    assert first.figure("raw") == raw
    assert "from analysis 7 (November 9), the first with enough evidence" in since.explanations()[0]


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_at_a_first_look_there_is_nothing_to_correct(direction: str) -> None:
    metric = replace(CR, direction=direction)  # type: ignore[arg-type]
    made = plan(metrics=(metric,))
    sign = 1 if direction == "higher" else -1
    # As with a score test: the z is not the estimate over the error of its interval.
    found = replace(evidence("conversion_rate", "coupon", sign * 4.0, 7), estimate=sign * 0.009)

    verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, found)))

    corrected = verdict.facts.comparisons[0].corrected
    assert corrected is not None
    assert corrected.value == pytest.approx(sign * 0.009, abs=1e-9)
    assert keys(verdict)[0] == "reason.false_alarm"


def test_where_estimate_and_z_disagree_in_sign_the_error_of_the_interval_holds() -> None:
    made = plan()
    found = replace(evidence("conversion_rate", "coupon", 0.1, 14), estimate=-0.0001, se=0.002)

    verdict = decide(made, LookLog.begin(made).add(made, look(made, 14, found)))

    corrected = verdict.facts.comparisons[0].corrected
    assert verdict.cause == "ended"
    assert corrected is not None
    assert corrected.value == pytest.approx(0.1 * 0.002, abs=1e-9)


def test_harm_and_an_end_without_a_winner_tell_their_two_figures_too() -> None:
    hurt = decide(plan(), daily(plan(), [*WEEK, -5.0, *[-3.0] * 7]))
    ended = decide(plan(), daily(plan(), [1.5] * 13 + [1.9]))

    assert (hurt.kind, keys(hurt)[0]) == ("stop_harm", "reason.corrected_then")
    assert (ended.cause, keys(ended)[0]) == ("ended", "reason.corrected")
    assert hurt.reasons[0].figure("lift") == hurt.number
    assert ended.reasons[0].figure("lift") == ended.number


def test_a_verdict_names_the_metric_that_decided() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    harmless, harmful = (
        log.add(
            made,
            look(
                made,
                7,
                evidence("conversion_rate", "coupon", 4.0, 7),
                evidence("revenue_per_visitor", "coupon", z, 7, control=1.0),
            ),
        )
        for z in (2.0, -6.0)
    )

    assert decide(made, harmless).metric == "conversion_rate"
    assert (decide(made, harmful).cause, decide(made, harmful).metric) == (
        "guardrail_harm",
        "revenue_per_visitor",
    )


def test_less_is_better_where_the_metric_says_so() -> None:
    metric = PlannedMetric("refund_rate", direction="lower")
    made = plan(metrics=(metric,))

    verdict = decide(made, daily(made, [*WEEK, -4.0], metric="refund_rate"))
    found = verdict.facts.comparisons[0].corrected

    assert verdict.kind == "ship"
    assert found is not None
    assert found.interval.high < 0
    assert decide(made, daily(made, [*WEEK, 4.0], metric="refund_rate")).kind == "stop_harm"


def test_a_flat_forecast_needs_no_prior() -> None:
    made = plan(prior_sd=None)

    verdict = decide(made, daily(made, [*WEEK, 2.2]))

    assert verdict.facts.outlook is not None
    assert verdict.facts.outlook.predictive_power > 0.5


def test_a_first_look_on_the_first_day_has_no_pace_yet() -> None:
    made = plan()
    log = LookLog.begin(made).add(
        made,
        replace(look(made, 1, evidence("conversion_rate", "coupon", 1.0, 1)), day=0),
    )

    assert decide(made, log).facts.outlook is None


def test_a_verdict_is_plain_json() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 2.2]))

    read = json.loads(verdict.to_json())

    assert read["kind"] == "keep_going"
    assert read["headline"]["key"] == verdict.headline.key
    assert math.isfinite(read["facts"]["comparisons"][0]["z"])

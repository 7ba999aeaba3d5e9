"""A verdict ships what won, stops what hurts or has no hope, and forecasts an open race."""

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from fairlift_stats.locale import LANGUAGES
from fairlift_stats.messages import Day, Number, Percent
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.errors import NoAnswer
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.lines import stopping_lines, with_drift
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.sequential.sealed_looks import log_from_json, log_to_json
from fairlift_stats.verdict import arm_facts, decide, outlook
from fairlift_stats.verdict.standings import lines_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

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


def test_the_figures_at_a_stop_are_those_of_the_stage_wise_drift() -> None:
    log = daily(plan(), [*WEEK, 0.5, 4.0])
    found = decide(plan(), log).facts.arms[0].corrected
    contrast = log.looks[-1].evidence[0].contrast
    lines = stopping_lines(plan(), (7 / 14, 8 / 14))
    stop = estimate_at_stop(lines, z=4.0)

    assert found is not None
    for value, drift in (
        (found.value, stop.drift),
        (found.interval.low, stop.interval.low),
        (found.interval.high, stop.interval.high),
    ):
        k = 4.0 - drift * math.sqrt(8 / 14)
        assert value == pytest.approx(contrast.difference - k * contrast.se, rel=1e-6)
    # The lift's limit is the R whose z(R) is that k.
    assert found.lift_interval is not None
    ratio = 1 + found.lift_interval.low
    spread = contrast.treatment_variance + ratio**2 * contrast.control_variance
    z = (contrast.treatment - ratio * contrast.control) / math.sqrt(spread)
    assert z == pytest.approx(4.0 - stop.interval.low * math.sqrt(8 / 14), rel=1e-6)


def test_the_interval_of_a_judged_look_is_as_wide_as_its_line() -> None:
    log = daily(plan(), [*WEEK, 0.5, 1.0])
    found = decide(plan(), log).facts.arms[0]
    height = lines_of(plan(), log, "conversion_rate", "coupon")[-1].success
    contrast = log.looks[-1].evidence[0].contrast

    assert found.raw is not None
    assert height == pytest.approx(stopping_lines(plan(), (7 / 14, 8 / 14)).upper[-1])
    assert found.raw.interval.high == pytest.approx(
        contrast.difference + (height or 0) * contrast.se
    )
    assert found.largest_k == pytest.approx(height)
    assert found.corrected is None


@pytest.mark.parametrize("z", [26.0, 400.0])
def test_a_difference_beyond_all_chance_needs_no_correction(z: float) -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5, z]))

    found = verdict.facts.arms[0]
    assert verdict.kind == "ship"
    assert found.corrected is None
    assert found.raw is not None
    assert verdict.number == Percent(found.raw.lift or 0, signed=True)


def test_a_correction_that_fails_is_no_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise NoAnswer("drift: none")

    monkeypatch.setattr(arm_facts, "estimate_at_stop", fails)

    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5, 4.0]))

    assert verdict.kind == "ship"
    assert verdict.facts.arms[0].corrected is None


def test_between_two_judging_looks_the_interval_is_that_of_the_last_that_judged() -> None:
    made = plan(decide="weekly")
    log = daily(made, [*WEEK, 1.0, 1.5, 1.6])

    verdict = decide(made, log)

    found = verdict.facts.arms[0]
    assert (verdict.kind, verdict.cause) == ("keep_going", "not_yet_judged")
    assert found.raw is not None
    assert found.raw.at == log.looks[6].at
    assert found.raw.value == pytest.approx(log.looks[6].evidence[0].estimate)
    assert verdict.sentence() == "Keep going: the next decision is due on November 15."
    assert verdict.number == Number(5)
    assert verdict.next_due == 14
    early = decide(made, daily(made, [1.0] * 3)).facts.arms[0]
    assert early.raw is not None
    assert early.raw.interval.high == math.inf
    assert (early.meter, early.gives_up) == (0.0, False)


def test_no_gain_gives_the_traffic_back() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, -0.5]))

    assert (verdict.kind, verdict.cause) == ("stop_futile", "hopeless")
    assert verdict.action.key == "action.free"
    assert isinstance(verdict.number, Percent)
    assert verdict.number.value < 0.1
    assert (verdict.advised_day, verdict.decided_day, verdict.next_due) == (7, None, 8)


def test_advice_to_give_up_keeps_its_words_and_says_that_the_campaign_still_runs() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, -0.5]))
    later = decide(plan(), daily(plan(), [*WEEK, -0.5, 1.0, 1.5]))
    ended = decide(plan(), daily(plan(), [*WEEK, -0.5, *[1.5] * 7]))

    assert later.sentence() == ended.sentence() == once.sentence()
    assert (once.news(), later.advised_day) == ((), 7)
    assert later.news() == ("Advised to stop on November 8; still running on November 10.",)
    assert ended.news() == (
        "Advised to stop on November 8; the campaign ended on November 15 without a winner.",
    )
    assert ended.next_due is None


def test_the_end_without_a_winner_says_how_much_was_seen() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [1.5] * 13 + [1.9]))

    assert (verdict.kind, verdict.cause) == ("inconclusive", "ended")
    assert verdict.sentence().startswith("Undecided: the plan has ended and coupon is not clearly")
    assert verdict.facts.outlook is None
    assert verdict.facts.arms[0].corrected is not None


def test_an_open_race_forecasts_its_days() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 2.2]))

    view = verdict.facts.outlook
    assert verdict.kind == "keep_going"
    assert view is not None
    assert view.end == "2026-11-15"
    assert view.days_left in range(2, 7)
    assert isinstance(verdict.number, Number)
    assert verdict.number.value == view.days_left
    assert keys(verdict)[:2] == ["reason.chances", "reason.meter"]
    days = [day for day in view.days if day is not None]
    assert days == sorted(days)


def test_the_chance_to_win_at_the_one_look_ahead_has_a_closed_form() -> None:
    made = plan(decide="weekly")
    log = daily(made, [0.5] * 12 + [1.6])
    view = decide(made, log).facts.outlook

    assert view is not None
    drift, time = with_drift(made).drift or 0.0, 13 / 14
    line = stopping_lines(made, (0.5, 1.0)).upper[-1]
    away = line - 1.6 * math.sqrt(time) - drift * (1 - time)
    assert view.conditional_power == pytest.approx(
        stats.norm.sf(away / math.sqrt(1 - time)), abs=1e-6
    )


def test_a_forecast_that_fails_is_no_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise NoAnswer("no drift up to 40 reaches it")

    log = daily(plan(), [*WEEK, 2.2])
    monkeypatch.setattr(outlook, "forecast", fails)

    verdict = decide(plan(), log)

    assert verdict.kind == "keep_going"
    assert verdict.facts.outlook is None
    assert verdict.headline.key == "verdict.running"


def test_an_unlikely_answer_is_called_unlikely() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, 1.2]))

    assert verdict.headline.key == "verdict.running_long"
    assert "reason.end" not in keys(verdict)  # the headline tells the day
    assert verdict.action.key == "action.wait"


def test_without_a_hope_the_traffic_may_be_freed_though_the_plan_does_not_ask_for_it() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, -1.9]))

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
    made = plan(minimum_days=1)
    found = evidence("conversion_rate", "coupon", 2.7, 1)
    log = LookLog.begin(made).add(made, look(made, 1, found, per_day=14_000))

    verdict = decide(made, log)

    view = verdict.facts.outlook
    assert view is not None
    assert view.days == ("2026-11-03",) * 3
    assert verdict.sentence() == "Keep going: about 1 more day until a decision."
    assert keys(verdict)[0] == "reason.end"


def test_what_comes_after_a_win_stands_beside_it_and_changes_nothing() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, 4.0]))
    since = decide(plan(), daily(plan(), [*WEEK, 4.0, *[3.0] * 6, 3.5]))
    turned = decide(plan(), daily(plan(), [*WEEK, 4.0, 1.0, -1.0, -4.5]))

    for later in (since, turned):
        assert (later.kind, later.number, later.sentence()) == (
            once.kind, once.number, once.sentence()
        )  # fmt: skip
        assert later.reasons == once.reasons
        assert later.facts == once.facts
        assert later.decided_day == 7
    assert [message.key for message in since.since] == ["since.figure"]
    assert since.since[0].figure("day") == Day("2026-11-15")
    assert [message.key for message in turned.since] == ["since.harm", "since.turned"]
    assert "has shown harm: coupon makes conversion rate worse" in turned.news()[0]


def test_news_of_a_winner_names_a_guardrail_that_was_harmed_since() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    for day, rail_z in ((7, 9.0), (8, -90.0)):
        won = evidence("conversion_rate", "coupon", 4.0, day)
        rail = evidence("revenue_per_visitor", "coupon", rail_z, day, se=0.02, control=2.0)
        # On the second day conversion cannot be compared: there is no figure of it to tell.
        log = log.add(made, look(made, day, *((won, rail) if day == 7 else (rail,))))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.decided_day) == ("ship", 7)
    assert [message.key for message in verdict.since] == ["since.harm"]
    assert "revenue per visitor" in verdict.news()[0]


def test_a_metric_that_is_mature_before_the_others_has_no_pace_yet() -> None:
    made = plan(decide="weekly", window_days=3, maximum_days=28, minimum_days=1)
    early = replace(
        look(made, 2, per_day=0),
        evidence=(evidence("conversion_rate", "coupon", 1.0, 2, events=(60, 60)),),
    )

    verdict = decide(made, LookLog.begin(made).add(made, early))

    assert (verdict.cause, verdict.facts.outlook) == ("not_yet_judged", None)


def test_harm_and_an_end_without_a_winner_tell_their_two_figures_too() -> None:
    made = plan(futility=None)
    hurt = decide(made, daily(made, [*WEEK, 0.5, -5.0]))
    ended = decide(made, daily(made, [1.5] * 13 + [1.9]))

    assert (hurt.kind, keys(hurt)[0]) == ("stop_harm", "reason.corrected")
    assert (ended.cause, keys(ended)[0]) == ("ended", "reason.corrected")
    assert hurt.reasons[0].figure("lift") == hurt.number
    assert ended.reasons[0].figure("lift") == ended.number


def test_harm_between_two_judging_looks_has_the_width_of_the_daily_line() -> None:
    made = plan(decide="weekly")
    log = daily(made, [*WEEK, 0.5, -5.0])
    verdict = decide(made, log)
    line = lines_of(made, log, "conversion_rate", "coupon")[-1]
    contrast = log.looks[-1].evidence[0].contrast

    found = verdict.facts.arms[0]
    assert (verdict.kind, verdict.decided_day) == ("stop_harm", 8)
    assert line.success is None
    assert line.harm is not None
    assert found.raw is not None
    assert found.raw.interval.high == pytest.approx(contrast.difference - line.harm * contrast.se)
    assert found.corrected is not None
    assert found.corrected.interval.high < 0


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_at_a_first_look_there_is_nothing_to_correct(direction: str) -> None:
    metric = replace(CR, direction=direction)  # type: ignore[arg-type]  # one of the two
    made = plan(metrics=(metric,))
    sign = 1 if direction == "higher" else -1
    # As with a score test: the z is not the estimate over the error of its interval.
    found = replace(
        evidence("conversion_rate", "coupon", sign * 4.0, 7),
        contrast=Contrast(0.03, 0.03 + sign * 0.009, 1e-6, 1e-6),
    )

    verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, found)))

    corrected = verdict.facts.arms[0].corrected
    assert corrected is not None
    assert corrected.value == pytest.approx(sign * 0.009, abs=1e-9)
    assert keys(verdict)[0] == "reason.false_alarm"


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


def test_a_flat_forecast_needs_no_prior() -> None:
    made = plan(prior_sd=None)

    verdict = decide(made, daily(made, [*WEEK, 2.2]))

    assert verdict.facts.outlook is not None
    assert verdict.facts.outlook.predictive_power > 0.5


def test_before_anybody_is_mature_there_is_no_pace_and_no_forecast() -> None:
    made = plan(window_days=3, decide="weekly", maximum_days=28)
    log = LookLog.begin(made).add(made, look(made, 1, per_day=0))

    verdict = decide(made, log)

    assert (verdict.cause, verdict.facts.outlook) == ("days", None)
    assert verdict.facts.sample_ratio.observed == 0.5


def test_a_verdict_is_plain_json() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 2.2]))

    read = json.loads(verdict.to_json())

    assert read["kind"] == "keep_going"
    assert read["headline"]["key"] == verdict.headline.key
    assert math.isfinite(read["facts"]["arms"][0]["z"])
    nothing = decide(plan(), daily(plan(), [*WEEK, 4.0], control=0.0))
    assert json.loads(nothing.to_json())["facts"]["arms"][0]["raw"]["no_lift"] == "control_zero"


def test_only_the_lines_of_a_comparison_s_own_looks_tie_its_estimate() -> None:
    """A look below the minimum of converters was none: at the next one nothing is corrected."""
    made = plan()
    log = LookLog.begin(made)
    few = look(made, 7, evidence("conversion_rate", "coupon", 0.0, 7), converters=0.001)
    log = log.add(made, few)
    log = log.add(made, look(made, 8, evidence("conversion_rate", "coupon", 4.0, 8)))

    found = decide(made, log).facts.arms[0]

    assert found.corrected is not None
    assert found.raw is not None
    assert found.corrected.value == pytest.approx(found.raw.value)
    alone = estimate_at_stop(Boundaries((8 / 14,), (-2.0,), (2.0,)), z=4.0)
    contrast = log.looks[-1].evidence[0].contrast
    k = 4.0 - alone.interval.low * math.sqrt(8 / 14)
    assert found.corrected.interval.low == pytest.approx(contrast.difference - k * contrast.se)

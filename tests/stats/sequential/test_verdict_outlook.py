"""An open race has a forecast: when a decision is to be expected, and how likely it is."""

import math
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from fairlift_stats.locale import LANGUAGES
from fairlift_stats.messages import Number, Percent
from fairlift_stats.sequential.errors import NoAnswer
from fairlift_stats.sequential.group_sequential.forecast import forecast
from fairlift_stats.sequential.lines import stopping_lines, with_drift
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.verdict import decide, outlook
from scipy import stats

from tests.stats.sequential.shop import WEEK, daily, evidence, keys, look, plan


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


def test_advice_without_a_forecast_names_no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise NoAnswer("no drift up to 40 reaches it")

    log = daily(plan(), [*WEEK, 0.0])
    advised = decide(plan(), log)
    monkeypatch.setattr(outlook, "forecast", fails)

    verdict = decide(plan(), log)

    assert advised.headline.key == "verdict.hopeless"
    assert (verdict.kind, verdict.cause) == (advised.kind, advised.cause)
    assert (verdict.kind, verdict.headline.key) == ("stop_futile", "verdict.hopeless_bare")
    for language in LANGUAGES:
        assert "%" not in verdict.sentence(language)


def test_an_unlikely_answer_is_called_unlikely() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, 1.2]))

    assert verdict.headline.key == "verdict.running_long"
    assert "reason.end" not in keys(verdict)  # the headline tells the day
    assert verdict.action.key == "action.wait"


def test_without_a_hope_the_plan_alone_may_advise_to_stop() -> None:
    made = plan(futility=None)
    verdict = decide(made, daily(made, [*WEEK, -1.9]))

    assert verdict.facts.outlook is not None
    assert verdict.facts.outlook.predictive_power < 0.01
    assert (verdict.kind, verdict.cause) == ("keep_going", "running")
    assert (verdict.headline.key, verdict.action.key) == (
        "verdict.running_faint",
        "action.wait",
    )
    assert verdict.number == Percent(0.01, 0)
    for language in LANGUAGES:
        assert not re.search(r"\b0\s?%", verdict.sentence(language))


def test_the_headline_names_no_later_day_than_the_forecast() -> None:
    """A variant that will hardly win may be given up soon: the two said different days then."""
    for made in (plan(futility=None), plan(), plan(decide="weekly"), plan(minimum_days=12)):
        for height in (-2.3, -1.9, -1.0, 0.0, 0.5, 1.2, 2.2):
            verdict = decide(made, daily(made, [*WEEK, height]))
            view = verdict.facts.outlook
            if view is None or verdict.kind != "keep_going":
                continue
            says_end = "end" in dict(verdict.headline.figures)
            middle = view.days[1]
            # What names the end of the plan says that a decision before it is less likely than not.
            assert not (says_end and middle is not None), (height, verdict.sentence())
            if verdict.headline.key in ("verdict.running_days", "verdict.running_faint_days"):
                days = dict(verdict.headline.figures)["days"]
                assert isinstance(days, Number)
                last = date.fromisoformat(verdict.facts.at[:10])
                assert middle == (last + timedelta(days=int(days.value))).isoformat()


def test_a_variant_that_is_soon_given_up_has_the_days_of_the_forecast() -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5]))

    view = verdict.facts.outlook
    assert view is not None
    assert view.days[1] == "2026-11-09"  # half of the chances, long before the plan's end
    assert view.end == "2026-11-15"
    assert verdict.headline.key == "verdict.running_faint_days"
    assert verdict.sentence().startswith(
        "Keep going: about 1 more day until a decision, most likely to give up "
    )
    assert keys(verdict)[:2] == ["reason.chances", "reason.meter"]


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


def test_a_metric_that_is_mature_before_the_others_has_no_pace_yet() -> None:
    made = plan(decide="weekly", window_days=3, maximum_days=28, minimum_days=1)
    early = replace(
        look(made, 2, per_day=0),
        evidence=(evidence("conversion_rate", "coupon", 1.0, 2, events=(60, 60)),),
    )

    verdict = decide(made, LookLog.begin(made).add(made, early))

    assert (verdict.cause, verdict.facts.outlook) == ("not_yet_judged", None)


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


def test_a_year_of_daily_looks_is_forecast_to_the_day_on_a_part_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = plan(engine="always_valid", maximum_days=200, n_max=400_000)
    log = daily(made, [1.6] * 12)
    asked = []

    def counted(lines: Any, **more: Any) -> Any:
        asked.append(len(lines.times) - 1)
        return forecast(lines, **more)

    monkeypatch.setattr(outlook, "forecast", counted)
    sparse = decide(made, log).facts.outlook
    monkeypatch.setattr(outlook, "sparse_looks", lambda count: tuple(range(count)))
    exact = decide(made, log).facts.outlook

    assert sparse is not None
    assert exact is not None
    assert asked[0] < asked[1] / 1.5
    assert asked[1] == len(sparse.looks) == len(exact.looks)
    for ours, other in zip(sparse.days, exact.days, strict=True):
        assert (ours is None) == (other is None)
        if ours is not None and other is not None:
            assert abs(date.fromisoformat(ours) - date.fromisoformat(other)) <= timedelta(days=1)
    for ahead, same in zip(sparse.looks, exact.looks, strict=True):
        assert ahead.decided == pytest.approx(same.decided, abs=0.005)
        assert ahead.line == same.line

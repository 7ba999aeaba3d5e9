import json
import math
import re
from dataclasses import replace

import pytest
from fairlift_stats.locale import LANGUAGES
from fairlift_stats.messages import Number, Percent
from fairlift_stats.sequential.errors import BadLook, NotANumber, PlanChanged
from fairlift_stats.sequential.guards import days_to_wait, guarded_z, hall_transform
from fairlift_stats.sequential.looks import ArmCount, Cell, LookLog
from fairlift_stats.sequential.plan import PlannedMetric
from fairlift_stats.verdict import Verdict, decide
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.sequential.shop import CR, RPV, daily, evidence, look, plan

WEEK = [0.0] * 6


def keys(verdict: Verdict) -> list[str]:
    return [reason.key for reason in verdict.reasons]


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
    assert keys(verdict)[:2] == ["reason.false_alarm", "reason.corrected"]
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


def test_before_a_week_success_waits_but_harm_does_not() -> None:
    ahead = decide(plan(), daily(plan(), [5.0] * 3))
    hurt = decide(plan(), daily(plan(), [-5.0] * 3))

    assert (ahead.kind, ahead.cause) == ("do_not_trust", "days")
    assert ahead.number == Number(3)
    assert (hurt.kind, hurt.cause, hurt.variant) == ("stop_harm", "harm", "coupon")
    assert keys(hurt) == ["reason.false_alarm", "reason.harm_early"]
    assert "reason.harm_early" not in keys(decide(plan(), daily(plan(), [-5.0] * 7)))
    assert hurt.facts.comparisons[0].corrected is not None
    assert hurt.facts.comparisons[0].corrected.interval.high < 0


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
    assert verdict.sentence() == "Keep going: about 1 more day."
    assert keys(verdict)[0] == "reason.end"


def test_a_win_of_an_earlier_day_says_that_its_figure_is_of_then() -> None:
    once = decide(plan(), daily(plan(), [*WEEK, 4.0]))
    since = decide(plan(), daily(plan(), [*WEEK, 4.0, *[3.0] * 6, 3.5]))

    assert "reason.corrected" in keys(once)
    assert since.kind == "ship"
    assert since.number == once.number
    (raw,) = (r.figure("raw") for r in since.reasons if r.key == "reason.corrected_then")
    assert since.facts.comparisons[0].raw is not None
    assert raw == Percent(since.facts.comparisons[0].raw.lift or 0, signed=True)


def test_a_broken_split_forbids_every_verdict() -> None:
    made = plan()
    log = daily(made, WEEK)
    units = {"control": 7000, "coupon": 7700}
    log = log.add(made, look(made, 7, evidence("conversion_rate", "coupon", 6.0, 7), units=units))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause, verdict.variant) == ("do_not_trust", "split", None)
    assert verdict.facts.split.check.blocks
    assert verdict.facts.split.chi_square_p < 0.001
    assert verdict.facts.split.worst_arm == "control"
    assert keys(verdict)[-1] == "reason.split_broken"
    assert verdict.action.key == "action.fix_split"


def test_a_split_that_is_broken_on_one_platform_only_is_noticed() -> None:
    made = plan()
    log = LookLog.begin(made)
    cells = (Cell("ios", (2200, 1800)), Cell("web", (4800, 5200)))
    whole = look(made, 7, evidence("conversion_rate", "coupon", 4.0, 7))

    even = decide(made, log.add(made, whole))
    broken = decide(made, log.add(made, replace(whole, cells=cells)))
    again = LookLog.from_json(log.add(made, replace(whole, cells=cells)).to_json())

    assert even.kind == "ship"
    assert (broken.kind, broken.cause) == ("do_not_trust", "split")
    assert decide(made, again).to_json() == broken.to_json()


def test_an_odd_split_is_only_mentioned() -> None:
    made = plan()
    log = daily(made, WEEK)
    units = {"control": 6810, "coupon": 7190}
    log = log.add(made, look(made, 7, evidence("conversion_rate", "coupon", 4.0, 7), units=units))

    verdict = decide(made, log)

    assert verdict.kind == "ship"
    assert keys(verdict)[-1] == "reason.split_odd"


@pytest.mark.parametrize(
    ("needs", "key"),
    [("converters", "verdict.few_converters"), ("orders", "verdict.few_orders")],
)
def test_few_buyers_or_orders_decide_nothing(needs: str, key: str) -> None:
    metric = PlannedMetric("revenue_per_visitor", unit="money", needs=needs)  # type: ignore[arg-type]
    made = plan(metrics=(metric,))
    log = LookLog.begin(made).add(
        made,
        look(
            made,
            8,
            evidence("revenue_per_visitor", "coupon", -9.0, 8),
            converters=0.002,
            orders=0.002,
        ),
    )

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause) == ("do_not_trust", "few")
    assert verdict.headline.key == key
    assert verdict.facts.comparisons[0].crossing is None


def test_a_metric_that_needs_nothing_is_judged_at_once() -> None:
    made = plan(metrics=(PlannedMetric("nps", unit="count", needs="nothing"),))
    log = LookLog.begin(made).add(
        made, look(made, 7, evidence("nps", "coupon", 6.0, 7), converters=0, orders=0)
    )

    assert decide(made, log).kind == "ship"


def test_a_count_that_is_needed_must_be_given() -> None:
    made = plan()
    bare = tuple(ArmCount(arm, 7000) for arm in made.arms)
    log = LookLog.begin(made).add(
        made,
        replace(look(made, 7, evidence("conversion_rate", "coupon", 1.0, 7)), counts=bare),
    )

    with pytest.raises(NotANumber, match="conversion_rate needs them"):
        decide(made, log)


def test_a_metric_that_cannot_say_yet_decides_nothing() -> None:
    made = plan()
    log = LookLog.begin(made).add(made, look(made, 7))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause) == ("do_not_trust", "no_answer")
    assert verdict.facts.outlook is None


def test_less_is_better_where_the_metric_says_so() -> None:
    metric = PlannedMetric("refund_rate", direction="lower")
    made = plan(metrics=(metric,))

    verdict = decide(made, daily(made, [*WEEK, -4.0], metric="refund_rate"))
    found = verdict.facts.comparisons[0].corrected

    assert verdict.kind == "ship"
    assert found is not None
    assert found.interval.high < 0
    assert decide(made, daily(made, [*WEEK, 4.0], metric="refund_rate")).kind == "stop_harm"


def _with_rail(rail_z: float, primary_z: float, *, last: int = 7, rail_se: float = 0.05) -> Verdict:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    for day in range(1, last + 1):
        log = log.add(
            made,
            look(
                made,
                day,
                evidence("conversion_rate", "coupon", primary_z if day == last else 1.5, day),
                evidence("revenue_per_visitor", "coupon", rail_z, day, se=rail_se, control=2.0),
            ),
        )
    return decide(made, log)


def test_a_harmed_guardrail_stops_a_winner() -> None:
    verdict = _with_rail(-4.0, 4.0)

    assert (verdict.kind, verdict.cause) == ("stop_harm", "guardrail_harm")
    assert verdict.facts.guardrails[0].harmed
    assert keys(verdict) == ["reason.guardrail_harmed"]


def test_a_guardrail_not_shown_safe_holds_a_winner_back() -> None:
    going = _with_rail(-1.0, 4.0, rail_se=0.4)
    ended = _with_rail(-1.0, 4.0, last=14, rail_se=0.4)
    safe = _with_rail(0.0, 4.0)

    assert (going.kind, going.cause) == ("keep_going", "unsafe")
    assert (ended.kind, ended.cause) == ("stop_futile", "unsafe_at_end")
    assert "reason.guardrail_open" in keys(going)
    assert safe.kind == "ship"
    assert "reason.guardrail_passes" in keys(safe)


def test_a_guardrail_without_margin_only_raises_the_alarm() -> None:
    made = plan(metrics=(CR, replace(RPV, margin=None)), engine="always_valid")
    log = LookLog.begin(made).add(
        made,
        look(
            made,
            7,
            evidence("conversion_rate", "coupon", 5.0, 7),
            evidence("revenue_per_visitor", "coupon", -1.0, 7, control=2.0),
        ),
    )

    verdict = decide(made, log)

    assert verdict.kind == "ship"
    assert verdict.facts.guardrails[0].harm_line < -2.5


def test_a_guardrail_that_cannot_say_is_not_safe() -> None:
    made = plan(metrics=(CR, RPV))
    log = daily(made, [*WEEK, 4.0])

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause) == ("keep_going", "unsafe")
    assert verdict.facts.guardrails[0].z is None
    assert decide(made, log).headline.key == "verdict.unsafe"


def test_of_several_arms_the_best_winner_ships_and_a_loser_is_dropped() -> None:
    made = plan(arms=("control", "a", "b", "c"), n_max=56_000)
    log = LookLog.begin(made)
    for day in range(1, 8):
        zs = {"a": 4.5, "b": 4.9, "c": -5.0} if day == 7 else {"a": 1.0, "b": 1.0, "c": -1.0}
        found = (evidence("conversion_rate", arm, z, day) for arm, z in zs.items())
        log = log.add(made, look(made, day, *found, per_day=4000))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.variant) == ("ship", "b")
    assert keys(verdict)[-1] == "reason.drop"
    assert verdict.facts.confidence == pytest.approx(1 - 0.05 / 3)


def test_all_arms_that_hurt_stop_the_campaign_by_the_worst() -> None:
    made = plan(arms=("control", "a", "b"))
    log = LookLog.begin(made)
    found = (evidence("conversion_rate", arm, z, 3) for arm, z in (("a", -5.0), ("b", -6.0)))
    log = log.add(made, look(made, 3, *found))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.variant) == ("stop_harm", "b")


def test_capped_tickets_in_an_uneven_split_are_judged_without_their_skew() -> None:
    metric = PlannedMetric("average_ticket", unit="money", needs="orders")
    made = plan(metrics=(metric,), shares=(0.9, 0.1))
    one = look(made, 7, per_day=4000, orders=0.4)
    skewed = evidence("average_ticket", "coupon", -3.0, 7, skew=0.3, capped=True)

    capped = guarded_z(made, one, metric, skewed)
    raw = guarded_z(made, one, metric, replace(skewed, capped=False))
    mild = guarded_z(made, one, metric, replace(skewed, capped=False, skew=0.01))
    even = guarded_z(made, look(plan(), 7), metric, replace(skewed, capped=False))

    assert capped.z == hall_transform(-3.0, 0.3)
    assert capped.z > -3
    assert (raw.z, raw.trusted) == (-3.0, False)
    assert mild.trusted
    assert (even.z, even.trusted) == (-3.0, True)


def test_uncapped_tickets_in_an_uneven_split_decide_nothing() -> None:
    metric = PlannedMetric("average_ticket", unit="money", needs="orders")
    made = plan(metrics=(metric,), shares=(0.9, 0.1))
    found = evidence("average_ticket", "coupon", -9.0, 7, skew=0.3)
    log = LookLog.begin(made).add(made, look(made, 7, found, orders=0.4))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause) == ("do_not_trust", "skew")
    assert verdict.number == Percent(0.1, 0)
    assert verdict.action.key == "action.cap"


def test_exact_conversions_need_no_minimum() -> None:
    made = plan(engine="exact_conversion", planned_converters=100, minimum_days=0)
    log = LookLog.begin(made)

    def seen(control: int, treatment: int) -> LookLog:
        counts = (ArmCount("control", 1000, control), ArmCount("coupon", 1000, treatment))
        return log.add(made, replace(look(made, 7), counts=counts))

    won, lost, none, new = seen(1, 22), seen(22, 1), seen(0, 0), seen(0, 3)

    verdict = decide(made, won)

    assert verdict.kind == "ship"
    assert verdict.facts.comparisons[0].corrected is not None
    assert verdict.facts.comparisons[0].corrected.lift == pytest.approx(21)
    assert decide(made, lost).kind == "stop_harm"
    assert decide(made, none).cause == "no_answer"
    assert decide(made, new).facts.comparisons[0].corrected is None


def test_open_ended_plans_go_on_past_their_tuning() -> None:
    made = plan(engine="always_valid")
    log = LookLog.begin(made).add(
        made, look(made, 70, evidence("conversion_rate", "coupon", 1.0, 70))
    )

    verdict = decide(made, log)

    assert verdict.kind == "keep_going"
    assert verdict.headline.key == "verdict.running"
    won = log.add(made, look(made, 77, evidence("conversion_rate", "coupon", 4.0, 77)))
    assert decide(made, won).kind == "ship"
    assert keys(decide(made, won)) == ["reason.false_alarm"]


def test_a_reserve_ends_at_twice_the_plan() -> None:
    made = plan(reserve_alpha=0.01, futility=None)
    log = daily(made, [0.5] * 14)

    longer = log.add(made, look(made, 27, evidence("conversion_rate", "coupon", 0.5, 27)))
    ended = longer.add(made, look(made, 28, evidence("conversion_rate", "coupon", 0.5, 28)))

    assert decide(made, log).kind == "keep_going"
    assert decide(made, longer).kind == "keep_going"
    assert decide(made, ended).cause == "ended"


@pytest.mark.parametrize("engine", ["yeast", "fixed"])
def test_a_hopeless_race_is_given_up_by_engines_without_a_line_for_it(engine: str) -> None:
    made = plan(engine=engine)
    stubborn = plan(engine=engine, futility=None)

    assert decide(made, daily(made, [0.0] * 10 + [-1.0])).cause == "hopeless"
    assert decide(stubborn, daily(stubborn, [0.0] * 10 + [-1.0])).cause == "running"


def test_a_fixed_test_decides_only_at_its_end() -> None:
    made = plan(engine="fixed")

    assert decide(made, daily(made, [*WEEK, 5.0])).kind == "keep_going"
    assert decide(made, daily(made, [2.5] * 14)).kind == "ship"
    assert decide(made, daily(made, [*WEEK, 5.0])).facts.comparisons[0].meter == 0
    early = json.loads(decide(made, daily(made, [*WEEK, 5.0])).to_json())
    assert early["facts"]["comparisons"][0]["raw"]["interval"] == {"low": None, "high": None}


def test_bayesian_stopping_shrinks_and_risks_little() -> None:
    made = plan(engine="bayes_expected_loss", loss_threshold=0.002)

    won = decide(made, daily(made, [*WEEK, 5.0], se=0.0008))
    kept = decide(made, daily(made, [*WEEK, -5.0], se=0.0008))
    open_ = decide(made, daily(made, [*WEEK, 0.3], se=0.0008))

    found = won.facts.comparisons[0]
    assert won.kind == "ship"
    assert found.loss is not None
    assert found.loss[0] < 0.002
    assert found.corrected is not None
    assert found.raw is not None
    assert 0 < found.corrected.value < found.raw.value
    assert keys(won)[0] == "reason.loss"
    assert (kept.kind, kept.cause) == ("stop_futile", "no_gain")
    assert open_.kind == "keep_going"
    assert open_.facts.outlook is None


def test_without_a_control_figure_there_is_no_lift_but_a_difference() -> None:
    for engine in ("group_sequential", "bayes_expected_loss"):
        made = plan(engine=engine, metrics=(replace(CR, unit="money", needs="converters"),))
        verdict = decide(made, daily(made, [*WEEK, 4.0], control=0.0))
        found = verdict.facts.comparisons[0]

        assert found.raw is not None
        assert found.raw.lift is None
    share, count = (
        decide(
            plan(metrics=(replace(CR, unit=unit),)),
            daily(plan(metrics=(replace(CR, unit=unit),)), [*WEEK, 4.0], control=0.0),
        )
        for unit in ("share", "count")
    )
    assert isinstance(share.number, Percent)
    assert isinstance(count.number, Number)


def test_a_flat_forecast_needs_no_prior() -> None:
    made = plan(prior_sd=None)

    verdict = decide(made, daily(made, [*WEEK, 2.2]))

    assert verdict.facts.outlook is not None
    assert verdict.facts.outlook.predictive_power > 0.5


def test_several_primaries_share_the_error_and_any_may_win() -> None:
    made = plan(metrics=(CR, PlannedMetric("cart_rate")))
    log = LookLog.begin(made)
    for day in range(1, 8):
        log = log.add(
            made,
            look(
                made,
                day,
                evidence("conversion_rate", "coupon", 0.5, day),
                evidence("cart_rate", "coupon", 4.5, day),
            ),
        )

    verdict = decide(made, log)

    assert made.level == pytest.approx(0.0125)
    assert verdict.kind == "ship"
    assert dict(verdict.headline.figures)["metric"].name == "cart_rate"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("day", "whole", "expected"),
    [(0, True, 7), (7, True, 0), (8, True, 6), (14, True, 0), (8, False, 0), (3, False, 4)],
)
def test_success_waits_for_whole_weeks(day: int, whole: bool, expected: int) -> None:
    assert days_to_wait(plan(whole_weeks=whole), day) == expected


def test_a_minimum_beyond_a_week_is_rounded_up_to_whole_weeks() -> None:
    assert days_to_wait(plan(minimum_days=10), 3) == 11


def test_an_empty_log_and_a_foreign_one_have_no_verdict() -> None:
    with pytest.raises(BadLook, match="is empty"):
        decide(plan(), LookLog.begin(plan()))
    with pytest.raises(PlanChanged):
        decide(plan(alpha=0.01), daily(plan(), [0.0]))


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

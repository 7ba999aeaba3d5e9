"""Broken splits, few buyers, skew or a short calendar: what cannot be trusted decides nothing."""

from dataclasses import replace

import pytest
from fairlift_stats.messages import Message, Names, Number, Percent
from fairlift_stats.sequential.errors import BadLook, NotANumber, PlanChanged
from fairlift_stats.sequential.guards import days_to_wait, guarded_z, hall_transform
from fairlift_stats.sequential.looks import ArmCount, Cell, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import WEEK, daily, evidence, keys, look, plan


def broken_split(made: SequentialPlan) -> LookLog:
    """A winning week, after which one arm has 700 units more than the other."""
    units = {"control": 7000, "coupon": 7700}
    seventh = look(made, 7, evidence("conversion_rate", "coupon", 6.0, 7), units=units)
    return daily(made, WEEK).add(made, seventh)


def test_before_a_week_success_waits_but_harm_does_not() -> None:
    ahead = decide(plan(), daily(plan(), [5.0] * 3))
    hurt = decide(plan(), daily(plan(), [-5.0] * 3))

    assert (ahead.kind, ahead.cause) == ("do_not_trust", "days")
    assert ahead.number == Number(3)
    assert (hurt.kind, hurt.cause, hurt.variant) == ("stop_harm", "harm", "coupon")
    assert keys(hurt) == ["reason.corrected_then", "reason.false_alarm", "reason.harm_early"]
    assert "reason.harm_early" not in keys(decide(plan(), daily(plan(), [-5.0] * 7)))
    assert hurt.facts.comparisons[0].corrected is not None
    assert hurt.facts.comparisons[0].corrected.interval.high < 0


def test_a_broken_split_forbids_every_verdict() -> None:
    made = plan()
    log = broken_split(made)

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause, verdict.variant) == ("do_not_trust", "split", None)
    assert verdict.facts.split.check.blocks
    assert verdict.facts.split.chi_square_p < 0.001
    assert verdict.facts.split.worst_arm == "control"
    assert keys(verdict) == ["reason.split_broken"]
    assert verdict.action.key == "action.fix_split"


def test_a_broken_split_says_plainly_what_is_missing_and_how_rare_that_is() -> None:
    made = plan()
    log = broken_split(made)

    verdict = decide(made, log)
    later = decide(made, log.add(made, look(made, 8, evidence("conversion_rate", "coupon", 6, 8))))

    # 14,700 in all: 7,350 to each.
    assert verdict.explanations()[0].startswith(
        "control has about 350 visitors fewer than planned. Chance"
    )
    odds = verdict.reasons[0].figure("odds")
    assert isinstance(odds, Number)
    assert odds.value <= verdict.facts.split.check.largest < 10 * odds.value
    assert str(int(odds.value)).rstrip("0") in "123456789"
    # Once broken it stays so, and is told as it was when it broke.
    assert later.sentence() == verdict.sentence()
    assert later.explanations() == verdict.explanations()
    names = Names(unit="customer")
    assert "clienți" in verdict.explanations("ro", names)[0]
    assert "vizitatori" not in verdict.explanations("ro", names)[0]


def test_the_arm_that_has_too_many_is_said_to_have_too_many() -> None:
    made = plan(shares=(0.9, 0.1))
    log = LookLog.begin(made)
    units = {"control": 12_600, "coupon": 1_700}
    log = log.add(made, look(made, 7, evidence("conversion_rate", "coupon", 0, 7), units=units))

    assert "A coupon le sobran unos 270 visitantes" in decide(made, log).explanations("es")[0]


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
    assert broken.headline.key == "verdict.split_in_parts"
    assert broken.reasons[0].figure("gap") == Message.of("split.in_parts")
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

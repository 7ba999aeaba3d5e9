"""Broken splits, few buyers, skew or a short calendar: what cannot be trusted decides nothing."""

from dataclasses import replace

import pytest
from fairlift_stats.messages import Message, Names, Number, Percent
from fairlift_stats.sequential.errors import BadLook, NotANumber, PlanChanged
from fairlift_stats.sequential.guards import hall_inverse, hall_transform, tail_of
from fairlift_stats.sequential.looks import ArmCount, LookLog, TrafficPart
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.sequential.sealed_looks import log_from_json, log_to_json
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
    assert keys(hurt) == ["reason.false_alarm", "reason.harm_early"]
    assert "reason.harm_early" not in keys(decide(plan(), daily(plan(), [*WEEK, -5.0])))
    assert hurt.facts.arms[0].corrected is not None
    assert hurt.facts.arms[0].corrected.interval.high < 0


def test_a_broken_split_forbids_every_verdict() -> None:
    made = plan()
    log = broken_split(made)

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause, verdict.variant) == ("do_not_trust", "split", None)
    assert verdict.facts.sample_ratio.check.blocks
    assert verdict.facts.sample_ratio.chi_square_p < 0.001
    assert verdict.facts.sample_ratio.worst_arm == "control"
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
    assert odds.value <= verdict.facts.sample_ratio.check.largest < 10 * odds.value
    assert str(int(odds.value)).rstrip("0") in "123456789"
    # Once broken it stays so, and is told as it was when it broke.
    assert later.sentence() == verdict.sentence()
    # What it says is of the look that broke it, and a later page says so.
    assert later.explanations() == tuple(
        text.replace(" planned.", " planned (by the analysis of November 8).")
        for text in verdict.explanations()
    )
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
    parts = (TrafficPart("ios", (2200, 1800)), TrafficPart("web", (4800, 5200)))
    whole = look(made, 7, evidence("conversion_rate", "coupon", 4.0, 7))

    even = decide(made, log.add(made, whole))
    broken = decide(made, log.add(made, replace(whole, parts=parts)))
    again = log_from_json(log_to_json(log.add(made, replace(whole, parts=parts))))

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
    metric = SequentialMetric("revenue_per_visitor", unit="money", needs=needs)  # type: ignore[arg-type]
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
    assert verdict.facts.arms[0].crossing is None


def test_a_metric_that_needs_nothing_is_judged_at_once() -> None:
    made = plan(metrics=(SequentialMetric("nps", unit="count", needs="nothing"),))
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
    metric = SequentialMetric("average_ticket", unit="money", needs="orders")
    made = plan(metrics=(metric,), shares=(0.9, 0.1))
    one = look(made, 7, per_day=4000, orders=0.4)
    skewed = evidence("average_ticket", "coupon", -3.0, 7, skew=0.3, capped=True)

    capped = tail_of(made, one, metric, skewed)
    raw = tail_of(made, one, metric, replace(skewed, capped=False))
    mild = tail_of(made, one, metric, replace(skewed, capped=False, skew=0.01))
    even = tail_of(made, look(plan(), 7), metric, replace(skewed, capped=False))

    assert capped.guarded(-3.0) == hall_transform(-3.0, 0.3) > -3
    assert capped.plain(capped.guarded(-3.0)) == pytest.approx(-3.0)
    assert (raw.guarded(-3.0), raw.trusted) == (-3.0, False)
    assert mild.trusted
    assert (even.plain(even.guarded(-3.0)), even.trusted) == (-3.0, True)


@pytest.mark.parametrize("skew", [0.0, 1e-12, 0.01, -0.2, 0.4])
@pytest.mark.parametrize("z", [-4.0, -0.5, 0.0, 2.5])
def test_the_transform_can_be_taken_back(z: float, skew: float) -> None:
    assert hall_inverse(hall_transform(z, skew), skew) == pytest.approx(z, abs=1e-9)


def test_the_limits_of_a_transformed_z_agree_with_its_line() -> None:
    """The interval leaves zero out exactly when the transformed z is beyond the line."""
    metric = SequentialMetric("average_ticket", unit="money", needs="orders")
    made = plan(metrics=(metric,), shares=(0.9, 0.1))
    line = 2.749966  # HSD(-4) of .025 at t = 1/2
    for shift, kind in ((0.01, "ship"), (-0.01, "keep_going")):
        z = hall_inverse(line + shift, 0.2)
        seen = evidence("average_ticket", "coupon", z, 7, skew=0.2, capped=True, events=(900, 100))
        verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, seen)))

        raw = verdict.facts.arms[0].raw
        assert verdict.kind == kind
        assert raw is not None
        assert (raw.interval.low > 0) == (kind == "ship")


def test_uncapped_tickets_in_an_uneven_split_decide_nothing() -> None:
    metric = SequentialMetric("average_ticket", unit="money", needs="orders")
    made = plan(metrics=(metric,), shares=(0.9, 0.1))
    found = evidence("average_ticket", "coupon", -9.0, 7, skew=0.3)
    log = LookLog.begin(made).add(made, look(made, 7, found, orders=0.4))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause) == ("do_not_trust", "skew")
    assert verdict.number == Percent(0.1, 0)
    assert verdict.action.key == "action.cap"


def test_an_empty_log_and_a_foreign_one_have_no_verdict() -> None:
    with pytest.raises(BadLook, match="is empty"):
        decide(plan(), LookLog.begin(plan()))
    with pytest.raises(PlanChanged):
        decide(plan(alpha=0.01), daily(plan(), [0.0]))

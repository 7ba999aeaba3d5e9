"""Verdicts over several metrics and arms: guardrails hold back, the best winner ships."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.messages import Amount, Day, MetricName, Number, Percent
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, keys, look, plan


def _with_rail(
    rail_z: float,
    primary_z: float,
    *,
    last: int = 7,
    rail_se: float = 0.05,
    rail: SequentialMetric = RPV,
) -> Verdict:
    made = plan(metrics=(CR, rail))
    log = LookLog.begin(made)
    for day in range(1, last + 1):
        log = log.add(
            made,
            look(
                made,
                day,
                evidence("conversion_rate", "coupon", primary_z if day == last else 1.5, day),
                evidence(rail.name, "coupon", rail_z, day, se=rail_se, control=2.0),
            ),
        )
    return decide(made, log)


def test_a_harmed_guardrail_stops_a_winner() -> None:
    # 35 orders an arm and day: on the third day there are a hundred in each.
    verdict = _with_rail(-12.0, 4.0)

    assert (verdict.kind, verdict.cause) == ("stop_harm", "guardrail_harm")
    assert verdict.facts.guardrails[0].state == "harmed"
    assert verdict.decided_day == 3
    assert keys(verdict)[0] == "reason.harm_early"
    assert "reason.guardrail_harmed" in keys(verdict)
    assert verdict.metric == "revenue_per_visitor"


def test_a_guardrail_without_any_figure_is_not_judged_yet() -> None:
    made = plan(metrics=(CR, RPV))
    without = look(made, 1, evidence("conversion_rate", "coupon", 0.5, 1))
    both = look(
        made,
        1,
        evidence("conversion_rate", "coupon", 0.5, 1),
        evidence("revenue_per_visitor", "coupon", 0.5, 1, control=2.0),
    )

    unknown, young = (decide(made, LookLog.begin(made).add(made, one)) for one in (without, both))

    assert (unknown.kind, young.kind) == ("do_not_trust", "do_not_trust")
    assert "reason.guardrail_not_judged" in keys(unknown)
    assert "reason.guardrail_not_safe" not in keys(unknown)
    assert "reason.guardrail_not_safe" in keys(young)


def test_a_guardrail_not_shown_safe_holds_a_winner_back() -> None:
    going = _with_rail(-0.5, 4.0, rail_se=0.2)
    ended = _with_rail(-0.5, 4.0, last=14, rail_se=0.2)
    safe = _with_rail(0.0, 4.0)

    assert (going.kind, going.cause) == ("keep_going", "unsafe")
    assert (ended.kind, ended.cause) == ("inconclusive", "unsafe_at_end")
    assert "reason.guardrail_open" in keys(going)
    assert dict(going.headline.figures)["metric"] == MetricName("revenue_per_visitor")
    assert safe.kind == "ship"
    assert "reason.guardrail_passes" in keys(safe)
    assert ended.action.key == "action.keep_control"


@pytest.mark.parametrize(
    ("language", "yet"), [("en", "not yet shown"), ("es", "Aún no"), ("ro", "Încă nu")]
)
def test_only_while_a_campaign_goes_on_is_a_guardrail_not_yet_shown_to_be_safe(
    language: str, yet: str
) -> None:
    going = _with_rail(-0.5, 4.0, rail_se=0.2)
    ended = _with_rail(-0.5, 4.0, last=14, rail_se=0.2)

    assert yet in " ".join(going.explanations(language))
    assert yet not in " ".join(ended.explanations(language))
    assert "reason.guardrail_not_safe" in keys(ended)


def test_an_end_without_proof_of_safety_says_how_many_more_visitors_it_would_have_needed() -> None:
    ended = _with_rail(-0.5, 4.0, last=14, rail_se=0.2)
    rail = ended.facts.guardrails[0]

    message = next(r for r in ended.reasons if r.key == "reason.units_missing")
    assert rail.z is not None
    assert rail.safe_line is not None
    # z grows with the root of the units: 28,000 times (line/z) squared, less those that came.
    expected = math.ceil(28_000 * ((rail.safe_line / rail.z) ** 2 - 1))
    assert message.figure("units") == Number(expected)
    assert "within the margin of 5%" in ended.explanations()[-1]
    beyond = _with_rail(-2.5, 4.0, last=14, rail_se=0.2)
    assert beyond.cause == "unsafe_at_end"
    assert "reason.beyond_margin" in keys(beyond)
    assert beyond.facts.guardrails[0].units_missing is None


def test_an_absolute_margin_is_told_in_money() -> None:
    cost = SequentialMetric(
        "coupon_cost_per_visitor",
        role="guardrail",
        direction="lower",
        unit="money",
        needs="orders",
        absolute_margin=0.6,
    )
    made = plan(metrics=(CR, cost))

    def log(control: float, treatment: float, variance: float) -> LookLog:
        contrast = Contrast(control, treatment, 0.0, variance)
        z = contrast.difference / contrast.se
        rail = Evidence(cost.name, "coupon", z, contrast, 1)
        won = evidence("conversion_rate", "coupon", 4.0, 14)
        return LookLog.begin(made).add(made, look(made, 14, won, rail))

    # A control without coupons costs nothing: .48 a visitor is inside the margin of .60.
    safe, open_ = log(0.0, 0.48, 0.01**2), log(0.0, 0.58, 0.02**2)

    assert decide(made, safe).kind == "ship"
    assert decide(made, safe).facts.guardrails[0].z == pytest.approx((0.6 - 0.48) / 0.01)
    assert decide(made, open_).cause == "unsafe_at_end"
    message = next(r for r in decide(made, open_).reasons if r.key == "reason.units_missing")
    assert message.figure("margin") == Amount(0.6, "EUR")


def test_a_share_of_a_control_at_zero_is_no_question_and_never_safe() -> None:
    verdict = _with_rail(4.0, 4.0, rail=replace(RPV, direction="lower"))
    zero = plan(metrics=(CR, replace(RPV, direction="lower")))
    won = evidence("conversion_rate", "coupon", 4.0, 7)
    rail = evidence("revenue_per_visitor", "coupon", 9.0, 7, control=0.0)
    log = LookLog.begin(zero).add(zero, look(zero, 7, won, rail))

    assert verdict.facts.guardrails[0].z is not None
    found = decide(zero, log)
    assert (found.cause, found.facts.guardrails[0].z) == ("margin", None)
    assert found.facts.guardrails[0].state == "open"


def test_a_guardrail_with_few_events_is_harmed_by_the_exact_test_at_its_margin() -> None:
    """Conversion may be 50 % worse: of 60 buyers 20 are expected in the treatment, not 2."""
    rail = SequentialMetric("first_purchase_rate", role="guardrail", margin=0.5)
    absolute = replace(rail, margin=None, absolute_margin=0.001)

    def state(metric: SequentialMetric, control: int, treatment: int) -> str:
        made = plan(metrics=(CR, metric))
        rates = TwoRates(treatment, 7000, control, 7000)
        variances = [x / 7000**2 for x in (control, max(treatment, 1))]
        contrast = Contrast(
            control / 7000, treatment / 7000, variances[0], variances[1], rates=rates
        )
        found = Evidence(metric.name, "coupon", -3.0, contrast, 14_000, (control, treatment))
        log = LookLog.begin(made).add(made, look(made, 7, found))
        return decide(made, log).facts.guardrails[0].state

    # P(X <= 2) of 60 with 1/3 is 1.7e-08; P(X <= 14) is .064; the line is at z = -1.97.
    assert state(rail, 58, 2) == "harmed"
    assert state(rail, 46, 14) == "open"
    # At half of the level of z = -1.97, 1.2 %, at least 42 of 7,000 are behind 58 buyers and at
    # most 8.8 behind 2: the treatment is .47 points worse or more.
    assert state(absolute, 58, 2) == "harmed"
    assert state(replace(absolute, absolute_margin=0.006), 58, 2) == "open"
    assert state(replace(absolute, absolute_margin=0.003), 46, 14) == "open"


def test_open_ended_plans_have_guardrails_with_lines_of_their_own() -> None:
    made = plan(metrics=(CR, RPV), engine="always_valid")
    won = evidence("conversion_rate", "coupon", 5.0, 7)
    rail = evidence("revenue_per_visitor", "coupon", 1.0, 7, control=2.0)
    log = LookLog.begin(made).add(made, look(made, 7, won, rail))

    verdict = decide(made, log)

    assert verdict.kind == "ship"
    assert (verdict.facts.guardrails[0].harm_line or 0) < -2.5


def test_a_guardrail_that_cannot_say_is_not_safe() -> None:
    made = plan(metrics=(CR, RPV))
    verdict = decide(made, daily(made, [*WEEK, 4.0]))

    assert (verdict.kind, verdict.cause) == ("keep_going", "unsafe")
    assert verdict.facts.guardrails[0].z is None
    assert verdict.facts.guardrails[0].raw is None
    assert verdict.headline.key == "verdict.unsafe"


def test_a_ship_that_waited_tells_both_looks() -> None:
    made = plan(metrics=(CR, RPV), decide="weekly", maximum_days=28)
    log = LookLog.begin(made)
    for day, rail_z in ((7, -5.0), (14, 5.0)):
        log = log.add(
            made,
            look(
                made,
                day,
                evidence("conversion_rate", "coupon", 4.0, day),
                evidence("revenue_per_visitor", "coupon", rail_z, day, se=0.05, control=2.0),
                per_day=1000,
            ),
        )

    verdict = decide(made, log)

    assert (verdict.kind, verdict.decided_day) == ("ship", 14)
    assert keys(verdict)[0] == "reason.waited"
    standing = verdict.facts.arms[0]
    assert (standing.crossed_at, standing.crossed_look) == ("2026-11-08", 1)
    assert standing.raw is not None
    assert standing.raw.at == "2026-11-15"
    assert standing.corrected is not None
    assert standing.corrected.at == "2026-11-08"
    # The figure of the look that ships, and beside it that of the look that won.
    assert verdict.estimate == standing.raw
    shown = dict(verdict.headline.figures)
    assert verdict.headline.key == "verdict.won_waited"
    for key, estimate in (("", standing.raw), ("first", standing.corrected)):
        assert estimate.lift_interval is not None
        names = (key or "lift", *(f"{key}_{end}" if key else end for end in ("low", "high")))
        values = (estimate.lift or 0.0, estimate.lift_interval.low, estimate.lift_interval.high)
        assert [shown[name] for name in names] == [Percent(v, 1, signed=True) for v in values]
    assert shown["day"] == Day("2026-11-08")
    assert "when it won, on November 8, it was" in verdict.sentence()
    assert verdict.explanations()[0].startswith("It won on November 8 and then waited")


def three_arms(zs: dict[str, float], *, day: int = 7) -> tuple[SequentialPlan, LookLog]:
    made = plan(arms=("control", *zs), n_max=56_000, futility=None)
    found = (evidence("conversion_rate", arm, z, day) for arm, z in zs.items())
    return made, LookLog.begin(made).add(made, look(made, day, *found, per_day=4000))


def test_of_several_arms_the_best_winner_ships_and_a_loser_is_dropped() -> None:
    made, log = three_arms({"a": 4.5, "b": 4.9, "c": -5.0})

    verdict = decide(made, log)

    assert (verdict.kind, verdict.variant) == ("ship", "b")
    assert keys(verdict)[-1] == "reason.drop"
    assert verdict.facts.confidence == pytest.approx(1 - 0.05 / 3)


def test_winners_are_ranked_by_their_difference_on_the_first_metric_that_crossed() -> None:
    cart = SequentialMetric("cart_rate")
    made = plan(arms=("control", "a", "b"), metrics=(CR, cart), futility=None)

    def ships(*found: Evidence) -> tuple[str | None, str | None]:
        verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, *found)))
        assert verdict.kind == "ship"
        return verdict.variant, verdict.metric

    small = evidence("conversion_rate", "a", 6.0, 7, se=0.001)
    large = evidence("conversion_rate", "b", 5.0, 7, se=0.01)
    # The larger difference wins, not the larger z.
    assert ships(small, large) == ("b", "conversion_rate")
    # The first primary that crossed decides, however large the difference on the second.
    second = evidence("cart_rate", "b", 8.0, 7, se=0.1)
    assert ships(small, second) == ("a", "conversion_rate")
    assert ships(evidence("cart_rate", "a", 6.0, 7), second) == ("b", "cart_rate")


def test_all_arms_that_hurt_stop_the_campaign_by_the_worst() -> None:
    made, log = three_arms({"a": -5.0, "b": -6.0}, day=3)

    verdict = decide(made, log)

    assert (verdict.kind, verdict.variant, verdict.decided_day) == ("stop_harm", "b", 3)
    assert "reason.harm_early" in keys(verdict)


def test_an_arm_that_hurts_does_not_hold_the_others_back() -> None:
    made, log = three_arms({"a": -6.0, "b": 1.0}, day=3)

    verdict = decide(made, log)

    assert verdict.cause == "days"
    assert keys(verdict) == ["reason.drop"]
    weekly, last = three_arms({"a": -6.0, "b": 5.0})
    assert (decide(weekly, last).kind, decide(weekly, last).variant) == ("ship", "b")


def test_an_arm_with_few_buyers_does_not_hold_the_others_back() -> None:
    made = plan(arms=("control", "a", "b"))
    found = tuple(
        evidence("conversion_rate", arm, 5.0, 7, events=(200, buyers))
        for arm, buyers in (("a", 24), ("b", 25))
    )
    log = LookLog.begin(made).add(made, look(made, 7, *found))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.variant) == ("ship", "b")


def test_several_primaries_share_the_error_and_any_may_win() -> None:
    made = plan(metrics=(CR, SequentialMetric("cart_rate")))
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
    assert dict(verdict.headline.figures)["metric"] == MetricName("cart_rate")
    assert "Still open: conversion rate +2.5%." in verdict.explanations()


def test_a_win_among_buyers_says_that_revenue_over_all_visitors_is_open() -> None:
    ticket = SequentialMetric("average_ticket", unit="money", needs="orders", among_buyers=True)
    rpv = replace(RPV, role="primary", margin=None)

    def decided(*, rpv_z: float) -> Verdict:
        made = plan(metrics=(ticket, rpv))
        found = (
            evidence("average_ticket", "coupon", 5.0, 7, control=40.0),
            evidence("revenue_per_visitor", "coupon", rpv_z, 7, control=2.0),
        )
        return decide(made, LookLog.begin(made).add(made, look(made, 7, *found)))

    assert "reason.among_buyers" in keys(decided(rpv_z=1.0))
    assert "reason.still_open" in keys(decided(rpv_z=1.0))
    assert "reason.among_buyers" not in keys(decided(rpv_z=5.0))
    alone = plan(metrics=(ticket, RPV))
    found = (
        evidence("average_ticket", "coupon", 5.0, 7, control=40.0),
        evidence("revenue_per_visitor", "coupon", 5.0, 7, control=2.0),
    )
    verdict = decide(alone, LookLog.begin(alone).add(alone, look(alone, 7, *found)))
    assert (verdict.kind, "reason.among_buyers" in keys(verdict)) == ("ship", False)


def test_harm_of_a_waiting_winner_prevails() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    for day, z in ((7, 4.0), (8, -6.0)):
        log = log.add(made, look(made, day, evidence("conversion_rate", "coupon", z, day)))

    verdict = decide(made, log)

    assert (verdict.kind, verdict.cause, verdict.decided_day) == ("stop_harm", "harm", 8)
    assert verdict.facts.arms[0].crossing == "harm"
    assert verdict.facts.arms[0].crossed_look == 2

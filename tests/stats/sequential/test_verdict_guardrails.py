"""Verdicts over several metrics and arms: guardrails hold back, the best winner ships."""

from dataclasses import replace

import pytest
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import PlannedMetric
from fairlift_stats.verdict import Verdict, decide

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, keys, look, plan


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

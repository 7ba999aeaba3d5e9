"""Every engine of a plan comes to its own kind of verdict."""

import json
from dataclasses import replace

import pytest
from fairlift_stats.messages import Number, Percent
from fairlift_stats.sequential.looks import ArmCount, LookLog
from fairlift_stats.verdict import decide

from tests.stats.sequential.shop import CR, WEEK, daily, evidence, keys, look, plan


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
    assert keys(won)[:2] == ["reason.shrunk", "reason.loss"]
    assert (kept.kind, kept.cause) == ("stop_futile", "no_gain")
    assert open_.kind == "keep_going"
    assert open_.facts.outlook is None


def test_a_figure_that_nobody_corrected_is_not_called_corrected() -> None:
    bayes = plan(engine="bayes_expected_loss", loss_threshold=0.002)
    later = decide(bayes, daily(bayes, [*WEEK, 5.0, *[4.0] * 7], se=0.0008))
    exact = plan(engine="exact_conversion", planned_converters=100, minimum_days=0)
    log = LookLog.begin(exact)
    for day, bought in ((7, (20, 60)), (14, (90, 110))):
        counts = tuple(
            ArmCount(arm, 1000 * day, n) for arm, n in zip(exact.arms, bought, strict=True)
        )
        rates = [n / (1000 * day) for n in bought]
        found = evidence("conversion_rate", "coupon", 1.0, day, control=rates[0])
        found = replace(found, estimate=rates[1] - rates[0])
        log = log.add(exact, replace(look(exact, day, found), counts=counts))
    once = decide(exact, LookLog(log.plan, log.looks[:1]))

    assert keys(later)[0] == keys(decide(exact, log))[0] == "reason.first_look"
    # One look, one figure: nothing to tell apart.
    assert (once.kind, keys(once)[0]) == ("ship", "reason.false_alarm")
    assert once.number == decide(exact, log).number
    assert isinstance(once.number, Percent)
    assert once.number.value == pytest.approx(60 / 20 - 1)


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

"""What once went wrong in a verdict, each as a small case with its right value."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from fairlift_stats import Analysis, Guardrail, Mean, Rate, Summary
from fairlift_stats.effects import CannotSay, CannotSayCode, Posterior
from fairlift_stats.messages import Amount
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import decide
from scipy import stats

from tests.rules.situations import evidence

CR = SequentialMetric("conversion_rate")
START = date(2026, 11, 2)


def at(day: int) -> str:
    return (START + timedelta(days=day - 1)).isoformat()


def summary(values: Sequence[float]) -> Summary:
    return Summary.from_rows({"m": values})


def rates_look(plan: SequentialPlan, day: int, counts: dict[str, tuple[int, int]]) -> Look:
    """A look of conversion from buyers and units, by way of the report's own comparison."""
    arms = {
        arm: Summary.from_sums(units, {"bought": buyers}, {})
        for arm, (buyers, units) in counts.items()
    }
    metric = Rate("conversion_rate", "bought")
    report = Analysis(primary=(metric,), control=plan.control).report(arms)
    found = [
        evidence_of(
            report["conversion_rate", arm],
            metric,
            arms[plan.control],
            arms[arm],
            events=(counts[plan.control][0], counts[arm][0]),
        )
        for arm in plan.treatments
    ]
    counted = tuple(ArmCount(arm, n, x, x) for arm, (x, n) in counts.items())
    return Look(at(day), day, counted, tuple(e for e in found if e is not None))


def test_the_verdict_s_interval_of_a_lift_is_the_table_s() -> None:
    """Fixed horizon, one look, 30/1000 against 60/1000: the verdict said +38.6 to +161.4 %."""
    plan = SequentialPlan(
        ("control", "coupon"), (CR,), 2_000, engine="fixed", maximum_days=28, sides=2
    )
    look = rates_look(plan, 28, {"control": (30, 1000), "coupon": (60, 1000)})

    found = decide(plan, LookLog.begin(plan).add(plan, look)).facts.arms[0]

    for estimate in (found.raw, found.corrected):
        assert estimate is not None
        assert estimate.lift == pytest.approx(1.0)
        assert estimate.lift_interval is not None
        assert estimate.lift_interval.low == pytest.approx(0.307, abs=5e-4)
        assert estimate.lift_interval.high == pytest.approx(2.065, abs=5e-4)


def test_a_ship_is_never_taken_back() -> None:
    """10 % against 25 %, 100 visitors an arm and day, read daily, stopped, and one order more."""
    plan = SequentialPlan(("control", "coupon"), (CR,), 5_600, maximum_days=28)
    log, kinds = LookLog.begin(plan), []
    for day in range(1, 15):
        look = rates_look(
            plan, day, {"control": (10 * day, 100 * day), "coupon": (25 * day, 100 * day)}
        )
        log = log.add(plan, look)
        kinds.append(decide(plan, log).kind)
    once = decide(plan, log)
    stopped = rates_look(plan, 15, {"control": (150, 1500), "coupon": (376, 1500)})
    after = decide(plan, log.add(plan, replace(stopped, closing="stopped")))

    assert kinds == ["do_not_trust"] * 6 + ["ship"] * 8
    assert (after.kind, after.decided_day, after.variant) == ("ship", 7, "coupon")
    assert after.sentence() == once.sentence()
    assert after.reasons == once.reasons


def test_advice_to_give_up_does_not_flicker() -> None:
    rng = np.random.default_rng(3)
    plan = SequentialPlan(("control", "coupon"), (CR,), 28_000, maximum_days=28)
    advised = 0
    for _ in range(60):
        log, kinds = LookLog.begin(plan), []
        z = rng.standard_normal(4).cumsum() / np.sqrt(np.arange(1, 5))
        for week in range(1, 5):
            counts = tuple(ArmCount(arm, 3500 * week, 105 * week) for arm in plan.arms)
            found = evidence("conversion_rate", float(z[week - 1]), 7000 * week)
            log = log.add(plan, Look(at(7 * week), 7 * week, counts, (found,)))
            kinds.append(decide(plan, log).kind)
        told = kinds.index("stop_futile") if "stop_futile" in kinds else len(kinds)
        # After the advice only a success or harm may speak.
        assert set(kinds[told:]) <= {"stop_futile", "ship", "stop_harm"}
        advised += told < len(kinds)
    assert advised > 10


@pytest.mark.timeout(20)
def test_two_looks_of_which_the_first_has_too_few_buyers_are_decided_at_once() -> None:
    """20 against 57 buyers, below the minimum of 25, and then 39 against 131: this once hung."""
    plan = SequentialPlan(("control", "coupon"), (CR,), 8_000, maximum_days=28, window_days=0)
    few = rates_look(plan, 7, {"control": (20, 1000), "coupon": (57, 1000)})
    enough = rates_look(plan, 14, {"control": (39, 2000), "coupon": (131, 2000)})
    log = LookLog.begin(plan).add(plan, few)
    early, verdict = decide(plan, log), decide(plan, log.add(plan, enough))

    assert (early.kind, early.cause) == ("do_not_trust", "few")
    assert (verdict.kind, verdict.variant, verdict.decided_day) == ("ship", "coupon", 14)
    corrected = verdict.facts.arms[0].corrected
    assert corrected is not None
    # The look of day 7 spent nothing, so that day 14 is the first look: nothing to correct.
    assert corrected.lift == pytest.approx(131 / 39 - 1)


def test_of_metrics_below_zero_the_best_difference_ships_and_is_told_in_money() -> None:
    """Means -1, -0.8, -0.2, deviation 1, 2,000 each: the lift ranked the smaller gain first."""
    profit = SequentialMetric("profit_per_visitor", unit="money", needs="orders")
    plan = SequentialPlan(("control", "small", "big"), (profit,), 6_000, maximum_days=28)
    wave = np.tile([-1.0, 1.0], 1000) * math.sqrt(1999 / 2000)
    arms = {
        arm: summary((wave + mean).tolist())
        for arm, mean in (("control", -1.0), ("small", -0.8), ("big", -0.2))
    }
    metric = Mean("profit_per_visitor", "m")
    report = Analysis(primary=(metric,)).report(arms)
    found = tuple(
        evidence_of(report[metric.name, arm], metric, arms["control"], arms[arm], events=(500, 500))
        for arm in plan.treatments
    )
    counts = tuple(ArmCount(arm, 2000, 500, 500) for arm in plan.arms)
    look = Look(at(28), 28, counts, tuple(e for e in found if e is not None))

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))
    result = report[metric.name, "big"]

    assert (verdict.kind, verdict.variant) == ("ship", "big")
    assert isinstance(verdict.number, Amount)
    assert verdict.number.value == pytest.approx(0.8, abs=1e-6)
    assert verdict.sentence().startswith(
        "big is better than control: profit per visitor +€0.80 (between +€0.7"
    )
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is CannotSayCode.NOT_POSITIVE
    assert isinstance(result.posterior, Posterior)
    assert result.posterior.lift is None
    assert result.posterior.p_best == pytest.approx(1.0)
    assert result.posterior.expected_loss == pytest.approx(0.0, abs=1e-9)
    assert result.posterior.control_expected_loss == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(("mean", "kind"), [(-0.2, "ship"), (-1.8, "stop_harm")])
def test_the_expected_loss_of_a_metric_below_zero_has_the_right_sign(
    mean: float, kind: str
) -> None:
    profit = SequentialMetric("profit_per_visitor", unit="money", needs="orders")
    plan = SequentialPlan(
        ("control", "big"), (profit,), 4_000, engine="bayes_expected_loss", prior_sd=0.3,
        loss_threshold=0.005, maximum_days=28,
    )  # fmt: skip
    contrast = Contrast(-1.0, mean, 1 / 2000, 1 / 2000)
    z = (mean + 1) / math.sqrt(2 / 2000)
    found = Evidence("profit_per_visitor", "big", z, contrast, 4_000, (500, 500))
    counts = tuple(ArmCount(arm, 2000, 500, 500) for arm in plan.arms)

    look = Look(at(28), 28, counts, (found,))

    assert decide(plan, LookLog.begin(plan).add(plan, look)).kind == kind


def spread(n: int, buyers: int, amount: float) -> Summary:
    return Summary.from_rows({"m": [amount] * buyers + [0.0] * (n - buyers)})


def guardrail_case(
    arms: dict[str, Summary], margin: float, *, day: int = 28, primary_z: float = 4.0
) -> tuple[SequentialPlan, LookLog, bool]:
    """A plan with a profit guardrail at its last look, and what the table says of it."""
    rail = SequentialMetric(
        "profit_per_visitor", role="guardrail", unit="money", needs="orders", margin=margin
    )
    plan = SequentialPlan(("control", "coupon"), (CR, rail), 5_000, maximum_days=28)
    metric = Mean("profit_per_visitor", "m")
    report = Analysis(primary=(Mean("x", "m"),), guardrails=(Guardrail(metric, margin),)).report(
        arms
    )
    result = report[metric.name, "coupon"]
    found = evidence_of(result, metric, arms["control"], arms["coupon"], events=(125, 300))
    assert found is not None
    counts = tuple(ArmCount(arm, 2500, 125, 125) for arm in plan.arms)
    won = evidence("conversion_rate", primary_z, 5000)
    look = Look(at(day), day, counts, (won, found))
    assert result.non_inferiority is not None
    return plan, LookLog.begin(plan).add(plan, look), result.non_inferiority.holds


def test_table_and_verdict_give_one_answer_about_a_guardrail() -> None:
    """Control 125 times 20.00, treatment 300 times 7.10, 2,500 an arm, margin 30 %."""
    arms = {"control": spread(2500, 125, 20.0), "coupon": spread(2500, 300, 7.1)}
    for margin in (0.2, 0.25, 0.3, 0.35, 0.4):
        plan, log, holds = guardrail_case(arms, margin)
        standing = decide(plan, log).facts.guardrails[0]

        # One look at the end: the verdict's line has the whole 5 %, as the table has.
        assert (standing.state == "safe") == holds
        # By hand: (m_t - (1 - m) m_c)/sqrt(v_t + (1 - m)^2 v_c), on Welch's degrees of freedom.
        mt, mc = 300 * 7.1 / 2500, 1.0
        vt = (7.1**2 * 300 / 2500 - mt**2) / 2499
        vc = (20.0**2 * 125 / 2500 - mc**2) / 2499
        t = (mt - (1 - margin) * mc) / math.sqrt(vt + (1 - margin) ** 2 * vc)
        assert standing.z == pytest.approx(t, rel=2e-3)


def test_a_loss_inside_the_margin_is_no_harm() -> None:
    """Margin 60 %, a true loss of 18.8 %: the shop said that it may be so."""
    rng = np.random.default_rng(5)
    value = rng.gamma(2.0, 1.0, 2500)
    arms = {"control": summary(value.tolist()), "coupon": summary((0.812 * value).tolist())}
    plan, log, holds = guardrail_case(arms, 0.6)

    verdict = decide(plan, log)

    assert holds
    assert (verdict.kind, verdict.facts.guardrails[0].state) == ("ship", "safe")


def test_a_plan_without_visitors_near_its_end_has_a_verdict() -> None:
    """Planned 1,000,000, 12 to 60 visitors on day 27 of 28: the forecast raised."""
    for visitors in (2, 12, 60):
        half = visitors // 2
        plan = SequentialPlan(("control", "coupon"), (CR,), 1_000_000, maximum_days=28)
        buyers = {"control": (half // 3, half), "coupon": (half // 2, half)}
        log = LookLog.begin(plan)
        for day in (1, 14, 27):
            log = log.add(plan, rates_look(plan, day, buyers))
            assert decide(plan, log).kind == "do_not_trust"
        ended = decide(plan, log.add(plan, rates_look(plan, 28, buyers)))
        assert (ended.kind, ended.cause) == ("inconclusive", "ended_few")


def test_a_plan_far_too_large_for_its_visitors_has_a_forecast_or_none() -> None:
    plan = SequentialPlan(("control", "coupon"), (CR,), 1_000_000, maximum_days=28)
    buyers = {"control": (100, 300), "coupon": (110, 300)}
    log = LookLog.begin(plan)
    for day in (14, 21, 27):
        log = log.add(plan, rates_look(plan, day, buyers))
        verdict = decide(plan, log)
        assert verdict.kind in ("keep_going", "stop_futile")
    assert decide(plan, log.add(plan, rates_look(plan, 28, buyers))).cause in ("ended", "hopeless")


def test_a_campaign_too_small_to_conclude_says_so_and_what_it_would_have_needed() -> None:
    metric = replace(CR, minimum_effect=0.1)
    plan = SequentialPlan(("control", "coupon"), (metric,), 12_000, maximum_days=28)
    look = rates_look(plan, 28, {"control": (1, 10), "coupon": (2, 10)})

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    assert verdict.kind == "inconclusive"
    assert verdict.sentence() == (
        "Cannot conclude: 20 visitors; about 12,000 would be needed for +10%."
    )
    assert verdict.action.key == "action.free"
    bare = SequentialPlan(("control", "coupon"), (CR,), 12_000, maximum_days=28)
    plain = decide(bare, LookLog.begin(bare).add(bare, look))
    assert plain.sentence() == "Cannot conclude: 20 visitors; about 12,000 would be needed."


def test_what_would_be_needed_is_measured_where_there_is_enough_to_measure() -> None:
    metric = replace(CR, minimum_effect=0.125)
    plan = SequentialPlan(("control", "coupon"), (metric,), 9_000, maximum_days=28)
    look = rates_look(plan, 28, {"control": (20, 1000), "coupon": (20, 1000)})

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    # (1.96 + .8416)^2 * 4 * .02 * .98/(.0025^2), rounded up to two digits: 98,453.
    needed = (stats.norm.isf(0.025) + stats.norm.isf(0.2)) ** 2 * 4 * 0.02 * 0.98 / 0.0025**2
    assert 98_000 < needed < 99_000
    assert verdict.sentence() == (
        "Cannot conclude: 2,000 visitors; about 99,000 would be needed for +12.5%."
    )


def test_what_would_be_needed_is_the_plan_s_own_size_where_the_control_has_no_lift() -> None:
    metric = replace(CR, minimum_effect=0.1)
    plan = SequentialPlan(("control", "coupon"), (metric,), 9_000, maximum_days=28, sides=1)
    look = rates_look(plan, 28, {"control": (0, 1000), "coupon": (30, 1000)})

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    assert verdict.cause == "ended_few"
    assert "about 9,000 would be needed" in verdict.sentence()


def test_a_plan_that_asked_for_too_little_does_not_say_one_more() -> None:
    metric = replace(CR, minimum_effect=0.1)
    plan = SequentialPlan(("control", "coupon"), (metric,), 20, maximum_days=28)

    def sentence(control: int, treatment: int) -> str:
        look = rates_look(plan, 28, {"control": (control, 10), "coupon": (treatment, 10)})
        return decide(plan, LookLog.begin(plan).add(plan, look)).sentence()

    # 20 * ((1.96 + .8416) * sqrt(.09/10 + .16/10) / .015)^2 = 17,442, rounded up to two digits.
    assert "about 18,000 would be needed" in sentence(1, 2)
    # Nobody has bought, so that nothing tells how many visitors 25 buyers would take.
    assert sentence(0, 0) == "Cannot conclude: control has 0 buyers and needs at least 25."


def test_the_next_look_that_is_due_is_one_that_judges() -> None:
    """An integer of days: the units of a next look were named at which none was due."""
    plan = SequentialPlan(("control", "coupon"), (CR,), 1_000, maximum_days=28, window_days=3)
    for units in (12, 500, 999):
        look = rates_look(plan, 12, {"control": (units // 3, units), "coupon": (units // 3, units)})
        verdict = decide(plan, LookLog.begin(plan).add(plan, look))
        assert verdict.next_due == next_due(plan, 12) == 17


def test_a_dead_checkout_is_stopped_within_days() -> None:
    """No buyers in the treatment, 3 % in the control, 500 an arm a day."""
    rng = np.random.default_rng(11)
    for window in (0, 3, 14):
        plan = SequentialPlan(
            ("control", "coupon"), (CR,), 28_000, maximum_days=28, window_days=window
        )
        log, bought = LookLog.begin(plan), 0
        for day in range(1, 29):
            bought += int(rng.binomial(500, 0.03)) if day > 1 else 0
            counts = tuple(
                ArmCount(
                    arm,
                    500 * max(0, day - window),
                    entered=500 * day,
                    converters=0,
                    alarm_units=500 * (day - 1),
                    alarm_converters=bought if arm == "control" else 0,
                )
                for arm in plan.arms
            )
            log = log.add(plan, Look(at(day), day, counts))
            verdict = decide(plan, log)
            if verdict.kind == "stop_harm":
                break
        assert (verdict.kind, verdict.cause, verdict.variant) == ("stop_harm", "alarm", "coupon")
        assert (verdict.decided_day or 99) <= 5
        assert verdict.sentence().startswith(
            "coupon is worse than control: 0.00% of its visitors buy within a day, and "
        )
        assert verdict.sentence().endswith(" of those of control (-100.0%).")
        assert verdict.facts.alarms[0].converters[1] == 0


def test_every_plan_has_the_alarm_a_one_sided_one_too() -> None:
    """A plan with `sides=1` watches no harm on its metrics, and had no alarm either."""
    plan = SequentialPlan(("control", "coupon"), (CR,), 28_000, maximum_days=28, sides=1)
    counts = tuple(
        ArmCount(arm, 500, 0, alarm_units=500, alarm_converters=bought)
        for arm, bought in (("control", 60), ("coupon", 0))
    )

    verdict = decide(plan, LookLog.begin(plan).add(plan, Look(at(1), 1, counts)))

    assert (verdict.kind, verdict.cause, verdict.variant) == ("stop_harm", "alarm", "coupon")
    assert verdict.facts.alarms[0].raised_at == at(1)


def test_a_split_broken_after_the_decision_is_a_loud_warning_and_no_reversal() -> None:
    plan = SequentialPlan(("control", "coupon"), (CR,), 28_000, maximum_days=28)
    log = LookLog.begin(plan)
    for week, units in ((1, (3500, 3500)), (2, (6500, 7500))):
        counts = tuple(ArmCount(arm, n, 200, 200) for arm, n in zip(plan.arms, units, strict=True))
        log = log.add(
            plan,
            Look(at(7 * week), 7 * week, counts, (evidence("conversion_rate", 4.0, 7000 * week),)),
        )

    verdict = decide(plan, log)

    assert (verdict.kind, verdict.decided_day) == ("ship", 7)
    assert verdict.since[0].key == "since.split"
    assert "sample ratio" in verdict.news()[0]

"""Every engine of a plan comes to its own kind of verdict."""

import json
import math
from dataclasses import replace

import pytest
from fairlift_stats.messages import Number, Percent, Points
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.anytime.counts import conversion_test, prior_strength
from fairlift_stats.sequential.anytime.mixture import yeast_line
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.lines import with_drift
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict import Verdict, decide
from scipy import stats

from tests.stats.sequential.shop import CR, WEEK, daily, evidence, keys, look, plan


def counted(control: int, treatment: int, *, units: int = 1000) -> Evidence:
    """The evidence of converters."""
    rates = TwoRates(treatment, units, control, units)
    a, b = control / units, treatment / units
    contrast = Contrast(
        a, b, max(a * (1 - a), 1e-9) / units, max(b * (1 - b), 1e-9) / units, rates=rates
    )
    return Evidence("conversion_rate", "coupon", 1.0, contrast, 1)


def exact() -> SequentialPlan:
    return plan(engine="exact_conversion", planned_converters=100, minimum_days=0)


def test_exact_conversions_need_no_minimum() -> None:
    made = exact()

    def decided(control: int, treatment: int) -> Verdict:
        log = LookLog.begin(made).add(made, look(made, 7, counted(control, treatment)))
        return decide(made, log)

    won, lost, none, new = decided(1, 22), decided(22, 1), decided(0, 0), decided(0, 3)

    assert won.kind == "ship"
    corrected = won.facts.arms[0].corrected
    assert corrected is not None
    assert corrected.lift == pytest.approx(21)
    # The alarm has 2 % of alpha; the test has the rest.
    test = conversion_test(1, 22, k=prior_strength(100), alpha=0.049)
    assert corrected.lift_interval is not None
    assert corrected.lift_interval.low == pytest.approx(test.lift.low)
    assert lost.kind == "stop_harm"
    assert none.cause == "no_answer"
    assert new.facts.arms[0].corrected is None
    bare = LookLog.begin(made).add(made, look(made, 7, evidence("conversion_rate", "coupon", 9, 7)))
    assert decide(made, bare).cause == "no_answer"


def test_exact_conversions_share_their_error_over_treatments() -> None:
    """Evidence between 1/.049 and 2/.049: enough for one treatment, not for one of two."""
    made = plan(
        engine="exact_conversion",
        planned_converters=150,
        minimum_days=0,
        arms=("control", "a", "b"),
    )
    # With k = 100/8.212 and even shares, 6 against 24 has the evidence 31.0.
    share, k, log_e = 0.5, prior_strength(100), 0.0
    log_e = math.lgamma(k) - math.lgamma(k + 30) - 30 * math.log(share)
    log_e += sum(math.lgamma(k / 2 + x) - math.lgamma(k / 2) for x in (6, 24))
    assert 1 / 0.049 < math.exp(log_e) < 2 / 0.049
    found = counted(6, 24), replace(counted(6, 6), arm="b")
    log = LookLog.begin(made).add(made, look(made, 7, replace(found[0], arm="a"), found[1]))
    one = exact()
    alone = LookLog.begin(one).add(one, look(one, 7, counted(6, 24)))

    assert decide(made, log).kind == "keep_going"
    assert decide(one, alone).kind == "ship"


def test_open_ended_plans_go_on_past_their_tuning() -> None:
    made = plan(engine="always_valid", maximum_days=None)
    log = LookLog.begin(made).add(
        made, look(made, 70, evidence("conversion_rate", "coupon", 1.0, 70))
    )

    verdict = decide(made, log)

    assert verdict.kind == "keep_going"
    won = log.add(made, look(made, 77, evidence("conversion_rate", "coupon", 4.0, 77)))
    assert decide(made, won).kind == "ship"
    assert keys(decide(made, won)) == ["reason.false_alarm"]


def test_a_reserve_ends_at_twice_the_plan() -> None:
    made = plan(reserve_alpha=0.01, futility=None, maximum_days=None)
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
    open_ = decide(stubborn, daily(stubborn, [0.0] * 10 + [-1.0]))
    assert open_.kind == "keep_going"


@pytest.mark.parametrize(("shift", "cause"), [(0.01, "hopeless"), (-0.01, "not_yet_judged")])
def test_a_fixed_test_is_given_up_below_a_tenth_of_a_chance(shift: float, cause: str) -> None:
    made = with_drift(plan(engine="fixed"))
    drift = made.drift or 0.0
    # At t = 1/2 the chance to end above 1.96 is a tenth where the z is this.
    away = drift / 2 + stats.norm.isf(0.1) * math.sqrt(0.5)
    z = (1.959964 - away) / math.sqrt(0.5)

    assert decide(made, daily(made, [*WEEK, z - shift])).cause == cause


@pytest.mark.parametrize(("shift", "cause"), [(0.01, "hopeless"), (-0.01, "running")])
def test_yeast_is_given_up_below_a_tenth_of_a_chance(shift: float, cause: str) -> None:
    made = with_drift(plan(engine="yeast"))
    drift = made.drift or 0.0

    def chance(z: float) -> float:
        """Of a Brownian motion with drift to reach a level within half of the time."""
        away, left = yeast_line(1.0) - z * math.sqrt(0.5), 0.5
        first = stats.norm.cdf((drift * left - away) / math.sqrt(left))
        again = stats.norm.cdf((-away - drift * left) / math.sqrt(left))
        return float(first + math.exp(2 * drift * away) * again)

    low, high = -2.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < 0.1 else (low, middle)

    assert decide(made, daily(made, [*WEEK, low - shift])).cause == cause


def test_giving_up_waits_for_the_minimum_of_days_and_of_buyers() -> None:
    made = plan(engine="yeast")
    few = LookLog.begin(made).add(
        made, look(made, 7, evidence("conversion_rate", "coupon", -2.0, 7), converters=0.001)
    )

    assert decide(made, daily(made, [-2.0] * 6)).cause == "days"
    assert decide(made, few).cause == "few"
    late = replace(made, minimum_days=10, window_days=3, decide="weekly", looks=())
    assert decide(late, daily(late, [-2.0] * 10)).cause == "not_yet_judged"


def test_a_fixed_test_decides_only_at_its_end() -> None:
    made = plan(engine="fixed")

    assert decide(made, daily(made, [*WEEK, 5.0])).kind == "keep_going"
    assert decide(made, daily(made, [2.5] * 14)).kind == "ship"
    assert decide(made, daily(made, [*WEEK, 5.0])).facts.arms[0].meter == 0
    early = json.loads(decide(made, daily(made, [*WEEK, 5.0])).to_json())
    assert early["facts"]["arms"][0]["raw"]["interval"] == {"low": None, "high": None}


def test_bayesian_stopping_shrinks_and_risks_little() -> None:
    made = plan(engine="bayes_expected_loss", loss_threshold=0.002)

    won = decide(made, daily(made, [*WEEK, 5.0], se=0.0008))
    careful = replace(made, loss_threshold=0.004)
    kept = decide(careful, daily(careful, [*WEEK, -1.9], se=0.0008))
    open_ = decide(made, daily(made, [*WEEK, 0.3], se=0.0008))

    found = won.facts.arms[0]
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
    assert decide(made, daily(made, [*WEEK, -5.0], se=0.0008)).kind == "stop_harm"


def test_expected_loss_is_judged_weekly() -> None:
    made = plan(engine="bayes_expected_loss", loss_threshold=0.002)

    between = decide(made, daily(made, [0.0] * 7 + [5.0], se=0.0008))

    assert (between.kind, between.cause) == ("keep_going", "not_yet_judged")


def test_a_figure_that_nobody_corrected_is_not_called_corrected() -> None:
    made = exact()
    log = LookLog.begin(made)
    for day, bought in ((7, (20, 60)), (14, (90, 110))):
        log = log.add(made, look(made, day, counted(*bought, units=1000 * day)))
    once = decide(made, log.until(1))

    # One look, one figure: nothing to tell apart.
    assert (once.kind, keys(once)[0]) == ("ship", "reason.false_alarm")
    assert once.number == decide(made, log).number
    assert isinstance(once.number, Percent)
    assert once.number.value == pytest.approx(60 / 20 - 1)


def test_without_a_control_figure_there_is_no_lift_but_a_difference() -> None:
    for engine in ("group_sequential", "bayes_expected_loss"):
        made = plan(engine=engine, metrics=(replace(CR, unit="money", needs="converters"),))
        verdict = decide(made, daily(made, [*WEEK, 4.0], control=0.0))
        found = verdict.facts.arms[0]

        assert found.raw is not None
        assert found.raw.lift is None
    share, count = (
        decide(
            plan(metrics=(replace(CR, unit=unit),)),
            daily(plan(metrics=(replace(CR, unit=unit),)), [*WEEK, 4.0], control=0.0),
        )
        for unit in ("share", "count")
    )
    # A difference of rates is in percentage points: +0.60 of them is no lift of 0.60 %.
    assert share.number == Points(4.0 * 0.004 / math.sqrt(7), 2, signed=True)
    assert "conversion rate +0.60\N{NO-BREAK SPACE}pp (between" in share.sentence()
    assert isinstance(count.number, Number)

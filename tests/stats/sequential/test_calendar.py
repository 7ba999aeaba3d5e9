"""A campaign whose days are over before its units: what it may still say, and at what error."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fairlift_stats.messages import Names
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.errors import BadPlan, BeyondPlan, PlanChanged
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    exit_probabilities,
    spending_boundaries,
)
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, type_one
from fairlift_stats.sequential.group_sequential.estimation import (
    estimate_at_stop,
    repeated_p_values,
    stagewise_p,
)
from fairlift_stats.sequential.group_sequential.futility import futility_lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.lines import Line, give_up_lines, lines_at, sealed, stopping_lines
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.watch import harm_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from tests.stats.sequential.shop import CR, RPV, daily, evidence, look, plan

POCOCK = Spending("lan_demets_pocock")
OBF = Spending("lan_demets_obf")
HALF = tuple(day / 14 for day in range(1, 8))
ENGINES = (
    "group_sequential",
    "fixed",
    "yeast",
    "always_valid",
    "exact_conversion",
    "bayes_expected_loss",
)


def week(**changes: Any) -> SequentialPlan:
    """A plan for 14 days of traffic that ends after 7 days."""
    return plan(maximum_days=7, planned_converters=840, **changes)


def last_line(log: LookLog) -> Line:
    line = log.looks[-1].line
    assert line is not None
    return line


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spending": OBF},
        {"spending": POCOCK},
        {"spending": Spending("power", 2.0)},
        {"harm_spending": POCOCK},
        {"engine": "fixed"},
        {"sides": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("times", [HALF, (0.03, 0.031, 0.4), (0.2, 0.45, 0.6), (0.07,)], ids=str)
def test_a_campaign_ended_by_the_calendar_spends_all_of_its_error_and_no_more(
    changes: dict[str, Any], times: tuple[float, ...]
) -> None:
    made = week(**changes)

    assert type_one(stopping_lines(made, times, closes=True)) == pytest.approx(0.05, abs=1e-7)
    assert type_one(stopping_lines(made, times)) < 0.04


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.floats(0.002, 0.12), min_size=1, max_size=8),
    spending=st.sampled_from([Spending("hsd", -4.0), OBF, POCOCK, Spending("power", 3.0)]),
)
def test_the_end_by_the_calendar_keeps_the_error_at_looks_of_any_spacing(
    steps: list[float], spending: Spending
) -> None:
    times = tuple(np.cumsum(steps).tolist())
    made = week(spending=spending)

    closed = stopping_lines(made, times, closes=True)

    assert type_one(closed) == pytest.approx(0.05, abs=1e-6)
    assert closed.upper[:-1] == stopping_lines(made, times).upper[:-1]


def test_the_last_line_agrees_with_a_direct_integral_of_the_multivariate_normal() -> None:
    """Information stays what it is: looks at .2, .45, .6 correlate by sqrt(t_i / t_j)."""
    times = (0.2, 0.45, 0.6)
    found = stopping_lines(week(spending=OBF), times, closes=True).upper
    correlation = [[math.sqrt(min(a, b) / max(a, b)) for b in times] for a in times]

    def outside(heights: tuple[float, ...]) -> float:
        looks = len(heights)
        inside = stats.multivariate_normal.cdf(
            np.array(heights),
            mean=np.zeros(looks),
            cov=np.array(correlation)[:looks, :looks],
            maxpts=200_000,
            abseps=1e-7,
            releps=1e-7,
            lower_limit=-np.array(heights),
            rng=np.random.default_rng(5),
        )
        return 1 - float(inside)

    def spent(t: float) -> float:
        """Of both sides, by Lan and DeMets' formula."""
        return 4 * float(stats.norm.sf(stats.norm.isf(0.0125) / math.sqrt(t)))

    first = float(stats.norm.isf(spent(0.2) / 2))
    second = brentq(lambda c: outside((first, c)) - spent(0.45), 1.5, 5, xtol=1e-7)
    third = brentq(lambda c: outside((first, second, c)) - 0.05, 1.5, 5, xtol=1e-6)

    assert found == pytest.approx((first, second, third), abs=2e-4)
    # At the planned end the same looks would leave a look at .6 far less to spend.
    assert stopping_lines(week(spending=OBF), times).upper[-1] > third + 0.4


def test_shops_without_an_effect_raise_as_many_false_alarms_as_promised() -> None:
    rng = np.random.default_rng(20261122)
    runs, days, a_day = 20_000, 7, 1_000
    buyers = rng.binomial(a_day, 0.2, size=(2, runs, days)).cumsum(axis=2)
    units = a_day * np.arange(1, days + 1)
    rate = buyers / units
    pooled = rate.mean(axis=0)
    z = (rate[1] - rate[0]) / np.sqrt(2 * pooled * (1 - pooled) / units)
    lines = stopping_lines(week(spending=POCOCK), HALF, closes=True)

    alarms = int((np.abs(z) >= np.array(lines.upper)).any(axis=1).sum())

    bounds = stats.binomtest(alarms, runs).proportion_ci(0.999, method="exact")
    assert bounds.low <= 0.05 <= bounds.high
    early = int(
        (np.abs(z) >= np.array(stopping_lines(week(spending=POCOCK), HALF).upper)).any(1).sum()
    )
    assert stats.binomtest(early, runs, 0.05).pvalue < 1e-6


def test_the_first_look_of_a_campaign_that_is_over_is_a_plain_test() -> None:
    log = LookLog.begin(week())
    log = log.add(week(), look(week(), 9, evidence("conversion_rate", "coupon", 1.97, 9)))

    assert last_line(log).success == pytest.approx(stats.norm.isf(0.025), abs=1e-9)
    assert decide(week(), log).kind == "ship"


def test_the_look_at_which_the_days_are_over_is_the_last() -> None:
    made = week()
    six, seven = daily(made, [0.0] * 6), daily(made, [0.0] * 7)
    expected = stopping_lines(made, HALF, closes=True)

    assert (six.has_closed(made), seven.has_closed(made)) == (False, True)
    assert last_line(seven).success == expected.upper[-1] == last_line(seven).give_up
    assert last_line(seven).harm == expected.lower[-1]
    assert last_line(six) == lines_at(sealed(made), HALF[:6])[-1]
    with pytest.raises(BeyondPlan, match="day: 8, the plan ends at 7"):
        seven.add(made, look(made, 8))
    with pytest.raises(BeyondPlan, match="day: 7"):
        seven.add(made, replace(look(made, 7), at="2026-11-09T12:00:00"))
    assert LookLog.from_json(seven.to_json()) == seven
    seven.check(made)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_with_a_look_after_the_end_is_refused(engine: str) -> None:
    made, longer = week(engine=engine), replace(week(engine=engine), maximum_days=None)
    forged = replace(daily(longer, [0.0] * 8), plan=made.fingerprint())

    with pytest.raises(BeyondPlan):
        forged.check(made)
    with pytest.raises(BeyondPlan):
        decide(made, forged)


def test_a_last_look_that_did_not_spend_the_rest_is_refused() -> None:
    made = week()
    forged = replace(daily(replace(made, maximum_days=None), [0.0] * 7), plan=made.fingerprint())

    with pytest.raises(PlanChanged, match="the lines"):
        forged.check(made)


@pytest.mark.parametrize("engine", ENGINES)
def test_any_unit_is_enough_for_the_last_look_and_none_for_one_after_it(engine: str) -> None:
    made = week(engine=engine)
    six, seven = daily(made, [0.0] * 6), daily(made, [0.0] * 7)

    assert not six.is_due(made, 12_001, day=6)
    assert six.is_due(made, 12_001, day=7)
    assert not six.is_due(made, 12_000, day=7)
    assert not seven.is_due(made, 20_000, day=7)
    assert not seven.is_due(made, 30_000, day=30)
    assert LookLog.begin(made).is_due(made, 1, day=7)
    assert not LookLog.begin(made).is_due(made, 1)


def test_a_last_look_with_next_to_nothing_new_spends_nothing() -> None:
    huge = week(n_max=28_000_000, minimum_step=1e-6)
    log = daily(huge, [0.0] * 6)
    log = log.add(huge, replace(look(huge, 7), counts=look(huge, 6, per_day=2_001).counts))

    assert last_line(log) == Line(None, None, None)
    assert log.has_closed(huge)


def test_only_lines_that_spend_change_when_the_days_are_over() -> None:
    times = (0.1, 0.3, 0.6)

    for engine in ("yeast", "always_valid", "exact_conversion", "bayes_expected_loss"):
        made = week(engine=engine)
        assert stopping_lines(made, times, closes=True) == stopping_lines(made, times)
    assert stopping_lines(week(engine="yeast"), times, closes=True).upper[-1] == yeast_line(0.6)
    assert stopping_lines(week(engine="fixed"), times, closes=True).upper == pytest.approx(
        (math.inf, math.inf, stats.norm.isf(0.025)), abs=1e-9
    )


def test_days_that_are_over_after_the_units_change_nothing() -> None:
    closed = stopping_lines(week(), equal_times(7), closes=True)

    assert closed == stopping_lines(week(), equal_times(7))
    assert give_up_lines(sealed(week()), equal_times(7), closes=True) == give_up_lines(
        sealed(week()), equal_times(7)
    )


def test_an_extension_ends_by_the_calendar_too() -> None:
    made = plan(reserve_alpha=0.01, maximum_days=21)
    log = daily(made, [0.0] * 14)
    longer = log.add(made, look(made, 21))

    assert (log.has_closed(made), longer.has_closed(made)) == (False, True)
    assert last_line(longer).success == pytest.approx(mixture_line(21 / 28, alpha=0.01))
    assert decide(made, longer).kind == "do_not_trust"  # it saw no evidence
    early = replace(made, maximum_days=7)
    rest = stopping_lines(early, HALF, closes=True)
    side = Side(early.spending, 0.02)
    alone = spending_boundaries(HALF, upper=side, lower=side, closes=True)
    assert type_one(alone) == pytest.approx(0.04, abs=1e-7)
    assert rest.upper[-1] == min(alone.upper[-1], mixture_line(0.25, alpha=0.01))


def test_a_binding_line_to_give_up_leaves_the_error_as_promised_too() -> None:
    lines = futility_lines(
        HALF,
        drift=3.0,
        success=Side(Spending("hsd", -4.0), 0.025),
        give_up=Side(Spending("hsd", -2.0), 0.2),
        binding=True,
    )

    assert lines.lower[-1] == lines.upper[-1]
    assert exit_probabilities(lines, [0.0]).power[0] == pytest.approx(0.025, abs=1e-7)


def test_an_alarm_of_a_guardrail_spends_the_rest_at_the_end() -> None:
    made = week(metrics=(CR, RPV))
    lines = harm_lines(made, HALF, closes=True)

    walk = Boundaries(HALF, lines, (math.inf,) * 7)
    assert exit_probabilities(walk, [0.0]).error[0] == pytest.approx(0.05, abs=1e-7)
    assert lines[-1] > harm_lines(made, HALF)[-1]
    log = LookLog.begin(made)
    for day in range(1, 8):
        found = (
            evidence("conversion_rate", "coupon", 0.0, day),
            evidence("revenue_per_visitor", "coupon", 0.0, day, control=2.0),
        )
        log = log.add(made, look(made, day, *found))
    assert decide(made, log).facts.guardrails[0].harm_line == lines[-1]


def test_a_z_that_the_plan_s_rest_pays_for_wins_on_the_last_day_only() -> None:
    running, ended = daily(plan(), [0.5] * 6 + [2.2]), daily(week(), [0.5] * 6 + [2.2])

    verdict = decide(week(), ended)

    assert decide(plan(), running).kind == "keep_going"
    assert (verdict.kind, verdict.cause) == ("ship", "won")
    assert verdict.facts.outlook is None
    assert decide(week(), daily(week(), [0.5] * 6 + [-2.2])).kind == "stop_harm"


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=10, deadline=None)
@given(zs=st.lists(st.floats(-3, 3), min_size=7, max_size=7))
def test_after_the_last_look_nobody_is_told_to_keep_going(engine: str, zs: list[float]) -> None:
    made = week(engine=engine)
    verdict = decide(made, daily(made, zs))

    assert verdict.kind in ("ship", "stop_harm", "stop_futile")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_campaign_without_a_clear_winner_says_that_it_has_ended(engine: str) -> None:
    made = week(engine=engine, loss_threshold=1e-6)
    verdict = decide(made, daily(made, [0.5] * 7))

    assert (verdict.kind, verdict.cause) == ("stop_futile", "ended")
    assert "the plan has ended" in verdict.sentence("en", Names())


def test_days_that_run_out_with_nobody_new_end_the_campaign() -> None:
    log = daily(week(), [0.5] * 6)

    assert decide(week(), log, day=6).cause == "days"
    assert decide(week(), log, day=7).cause == "ended"


def test_estimates_at_the_end_by_the_calendar_agree_with_its_line() -> None:
    made = week()
    lines = stopping_lines(made, HALF, closes=True)
    at_line = estimate_at_stop(lines, z=lines.upper[-1])

    assert stagewise_p(lines, z=lines.upper[-1]) == pytest.approx(0.025, abs=1e-8)
    assert at_line.p_value == pytest.approx(0.05, abs=1e-7)
    assert at_line.interval.low == pytest.approx(0.0, abs=1e-6)
    p = repeated_p_values(made.spending, times=HALF, z=lines.upper, sides=2, closes=True)
    assert p[-1] == pytest.approx(0.05, abs=1e-7)
    open_ = repeated_p_values(made.spending, times=HALF, z=lines.upper, sides=2)
    assert open_[-1] > 0.1
    assert open_[:-1] == p[:-1]


def test_the_verdict_s_estimates_use_the_last_line() -> None:
    log = daily(week(), [0.5] * 6 + [1.0])
    found = decide(week(), log).facts.comparisons[0]
    at_end = log.looks[-1].of("conversion_rate", "coupon")
    lines = stopping_lines(week(), HALF, closes=True)

    assert at_end is not None
    assert found.raw is not None
    assert found.corrected is not None
    assert found.raw.interval.high - found.raw.value == pytest.approx(
        lines.upper[-1] * at_end.se, rel=1e-9
    )
    stage_wise = estimate_at_stop(lines, z=1.0, se=at_end.se)
    assert found.corrected.value == pytest.approx(stage_wise.median_unbiased, abs=1e-12)


def test_the_outlook_ends_with_the_days_and_plays_by_their_last_line() -> None:
    made = week()
    log = daily(made, [0.3, 0.6, 0.9, 1.0, 1.2, 1.6])
    view = decide(made, log).facts.outlook
    free = decide(plan(), daily(plan(), [0.3, 0.6, 0.9, 1.0, 1.2, 1.6])).facts.outlook

    assert view is not None
    assert free is not None
    assert (view.end, free.end) == ("2026-11-09", "2026-11-16")
    # One look is to come, at t = 1/2: the chance to end it above its line has a closed form.
    line = stopping_lines(made, HALF, closes=True).upper[-1]
    drift = sealed(made).drift or 0.0
    step = HALF[6] - HALF[5]
    away = line * math.sqrt(HALF[6]) - 1.6 * math.sqrt(HALF[5]) - drift * step
    assert view.conditional_power == pytest.approx(stats.norm.sf(away / math.sqrt(step)), abs=1e-9)


def test_the_outlook_looks_at_planned_looks_until_the_days_are_over() -> None:
    slow = plan(maximum_days=14, n_max=40_000, looks=equal_times(20))
    quick = plan(maximum_days=21)

    late = decide(slow, daily(slow, [0.5] * 7)).facts.outlook
    by_units = decide(quick, daily(quick, [0.5] * 7)).facts.outlook

    assert late is not None
    assert by_units is not None
    assert late.end == by_units.end == "2026-11-16"


def test_the_number_of_days_is_part_of_what_was_promised() -> None:
    made = week()

    assert made.fingerprint() != replace(made, maximum_days=8).fingerprint()
    assert made.fingerprint() != replace(made, maximum_days=None).fingerprint()
    assert SequentialPlan.from_json(made.to_json()) == made
    old = json.loads(replace(made, maximum_days=None).to_json())
    del old["maximum_days"]
    assert SequentialPlan.from_json(json.dumps(old)).maximum_days is None


@pytest.mark.parametrize(("minimum", "maximum"), [(7, 6), (0, 0), (7, -1), (7, math.nan)])
def test_days_that_end_before_a_verdict_is_allowed_are_refused(
    minimum: int, maximum: float
) -> None:
    with pytest.raises(BadPlan, match="maximum_days"):
        plan(minimum_days=minimum, maximum_days=maximum)

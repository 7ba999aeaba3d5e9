"""The lines of a plan: what each side spends, at looks of any spacing and at an early end."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    exit_probabilities,
    spending_boundaries,
)
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times
from fairlift_stats.sequential.group_sequential.estimation import (
    estimate_at_stop,
    repeated_p_values,
    stagewise_p,
)
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.lines import (
    Line,
    Moment,
    alarm_lines,
    give_up_lines,
    guardrail_lines,
    planned_lines,
    primary_lines,
    stopping_lines,
    with_drift,
)
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from tests.stats.sequential.shop import CR, RPV, plan

POCOCK = Spending("lan_demets_pocock")
OBF = Spending("lan_demets_obf")
HALF = tuple(day / 14 for day in range(1, 8))
OTHERS = ("yeast", "always_valid", "exact_conversion")


def week(**changes: Any) -> SequentialPlan:
    """A plan for 14 days of traffic that ends after 7 days."""
    return plan(maximum_days=7, planned_converters=840, **changes)


def up(lines: Boundaries) -> float:
    """Probability to cross the upper line when nothing differs."""
    none = (-math.inf,) * len(lines.times)
    return float(exit_probabilities(Boundaries(lines.times, none, lines.upper), [0.0]).power[0])


def down(lines: Boundaries) -> float:
    """Probability to cross the lower line when nothing differs."""
    none = (math.inf,) * len(lines.times)
    return float(exit_probabilities(Boundaries(lines.times, lines.lower, none), [0.0]).error[0])


def seen(*times: float, last: bool = False, **changes: bool) -> tuple[Moment, ...]:
    """Looks that judge and watch everything."""
    flags = {"judges_success": True, "judges_harm": True, "watches": True, **changes}
    return tuple(Moment(time=t, spends_the_rest=last and t == times[-1], **flags) for t in times)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spending": OBF},
        {"spending": POCOCK},
        {"spending": Spending("power", 2.0)},
        {"harm_spending": Spending("hsd", -4.0)},
        {"engine": "fixed"},
    ],
    ids=str,
)
@pytest.mark.parametrize("times", [HALF, (0.03, 0.031, 0.4), (0.2, 0.45, 0.6), (0.07,)], ids=str)
def test_sealed_days_that_end_a_campaign_spend_all_of_each_side_and_no_more(
    changes: dict[str, Any], times: tuple[float, ...]
) -> None:
    made = week(**changes)
    closed, open_ = stopping_lines(made, times, closes=True), stopping_lines(made, times)

    assert up(closed) == pytest.approx(0.025, abs=1e-8)
    # 96 % of the harm error: the rest is spent daily.
    assert down(closed) == pytest.approx(0.024, abs=1e-8)
    assert up(open_) < 0.02


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.floats(0.002, 0.12), min_size=1, max_size=8),
    spending=st.sampled_from([Spending("hsd", -4.0), OBF, POCOCK, Spending("power", 3.0)]),
)
def test_an_early_end_keeps_the_error_at_looks_of_any_spacing(
    steps: list[float], spending: Spending
) -> None:
    times = tuple(np.cumsum(steps).tolist())
    made = week(spending=spending)

    closed = stopping_lines(made, times, closes=True)

    assert up(closed) == pytest.approx(0.025, abs=1e-7)
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
            rng=np.random.default_rng(5),
        )
        return 1 - float(inside)

    def spent(t: float) -> float:
        """Of one side, by Lan and DeMets' formula."""
        return 2 * float(stats.norm.sf(stats.norm.isf(0.0125) / math.sqrt(t)))

    first = float(stats.norm.isf(spent(0.2)))
    second = brentq(lambda c: outside((first, c)) - spent(0.45), 1.5, 5, xtol=1e-7)
    third = brentq(lambda c: outside((first, second, c)) - 0.025, 1.5, 5, xtol=1e-6)

    assert found == pytest.approx((first, second, third), abs=2e-4)
    # At the planned end the same looks would leave a look at .6 far less to spend.
    assert stopping_lines(week(spending=OBF), times).upper[-1] > third + 0.4


def test_first_lines_have_their_closed_forms() -> None:
    made = plan(metrics=(CR, RPV), arms=("control", "a", "b"))
    line = primary_lines(with_drift(made), seen(0.25))[0]
    rail = guardrail_lines(made, seen(0.25))[0]

    def hsd(level: float) -> float:
        return float(stats.norm.isf(level * math.expm1(1.0) / math.expm1(4.0)))

    def pocock(level: float) -> float:
        return float(stats.norm.isf(level * math.log1p((math.e - 1) / 4)))

    # Success .025 and harm .024 over two treatments, the guardrail's .024 too; safety undivided.
    assert line.success == pytest.approx(hsd(0.0125), abs=1e-9)
    assert line.harm == pytest.approx(-pocock(0.012), abs=1e-9)
    assert rail.success == pytest.approx(hsd(0.05), abs=1e-9)
    assert rail.harm == pytest.approx(-pocock(0.012), abs=1e-9)
    only_daily = seen(0.25, judges_success=False, judges_harm=False)
    # Daily: .001 over two treatments and the primary and the alarm; a guardrail has its own.
    assert primary_lines(made, only_daily)[0].harm == pytest.approx(-pocock(0.00025), abs=1e-9)
    assert alarm_lines(made, only_daily) == pytest.approx([-pocock(0.00025)], abs=1e-9)
    assert guardrail_lines(made, only_daily)[0].harm == pytest.approx(-pocock(0.0005), abs=1e-9)


def test_more_guardrails_and_treatments_share_their_error_and_safety_is_not_shared() -> None:
    one = plan(metrics=(CR, RPV))
    more = plan(metrics=(CR, RPV, SequentialMetric("ticket", role="guardrail", margin=0.1)))
    times = equal_times(4)

    for made, shared in ((one, 1), (more, 2)):
        lines = guardrail_lines(made, seen(*times))
        harm = Boundaries(times, tuple(line.harm or 0 for line in lines), (math.inf,) * 4)
        safe = Boundaries(times, (-math.inf,) * 4, tuple(line.success or 0 for line in lines))
        # The daily part is far below the other: it adds next to nothing where both are drawn.
        assert down(harm) == pytest.approx(0.024 / shared, rel=0.01)
        assert up(safe) == pytest.approx(0.05, abs=1e-8)


def test_a_look_that_is_none_for_a_comparison_spends_nothing() -> None:
    made = with_drift(plan())
    missed = (*seen(0.25, judges_success=False, judges_harm=False), *seen(0.5))

    lines = primary_lines(made, missed)

    assert lines[0].success is None
    assert lines[1].success == primary_lines(made, seen(0.5))[0].success
    assert lines[1].success != primary_lines(made, seen(0.25, 0.5))[1].success


def test_a_look_without_new_units_is_none_unless_it_is_the_last() -> None:
    made = with_drift(plan())

    again = primary_lines(made, seen(0.25, 0.25))
    fewer = primary_lines(made, seen(0.25, 0.24, last=True))

    third = primary_lines(made, seen(0.25, 0.5, 0.5, 0.4))

    assert again[1] == Line()
    # New means since the look before, not since the first.
    assert third[2:] == (Line(), Line())
    assert third[:2] == primary_lines(made, seen(0.25, 0.5))
    assert again[0] == primary_lines(made, seen(0.25))[0]
    # What is left is spent on next to no new information: the last line is near the one before.
    assert fewer[1].success is not None


def test_a_look_brings_at_least_a_five_thousandth_of_the_plan() -> None:
    made = with_drift(plan())

    assert primary_lines(made, seen(0.0002))[0].success is not None
    assert primary_lines(made, seen(0.00019))[0] == Line()
    assert primary_lines(made, seen(0.25, 0.2502))[1].success is not None
    assert primary_lines(made, seen(0.25, 0.2501))[1] == Line()
    # The last look closes the plan though it brings nothing: all that is left is spent there.
    ends = primary_lines(made, seen(0.0001, last=True))
    assert ends[0].success == pytest.approx(stats.norm.isf(0.025), abs=1e-9)


def test_engines_with_lines_of_their_own_need_information() -> None:
    for engine in OTHERS:
        none, some = primary_lines(week(engine=engine), seen(0.0, 1e-6))
        assert none == Line()
        assert some.success is not None
        assert some.harm is not None


def test_yeast_s_line_is_level_beyond_the_plan() -> None:
    made = week(engine="yeast")

    assert stopping_lines(made, (1.0, 1.5)).upper == (yeast_line(1.0), yeast_line(1.0))


def test_a_one_sided_engine_of_its_own_lines_spends_all_on_success() -> None:
    made = week(engine="always_valid", sides=1)

    lines = stopping_lines(made, (0.3,))

    assert lines.upper[0] == pytest.approx(mixture_line(0.3, alpha=0.05, sides=1))
    assert lines.lower == (-math.inf,)


def test_a_later_look_never_changes_an_earlier_line() -> None:
    made = with_drift(plan())

    assert (
        primary_lines(made, seen(*equal_times(7)[:3]))
        == primary_lines(made, seen(*equal_times(7)))[:3]
    )


def test_own_lines_hold_at_every_look_whatever_came_before() -> None:
    times = (0.1, 0.3, 0.6)

    for engine in OTHERS:
        made = week(engine=engine)
        assert stopping_lines(made, times, closes=True) == stopping_lines(made, times)
        # Harm has 96 % of its side: the built-in alarm has the rest.
        assert -stopping_lines(made, times).lower[-1] > stopping_lines(made, times).upper[-1]
    assert stopping_lines(week(engine="yeast"), times).upper[-1] == yeast_line(0.6)
    assert stopping_lines(week(engine="always_valid"), times).upper == pytest.approx(
        [mixture_line(t) for t in times]
    )
    assert stopping_lines(week(engine="always_valid"), times).lower == pytest.approx(
        [-mixture_line(t, alpha=0.048) for t in times]
    )
    open_ended = week(engine="always_valid", metrics=(CR, RPV))
    rail = guardrail_lines(open_ended, seen(0.3))[0]
    assert rail.success == pytest.approx(mixture_line(0.3, alpha=0.05, sides=1))
    assert rail.harm == pytest.approx(-mixture_line(0.3, alpha=0.025, sides=1))
    assert guardrail_lines(open_ended, seen(0.0))[0] == Line()


def test_a_fixed_horizon_spends_all_success_at_its_end_and_harm_on_the_way() -> None:
    lines = stopping_lines(week(engine="fixed"), (0.1, 0.3, 0.6), closes=True)

    assert lines.upper == pytest.approx((math.inf, math.inf, stats.norm.isf(0.025)), abs=1e-9)
    assert all(math.isfinite(line) for line in lines.lower)
    bayes = stopping_lines(week(engine="bayes_expected_loss"), (0.1, 0.3, 0.6), closes=True)
    assert bayes.upper == (math.inf,) * 3
    assert bayes.lower == lines.lower


def test_one_sided_plans_watch_no_harm() -> None:
    made = plan(sides=1)

    assert stopping_lines(made, (0.5, 1.0)).lower == (-math.inf, -math.inf)
    assert up(stopping_lines(made, (0.5, 1.0))) == pytest.approx(0.05, abs=1e-8)
    assert primary_lines(made, seen(0.5))[0].harm is None


def test_an_end_after_the_units_changes_nothing() -> None:
    times = equal_times(7)

    assert stopping_lines(week(), times, closes=True) == stopping_lines(week(), times)
    assert give_up_lines(with_drift(week()), times, closes=True) == give_up_lines(
        with_drift(week()), times
    )


def test_a_reserve_pays_for_an_extension_to_twice_the_plan() -> None:
    made = plan(reserve_alpha=0.01, maximum_days=28)

    late = stopping_lines(made, (0.5, 1.0, 1.5))
    alone = spending_boundaries((0.5, 1.0), upper=Side(made.spending, 0.02), lower=None)

    assert made.level == pytest.approx(0.02)
    assert late.upper[-1] == pytest.approx(mixture_line(0.75, alpha=0.01))
    assert late.upper[:2] == pytest.approx(
        [
            min(z, mixture_line(t / 2, alpha=0.01))
            for z, t in zip(alone.upper, (0.5, 1.0), strict=True)
        ]
    )


def test_comparisons_share_the_reserve() -> None:
    made = plan(reserve_alpha=0.01, maximum_days=28, arms=("control", "a", "b"))

    late = stopping_lines(made, (0.5, 1.0, 1.5))
    assert late.upper[-1] == pytest.approx(mixture_line(0.75, alpha=0.005))


def test_planned_lines_are_those_of_the_planned_looks() -> None:
    made = with_drift(plan())

    assert planned_lines(made) == primary_lines(made, seen(*made.looks))


@pytest.mark.parametrize("futility", [Spending("hsd", -2.0), None], ids=["gives up", "never"])
@pytest.mark.parametrize(
    "engine", ["group_sequential", "always_valid", "yeast", "fixed", "bayes_expected_loss"]
)
def test_every_engine_finds_the_drift_of_its_power(engine: str, futility: Spending | None) -> None:
    made = with_drift(plan(engine=engine, futility=futility))

    assert made.drift is not None
    assert made.drift >= 2.8
    assert with_drift(made) == made


def test_more_arms_share_the_error() -> None:
    made = plan(arms=("control", "a", "b", "c"))

    assert made.level == pytest.approx(0.025 / 3)
    assert up(stopping_lines(made, equal_times(5))) == pytest.approx(0.025 / 3, abs=1e-8)


def test_estimates_at_an_early_end_agree_with_its_line() -> None:
    upper = stopping_lines(week(), HALF, closes=True).upper
    lines = Boundaries(HALF, (-math.inf,) * 7, upper)
    at_line = estimate_at_stop(lines, z=upper[-1])

    assert stagewise_p(lines, z=upper[-1]) == pytest.approx(0.025, abs=1e-8)
    assert at_line.p_value == pytest.approx(0.05, abs=1e-7)
    assert at_line.interval.low == pytest.approx(0.0, abs=1e-6)
    p = repeated_p_values(week().spending, times=HALF, z=upper, sides=1, closes=True)
    assert p[-1] == pytest.approx(0.025, abs=1e-7)
    open_ = repeated_p_values(week().spending, times=HALF, z=upper, sides=1)
    assert open_[-1] > 0.05
    assert open_[:-1] == p[:-1]


def test_the_planned_end_has_a_line_however_near_the_look_before_it_is() -> None:
    """An end that brings a ten-thousandth of the units still closes the campaign."""
    near, once = (plan(looks=looks, futility=None) for looks in ((0.5, 0.9999, 1.0), (0.5, 1.0)))

    last = planned_lines(near)[-1]
    assert last.success is not None
    assert last.harm is not None
    wanted, found = with_drift(once).drift, with_drift(near).drift
    assert wanted is not None
    assert found == pytest.approx(wanted, rel=0.01)

"""What is told of an arm after many looks, from looks that are written down by hand."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.anytime.counts import conversion_test
from fairlift_stats.sequential.calendar import Closing
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.guards import Counted, Tail
from fairlift_stats.sequential.lines import Line, Moment
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.arm_facts import arm_standing
from fairlift_stats.verdict.facts import ArmStanding, Estimate
from fairlift_stats.verdict.standings import Standing, exact_alpha, exact_setting
from scipy.stats import norm

from tests.stats.verdict.standings import CONVERSION, plan

SE = 0.01
ENOUGH = Counted(None, together=True)
Z95 = float(norm.isf(0.025))


def at(
    day: int,
    z: float | None,
    line: Line | None = None,
    *,
    time: float | None = None,
    judges: tuple[bool, bool] | None = None,
    closing: Closing | None = None,
    rates: TwoRates | None = None,
    trusted: bool = True,
    **more: Any,
) -> Standing:
    """A look; its figures tell its day: a control of 2 and a difference of a hundredth a day."""
    contrast = Contrast(2.0, 2.0 + day / 100, SE**2 / 2, SE**2 / 2, rates=rates)
    evidence = None if z is None else Evidence("conversion_rate", "coupon", z, contrast, 1000 * day)
    success, harm = judges or (line is not None and line.success is not None,) * 2
    moment = Moment(day / 28 if time is None else time, success, harm, True, False)
    look = Look(f"2026-11-{day:02}", day, (), closing=closing)
    return Standing(look, evidence, z, Tail(trusted), ENOUGH, moment, line or Line(), **more)


def told(standings: Sequence[Standing], made: SequentialPlan | None = None) -> ArmStanding:
    return arm_standing(made or plan(), CONVERSION, "coupon", standings)


# A day and three figures, to the digits that a test asks for.
Figures = tuple[Any, ...]


def of(estimate: Estimate | None) -> Figures:
    """The day, the difference and its interval."""
    assert estimate is not None
    return estimate.at, estimate.value, estimate.interval.low, estimate.interval.high


def around(day: int, k: float) -> Figures:
    """The figures of a day, so many standard errors wide on both sides."""
    value = day / 100
    return (f"2026-11-{day:02}", *(pytest.approx(value + by * SE) for by in (0.0, -k, k)))


WEEKS = (Line(3.5, -3.6), Line(3.0, -3.1), Line(2.5, -2.6))


@pytest.mark.parametrize("gives_up", [(False, False, True), (True, True, False)])
def test_what_is_judged_is_told_as_of_the_last_look_that_judged(
    gives_up: tuple[bool, bool, bool],
) -> None:
    judged = [
        at(7 * week, week / 10, line, meter=week / 10, gives_up=told_so)
        for week, line, told_so in zip((1, 2, 3), WEEKS, gives_up, strict=True)
    ]
    between = [at(day, 0.9, Line(None, -4.5)) for day in (22, 23)]

    found = told([*judged, *between, at(24, 0.7, trusted=False)])

    assert (found.z, found.meter, found.gives_up) == (0.7, 0.3, gives_up[-1])
    assert (found.crossing, found.crossed_at, found.crossed_look) == (None, None, None)
    assert (found.trusted, found.loss) == (False, None)
    assert of(found.raw) == around(21, 2.5)
    assert found.corrected is None
    assert found.largest_k == 2.5


def test_before_any_look_has_judged_nothing_is_claimed() -> None:
    found = told([at(2, 0.5), at(3, 0.6)])

    assert (found.meter, found.gives_up, found.corrected) == (0.0, False, None)
    assert of(found.raw) == ("2026-11-03", pytest.approx(0.03), -math.inf, math.inf)
    # The table is read once: with alpha .05 at 1.96, and with .9 at .126.
    assert found.largest_k == pytest.approx(Z95)
    assert told([at(3, 0.6)], plan(alpha=0.9)).largest_k == pytest.approx(norm.isf(0.45))
    assert told([at(2, 0.5), at(3, None)]).raw is None


def test_the_first_crossing_counts_and_is_corrected_as_of_its_look() -> None:
    """At a first look there was no freedom to stop before: the correction changes nothing."""
    won = [
        at(7, 3.6, WEEKS[0], crossing="success", meter=1.0),
        at(14, 3.2, WEEKS[1], crossing="success", meter=1.1),
        at(21, 0.2, WEEKS[2], meter=0.1),
    ]

    found = told(won)

    assert (found.crossing, found.crossed_at, found.crossed_look) == ("success", "2026-11-07", 1)
    assert of(found.corrected) == around(7, Z95)
    assert of(found.raw) == around(21, 2.5)
    assert found.z == 0.2


def test_harm_that_came_later_is_what_the_arm_is_about() -> None:
    turned = [
        at(7, 3.6, WEEKS[0], crossing="success", meter=1.0),
        at(14, -3.2, WEEKS[1], crossing="harm", meter=0.0),
        at(21, -3.3, WEEKS[2], crossing="harm", meter=0.0),
    ]

    found = told(turned)

    assert (found.crossing, found.crossed_at, found.crossed_look) == ("harm", "2026-11-14", 2)
    assert of(found.raw) == around(21, 2.5)
    # Harm at the last look is as wide as its own line.
    assert of(told(turned[:2]).raw) == around(14, 3.1)
    assert told(turned[:2]).largest_k == pytest.approx(3.1)
    alarm = [turned[0], at(9, -5.0, Line(None, -4.5), crossing="harm")]
    assert of(told(alarm).raw) == around(9, 4.5)
    # An exact test has no line to be as wide as.
    exact = [turned[0], at(9, -5.0, crossing="harm")]
    assert of(told(exact).raw)[2:] == (-math.inf, math.inf)
    # Success at the last look shows the line of success.
    assert of(told(turned[:1]).raw) == around(7, 3.5)


def corrected(lines: Boundaries, z: float, day: int) -> Figures:
    """The stage-wise drift and its limits, each k = z - drift sqrt(t) errors from the estimate."""
    stop = estimate_at_stop(lines, z=z)
    root = math.sqrt(lines.times[-1])
    ks = [z - drift * root for drift in (stop.drift, stop.interval.low, stop.interval.high)]
    return (f"2026-11-{day:02}", *(pytest.approx(day / 100 - k * SE, rel=1e-9) for k in ks))


def test_the_looks_that_judged_before_the_stop_correct_it() -> None:
    history = [
        at(7, 0.5, WEEKS[0], meter=0.1),
        at(9, 0.6, Line(None, -4.5)),
        at(10, 0.6, Line(None, -4.4), judges=(False, True)),
        at(14, 1.0, Line(3.0, None), meter=0.3),
        at(16, -5.0, Line(None, -4.2), crossing="harm"),
        at(21, 0.0, WEEKS[2], meter=0.0),
    ]
    # Day 9 judged nothing; the stop counts though it did not judge either.
    lines = Boundaries(
        (7 / 28, 10 / 28, 14 / 28, 16 / 28),
        (-3.6, -4.4, -math.inf, -4.2),
        (3.5, math.inf, 3.0, math.inf),
    )

    assert of(told(history).corrected) == corrected(lines, -5.0, 16)
    found = told(history)
    assert found.corrected is not None
    ends = found.corrected.interval.low, found.corrected.interval.high
    assert found.largest_k == pytest.approx(max(abs(0.16 - end) / SE for end in ends))


@pytest.mark.parametrize("closing", ["planned", "days", "stopped"])
def test_an_end_that_was_judged_is_corrected_too(closing: Closing) -> None:
    history = [
        at(7, 0.5, WEEKS[0], meter=0.1),
        at(14, 1.0, WEEKS[1], meter=0.3),
        at(21, 1.2, WEEKS[2], meter=0.4, closing=closing),
    ]
    lines = Boundaries((0.25, 0.5, 0.75), (-3.6, -3.1, -2.6), (3.5, 3.0, 2.5))

    assert of(told(history).corrected) == corrected(lines, 1.2, 21)
    assert told([*history[:2], at(21, 1.2, WEEKS[2], meter=0.4)]).corrected is None
    unjudged = at(21, 1.2, WEEKS[2], judges=(False, False), closing=closing)
    assert told([*history[:2], unjudged]).corrected is None


def test_units_that_a_campaign_lost_do_not_take_information_back() -> None:
    history = [
        at(7, 0.5, WEEKS[0], meter=0.1),
        at(14, 1.0, WEEKS[1], meter=0.3),
        at(21, 4.0, WEEKS[2], meter=1.6, crossing="success", time=0.48),
    ]
    lines = Boundaries((0.25, 0.5, 0.5001), (-3.6, -3.1, -2.6), (3.5, 3.0, 2.5))

    assert of(told(history).corrected) == corrected(lines, 4.0, 21)
    nothing = at(7, 4.0, WEEKS[0], meter=1.0, crossing="success", time=0.0)
    assert of(told([nothing]).corrected) == around(7, Z95)


@pytest.mark.parametrize("engine", ["always_valid", "yeast"])
def test_engines_that_hold_at_any_time_are_not_corrected(engine: str) -> None:
    found = told([at(7, 4.0, WEEKS[0], meter=1.0, crossing="success")], plan(engine=engine))

    assert found.corrected is None
    assert found.largest_k == 3.5


def test_an_exact_figure_is_that_of_the_counts_in_arms_of_unequal_size() -> None:
    made = plan(engine="exact_conversion", planned_converters=400, shares=(0.6, 0.4))
    rates = TwoRates(xt=60, nt=4_000, xc=50, nc=6_000)
    share, k = exact_setting(made, "coupon")
    lift = conversion_test(50, 60, treatment_share=share, k=k, alpha=exact_alpha(made)).lift

    found = told([at(7, 2.0, WEEKS[0], rates=rates, crossing="success")], made).corrected

    assert found is not None
    assert found.at == "2026-11-07"
    assert found.value == pytest.approx(0.015 - 50 / 6_000)
    assert found.lift == pytest.approx(0.8)
    assert found.lift_interval == lift
    assert found.interval.low == pytest.approx(lift.low / 120)
    assert found.interval.high == pytest.approx(lift.high / 120)
    without = TwoRates(xt=60, nt=4_000, xc=0, nc=6_000)
    assert told([at(7, 2.0, WEEKS[0], rates=without, crossing="success")], made).corrected is None
    assert told([at(7, 2.0, WEEKS[0], crossing="success")], made).corrected is None


@pytest.mark.parametrize("engine", ["exact_conversion", "bayes_expected_loss"])
def test_engines_with_a_figure_of_their_own_tell_it_as_of_the_last_look_before_any_stop(
    engine: str,
) -> None:
    made = plan(engine=engine, planned_converters=400)
    rates = TwoRates(xt=60, nt=4_000, xc=50, nc=4_000)
    history = [at(day, 0.5, rates=rates, meter=0.2) for day in (7, 14, 21)]

    found = told(history, made).corrected

    assert found is not None
    assert found.at == "2026-11-21"
    crossed = [history[0], at(14, 4.0, rates=rates, meter=1.0, crossing="success"), history[2]]
    stopped = told(crossed, made).corrected
    assert stopped is not None
    assert stopped.at == "2026-11-14"

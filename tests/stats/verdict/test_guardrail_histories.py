"""What is told of a guardrail after many looks, from looks that are written down by hand."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.guards import Counted, Tail
from fairlift_stats.sequential.lines import Line
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.verdict.facts import GuardrailStanding
from fairlift_stats.verdict.guardrails import (
    AlarmAt,
    GuardrailAt,
    alarm_standing,
    guardrail_standing,
    guardrails_of,
    harmed_at,
    safe_at,
)
from scipy.stats import beta, binom, norm

from tests.stats.verdict.standings import CONVERSION, plan

RAIL = SequentialMetric("cart_rate", role="guardrail", margin=0.05)
PLAN = plan(metrics=(CONVERSION, RAIL))
ENOUGH = Counted(None, together=True)


def at(
    day: int,
    z: float | None,
    *,
    line: Line | None = None,
    found: bool = True,
    se: float = 0.01,
    **more: Any,
) -> GuardrailAt:
    """A look; its figures tell its day: a control of 2 and a difference of a hundredth a day."""
    contrast = Contrast(2.0, 2.0 + day / 100, se**2 / 2, se**2 / 2)
    evidence = Evidence("cart_rate", "coupon", 1.0, contrast, 1_000 * day) if found else None
    look = Look(f"2026-11-{day:02}", day, ())
    return GuardrailAt(look, evidence, z, Tail(), ENOUGH, line or Line(), **more)


def told(history: Sequence[GuardrailAt]) -> GuardrailStanding:
    return guardrail_standing(PLAN, RAIL, "coupon", history)


def drawn(day: int, success: float, harm: float, z: float = 0.5, **more: Any) -> GuardrailAt:
    return at(day, z, line=Line(success, harm), **more)


def test_an_open_one_is_told_as_of_its_last_look_with_the_lines_that_were_drawn_last() -> None:
    history = [
        drawn(7, 3.5, -3.6, 0.2),
        drawn(14, 3.0, -3.1, 0.4),
        drawn(21, 2.5, -2.6, 0.9),
        at(23, 0.8),
        at(24, 0.7, line=Line(None, -4.5)),
    ]

    found = told(history)

    assert (found.state, found.decided_at, found.z) == ("open", None, 0.7)
    assert (found.safe_line, found.harm_line) == (2.5, -4.5)
    # z grows with the root of 24,000 units.
    assert found.units_missing == math.ceil(24_000 * ((2.5 / 0.7) ** 2 - 1))
    raw = found.raw
    assert raw is not None
    assert raw.at == "2026-11-24"
    assert raw.value == pytest.approx(0.24)
    assert raw.interval.low == pytest.approx(0.24 - 2.5 * 0.01)
    assert raw.interval.high == pytest.approx(0.24 + 2.5 * 0.01)


def test_one_that_was_settled_keeps_the_figures_of_its_look() -> None:
    before, after = drawn(7, 3.5, -3.6), [drawn(21, 2.5, -2.6, 9.0), drawn(28, 2.0, -2.1, 0.1)]
    safe = [before, drawn(14, 3.0, -3.1, 3.2, is_safe=True), *after]
    harmed = [before, drawn(14, 3.0, -3.1, -3.2, is_harmed=True), *after]

    for history, state, width in ((safe, "safe", 3.0), (harmed, "harmed", 3.1)):
        found = told(history)
        assert (found.state, found.decided_at) == (state, "2026-11-14")
        assert (found.z, found.safe_line, found.harm_line) == (0.1, 2.0, -2.1)
        assert found.units_missing is None
        assert found.raw is not None
        assert found.raw.at == "2026-11-14"
        assert found.raw.value == pytest.approx(0.14)
        assert found.raw.interval.high - found.raw.interval.low == pytest.approx(2 * width * 0.01)


def test_the_first_look_that_showed_something_counts() -> None:
    both = [
        at(7, 0.0),
        at(8, 0.0, is_safe=True),
        at(9, 0.0, is_harmed=True),
        at(10, 0.0, is_safe=True, is_harmed=True),
    ]

    assert (safe_at(both), harmed_at(both)) == (1, 2)
    assert (safe_at(both[:1]), harmed_at(both[:1])) == (None, None)
    # Harm, once shown, prevails.
    assert (told(both).state, told(both).decided_at) == ("harmed", "2026-11-09")


def test_where_no_line_was_drawn_no_interval_would_hold() -> None:
    found = told([at(2, 0.5), at(3, 0.6)])

    assert (found.safe_line, found.harm_line, found.units_missing) == (None, None, None)
    assert found.raw is not None
    assert (found.raw.interval.low, found.raw.interval.high) == (-math.inf, math.inf)
    # Its lift stands: the control is 200 standard errors from zero.
    assert found.raw.lift == pytest.approx(0.03 / 2)
    assert told([at(3, None, found=False)]).raw is None


@pytest.mark.parametrize(("line", "has_lift"), [(2.75, True), (2.85, False)])
def test_a_lift_needs_a_control_apart_from_zero_at_the_width_of_the_interval(
    line: float, has_lift: bool
) -> None:
    # The control's standard error is 1/sqrt(2): it lies 2.83 of them from zero.
    raw = told([drawn(7, line, -4.0, se=1.0)]).raw

    assert raw is not None
    assert (raw.lift is not None) == has_lift


@pytest.mark.parametrize(("alpha", "sides"), [(0.9, 2), (0.9, 1)])
def test_without_a_line_the_table_s_width_says_whether_there_is_a_lift(
    alpha: float, sides: int
) -> None:
    """At the level of .45 that is .13 errors, and at .9 none: half an error from zero will do."""
    made = plan(metrics=(CONVERSION, RAIL), alpha=alpha, sides=sides)
    history = [at(3, 0.6, se=4 * math.sqrt(2))]

    raw = guardrail_standing(made, RAIL, "coupon", history).raw

    assert raw is not None
    assert raw.lift == pytest.approx(0.03 / 2)


@pytest.mark.parametrize(
    ("z", "missing"),
    [
        (0.0, None),
        (-0.5, None),
        (-1.5, None),
        (None, None),
        (0.5, math.ceil(7_000 * 24)),
        (1.0, math.ceil(7_000 * 5.25)),
        (2.4, math.ceil(7_000 * (6.25 / 5.76 - 1))),
        (2.49999, 1),
        (2.6, 1),
    ],
)
def test_units_are_missing_only_where_more_of_them_help(
    z: float | None, missing: int | None
) -> None:
    assert told([at(7, z, line=Line(2.5, -2.6))]).units_missing == missing


def _few(
    control: int, treatment: int, *, metric: SequentialMetric, with_rates: bool = True
) -> GuardrailAt:
    """After a week of 3,500 in each arm; the z of the figures lies far beyond any line."""
    made = plan(metrics=(CONVERSION, metric))
    rates = TwoRates(treatment, 3500, control, 3500) if with_rates else None
    sign = -1 if metric.direction == "higher" else 1
    contrast = Contrast(0.03, 0.03 + sign * 0.02, 1e-6, 1e-6, rates=rates)
    found = Evidence(metric.name, "coupon", 9.0, contrast, 7_000, (control, treatment))
    counts = tuple(ArmCount(arm, 3500, 500, 500) for arm in made.arms)
    log = LookLog.begin(made).add(made, Look("2026-11-08", 7, counts, (found,)))
    return guardrails_of(made, log, metric, "coupon")[0]


HARM = float(norm.ppf(0.024 * math.log1p((math.e - 1) / 4)))


@pytest.mark.parametrize("total", [25, 40])
def test_with_few_events_harm_is_told_exactly_at_the_margin(total: int) -> None:
    """Fewer: share .5/1.5 at a margin of 50 %. More: share 1.5/2.5."""
    fewer = SequentialMetric("cart_rate", role="guardrail", margin=0.5)
    more = SequentialMetric("cart_rate", role="guardrail", margin=0.5, direction="lower")
    seen = set()
    for treatment in range(total + 1):
        if min(treatment, total - treatment) >= 25:
            continue
        below = norm.ppf(binom.cdf(treatment, total, 1 / 3)) <= HARM
        above = norm.ppf(binom.sf(treatment - 1, total, 0.6)) <= HARM
        assert _few(total - treatment, treatment, metric=fewer).is_harmed == below
        assert _few(total - treatment, treatment, metric=more).is_harmed == above
        assert not _few(total - treatment, treatment, metric=fewer, with_rates=False).is_harmed
        seen |= {("below", bool(below)), ("above", bool(above))}
    assert len(seen) == 4


def test_with_few_events_an_absolute_margin_is_held_by_exact_limits() -> None:
    """Clopper-Pearson at half of the line's level in each arm."""
    level = norm.cdf(HARM) / 2
    beyond = []
    for margin in (0.002, 0.004, 0.008):
        metric = SequentialMetric("cart_rate", role="guardrail", absolute_margin=margin)
        for treatment in range(0, 24, 3):
            low = beta.ppf(level, 60, 3500 - 60 + 1)
            high = beta.ppf(1 - level, treatment + 1, 3500 - treatment)
            expected = low - high > margin
            assert _few(60, treatment, metric=metric).is_harmed == expected
            beyond.append(expected)
    assert beyond.count(True) > 2
    assert beyond.count(False) > 2


def test_below_the_minimum_of_both_arms_together_nothing_is_harmed() -> None:
    fewer = SequentialMetric("cart_rate", role="guardrail", margin=0.05)

    assert _few(25, 0, metric=fewer).is_harmed
    assert not _few(24, 0, metric=fewer).is_harmed
    assert not _few(24, 0, metric=fewer).is_safe


def test_a_guardrail_whose_arms_both_have_enough_is_judged_by_its_z() -> None:
    # 1 % in the treatment against 3 %: (.01 - .95 x .03)/(.001 sqrt(1 + .95^2)).
    far = _few(26, 25, metric=RAIL, with_rates=False)
    # As counts of 25 and 26 they are alike.
    alike = _few(26, 25, metric=RAIL)

    assert far.z == pytest.approx(-0.0185 / (0.001 * math.sqrt(1.9025)))
    assert (far.is_harmed, alike.is_harmed) == (True, False)


def alarm(day: int, bought: tuple[int, int] | None, *, is_raised: bool = False) -> AlarmAt:
    rates = TwoRates(bought[1], 100 * day, bought[0], 101 * day) if bought else None
    return AlarmAt(Look(f"2026-11-{day:02}", day, ()), rates, is_raised)


def test_an_alarm_is_told_as_of_the_look_that_raised_it_or_else_of_the_last() -> None:
    quiet = [alarm(day, (10 * day, 9 * day)) for day in (1, 2, 3, 4)]
    raised = [quiet[0], alarm(2, (20, 1), is_raised=True), alarm(3, (30, 2), is_raised=True)]

    last, first = alarm_standing("coupon", quiet), alarm_standing("coupon", raised)

    assert (last.arm, last.raised_at) == ("coupon", None)
    assert (last.converters, last.units) == ((40, 36), (404, 400))
    assert first.raised_at == "2026-11-02"
    assert (first.converters, first.units) == ((20, 1), (202, 200))
    nothing = alarm_standing("coupon", [quiet[0], alarm(2, None)])
    assert (nothing.converters, nothing.units) == ((0, 0), (0, 0))

"""What must hold of every look log, whatever is in it."""

import math
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import pytest
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide
from fairlift_stats.verdict.ruling import FINAL, KIND_OF
from hypothesis import given, settings
from hypothesis import strategies as st

START = date(2026, 11, 2)
PRIMARY = SequentialMetric("revenue_per_visitor", unit="money", needs="orders")
RAIL = SequentialMetric("conversion_rate", role="guardrail", margin=0.1)
ENGINES = ("group_sequential", "fixed", "yeast", "always_valid", "bayes_expected_loss")
# By day, the z of each treatment on the primary metric, and on the guardrail.
DailyZ = list[tuple[float, float, float, float]]

zs = st.floats(-5, 5)
courses = st.lists(st.tuples(zs, zs, zs, zs), min_size=1, max_size=12)
days = st.lists(st.integers(1, 28), min_size=1, max_size=12, unique=True).map(sorted)


def plan(**changes: Any) -> SequentialPlan:
    fields = {"n_max": 28_000, "maximum_days": 28, "window_days": 0, **changes}
    arms = fields.pop("arms", ("control", "a", "b"))
    metrics = fields.pop("metrics", (PRIMARY, RAIL))
    return SequentialPlan(arms, metrics, **fields)


def found(metric: str, arm: str, z: float, units: int, *, money: float = 1.0) -> Evidence:
    control, se = 2.0 * money, 12.0 * money / math.sqrt(units)
    contrast = Contrast(control, control + z * se, se**2 / 2, se**2 / 2)
    return Evidence(metric, arm, z, contrast, units, events=(400, 400))


def log_of(
    made: SequentialPlan, at: list[int], course: DailyZ, *, money: float = 1.0, extra: float = -9.0
) -> LookLog:
    """The looks of these days; a third treatment always stands at `extra`."""
    log = LookLog.begin(made)
    for day, (a, b, rail_a, rail_b) in zip(at, course, strict=False):
        if log.is_closed:
            break
        units = 1000 * day
        z = {"a": (a, rail_a), "b": (b, rail_b), "c": (extra, extra)}
        evidence = [
            found(metric.name, arm, z[arm][metric.role == "guardrail"], units, money=money)
            for arm in made.treatments
            for metric in made.metrics
        ]
        n = units // len(made.arms)
        counts = tuple(ArmCount(arm, n, n // 20, n // 20) for arm in made.arms)
        look = Look((START + timedelta(days=day)).isoformat(), day, counts, tuple(evidence))
        log = log.add(made, look)
    return log


def said(verdict: Verdict) -> tuple[object, ...]:
    """What was decided, in all its parts but the news."""
    return (
        verdict.kind, verdict.cause, verdict.variant, verdict.metric, verdict.decided_day,
        verdict.headline, verdict.number, verdict.action, verdict.reasons, verdict.facts,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(course=courses, at=days, engine=st.sampled_from(ENGINES), daily=st.booleans())
def test_later_looks_never_change_a_decision(
    course: DailyZ, at: list[int], engine: str, daily: bool
) -> None:
    made = plan(engine=engine, decide="daily" if daily else "weekly")
    log = log_of(made, at, course)
    decided: Verdict | None = None
    for looks in range(1, len(log.looks) + 1):
        verdict = decide(made, log.until(looks))
        assert verdict.kind == KIND_OF[verdict.cause]
        if decided is not None:
            assert said(verdict) == said(decided)
        elif verdict.kind in FINAL:
            assert verdict.decided_day == log.looks[looks - 1].day
            decided = verdict


@settings(max_examples=200, deadline=None)
@given(
    course=courses,
    at=st.just([7, 14, 21, 28]) | days,
    arms=st.sampled_from([("control", "a"), ("control", "a", "b")]),
)
def test_advice_to_give_up_never_flickers(
    course: DailyZ, at: list[int], arms: tuple[str, ...]
) -> None:
    made = plan(arms=arms)
    log = log_of(made, at, course)
    kinds = [decide(made, log.until(looks)).kind for looks in range(1, len(log.looks) + 1)]

    # Days of advice are consecutive: what overrules it does so for good.
    runs = [kind for kind, _ in groupby(kinds)]
    assert runs.count("stop_futile") <= 1


@pytest.mark.parametrize(
    ("zs", "kinds"),
    [
        ((-1.2, 3.0, -0.1, 0.2), ["stop_futile", "keep_going", "keep_going", "inconclusive"]),
        ((-1.2, 3.2, 2.0, -0.2), ["stop_futile", "keep_going", "keep_going", "inconclusive"]),
    ],
)
def test_a_success_that_waits_for_a_guardrail_overrules_advice_for_good(
    zs: tuple[float, ...], kinds: list[str]
) -> None:
    made = plan(arms=("control", "a"), metrics=(PRIMARY, replace(RAIL, margin=0.05)))
    course = [(z, 0.0, rail, 0.0) for z, rail in zip(zs, (0.0, 0.3, 0.2, 0.1), strict=True)]
    log = log_of(made, [7, 14, 21, 28], course)

    verdicts = [decide(made, log.until(looks)) for looks in range(1, 5)]

    assert [verdict.kind for verdict in verdicts] == kinds
    assert verdicts[1].cause == "unsafe"
    assert [verdict.advised_day for verdict in verdicts] == [7, 7, 7, 7]


@settings(max_examples=40, deadline=None)
@given(course=courses, at=days)
def test_after_the_last_look_nobody_is_told_to_keep_going(course: DailyZ, at: list[int]) -> None:
    made = plan()
    verdict = decide(made, log_of(made, [*at[:-1], 28], [*course, (0.0, 0.0, 0.0, 0.0)] * 12))

    assert verdict.kind in ("ship", "stop_harm", "stop_futile", "inconclusive")
    assert verdict.next_due is None


@settings(max_examples=40, deadline=None)
@given(course=courses, at=days, engine=st.sampled_from(ENGINES))
def test_the_names_of_two_treatments_do_not_matter(
    course: DailyZ, at: list[int], engine: str
) -> None:
    made = plan(engine=engine)
    swapped = [(b, a, rail_b, rail_a) for a, b, rail_a, rail_b in course]
    once, other = (decide(made, log_of(made, at, c)) for c in (course, swapped))

    names = {"a": "b", "b": "a", None: None}
    assert (other.kind, other.cause, other.decided_day) == (once.kind, once.cause, once.decided_day)
    assert other.variant == names[once.variant] or _has_ties(course)


def _has_ties(course: DailyZ) -> bool:
    """Two arms at one z are told apart by their place in the plan alone."""
    return any(abs(a - b) < 1e-9 for a, b, _, _ in course)


@settings(max_examples=40, deadline=None)
@given(course=courses, at=days)
def test_an_arm_that_is_never_better_ships_nothing_and_saves_nobody(
    course: DailyZ, at: list[int]
) -> None:
    """The third arm only takes its part of alpha: what ships with it is decided without it too."""
    with_it = plan(arms=("control", "a", "b", "c"))
    without = plan()
    more = decide(with_it, log_of(with_it, at, course, extra=-1.0))
    less = decide(without, log_of(without, at, course))

    assert more.variant != "c" or more.kind != "ship"
    if more.kind != "ship" or (more.variant, "harmed") in _harmed(less):
        return
    assert more.decided_day is not None
    assert less.decided_day is not None
    assert less.decided_day <= more.decided_day


def _harmed(verdict: Verdict) -> set[tuple[str | None, str]]:
    """The arms that are out: their harm is seen earlier where the lines are nearer."""
    facts = verdict.facts
    return {
        *((arm.arm, "harmed") for arm in facts.arms if arm.crossing == "harm"),
        *((rail.arm, rail.state) for rail in facts.guardrails if rail.state == "harmed"),
    }


@settings(max_examples=40, deadline=None)
@given(
    course=courses,
    at=days,
    money=st.sampled_from([0.01, 100.0, 1e6, 1e9]),
    engine=st.sampled_from(ENGINES),
)
def test_money_in_cents_or_in_millions_gives_the_same_verdict(
    course: DailyZ, at: list[int], money: float, engine: str
) -> None:
    made = plan(engine=engine)
    once, other = (decide(made, log_of(made, at, course, money=m)) for m in (1.0, money))

    assert (other.kind, other.cause, other.variant, other.metric, other.decided_day) == (
        once.kind, once.cause, once.variant, once.metric, once.decided_day
    )  # fmt: skip
    for a, b in zip(once.facts.arms, other.facts.arms, strict=True):
        assert a.raw is not None
        assert b.raw is not None
        assert b.raw.value == a.raw.value * money or math.isclose(
            b.raw.value, a.raw.value * money, rel_tol=1e-9, abs_tol=1e-9 * money
        )
        if a.raw.lift_interval is not None and b.raw.lift_interval is not None:
            assert math.isclose(
                a.raw.lift_interval.low, b.raw.lift_interval.low, rel_tol=1e-6, abs_tol=1e-9
            )


@settings(max_examples=40, deadline=None)
@given(course=courses, at=days)
def test_what_is_read_between_two_looks_that_judge_does_not_change_what_they_decide(
    course: DailyZ, at: list[int]
) -> None:
    """Daily looks that cross no line of harm leave the weekly decisions as they are."""
    made = plan(sides=1, metrics=(PRIMARY,))
    judged = {day: values for day, values in zip(at, course, strict=False) if day % 7 == 0}
    if not judged:
        return
    alone = decide(made, log_of(made, list(judged), list(judged.values())))
    among = decide(made, log_of(made, at, course).until(_until(at, max(judged), len(course))))

    assert (among.kind, among.variant, among.decided_day) == (
        alone.kind, alone.variant, alone.decided_day
    )  # fmt: skip


def _until(at: list[int], day: int, known: int) -> int:
    return min(at.index(day) + 1, known)


@settings(max_examples=40, deadline=None)
@given(course=courses, at=days)
def test_a_metric_turned_upside_down_gives_the_mirrored_verdict(
    course: DailyZ, at: list[int]
) -> None:
    up = plan(metrics=(PRIMARY,))
    down = plan(metrics=(replace(PRIMARY, direction="lower"),))
    mirrored = [(-a, -b, rail_a, rail_b) for a, b, rail_a, rail_b in course]

    once, other = decide(up, log_of(up, at, course)), decide(down, log_of(down, at, mirrored))

    assert (other.kind, other.cause, other.variant, other.decided_day) == (
        once.kind, once.cause, once.variant, once.decided_day
    )  # fmt: skip

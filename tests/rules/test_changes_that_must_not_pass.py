"""Seven changes that once went unnoticed: each must make a test of the rule fail.

Mutation runs try the same seven as text, against all tests: NAMED in tools/mutants/scope.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fairlift_stats.sequential import guards, lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan, harm_side
from fairlift_stats.verdict import guardrails, ruling, standings
from fairlift_stats.verdict.guardrails import AlarmAt

from tests.rules import test_rule
from tests.stats.sequential import test_lines, test_verdict_engines

Change = Callable[[pytest.MonkeyPatch], None]
CACHED = (lines.primary_lines, lines.guardrail_lines, lines.alarm_lines, lines.with_drift)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Lines that were drawn before a change must not hide it, nor those after it the truth."""
    for cached in CACHED:
        cached.cache_clear()
    yield
    for cached in CACHED:
        cached.cache_clear()


def the_table() -> None:
    for line in test_rule.LINES:
        test_rule.test_the_verdict_is_that_of_the_written_rule(line)


def doubled_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SAFETY_SIDE", Side(Spending("hsd", -4.0), 0.10))


def another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(plan: SequentialPlan) -> Side | None:
        side = harm_side(plan)
        return None if side is None else Side(Spending("hsd", -4.0), side.level)

    monkeypatch.setattr(lines, "harm_side", late)


def multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    def level(plan: SequentialPlan) -> float:
        return plan.alpha / 2 * len(plan.guardrails) * len(plan.treatments)

    monkeypatch.setattr(lines, "guardrail_level", level)


def forgotten_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = guardrails.alarms_of

    def quiet(plan: SequentialPlan, log: LookLog, arm: str) -> tuple[AlarmAt, ...]:
        return tuple(replace(at, is_raised=False) for at in watch(plan, log, arm))

    monkeypatch.setattr(ruling, "alarms_of", quiet)


def doubled_hope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "_HOPELESS", 0.20)


def doubled_skew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "SKEW_LIMIT", 0.12)


def unshared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "exact_alpha", lambda plan: plan.alpha * 0.98)


def sharing() -> None:
    test_lines.test_more_guardrails_and_treatments_share_their_error_and_safety_is_not_shared()


def giving_up() -> None:
    test_verdict_engines.test_a_fixed_test_is_given_up_below_a_tenth_of_a_chance(
        -0.01, "not_yet_judged"
    )


def exact_arms() -> None:
    test_verdict_engines.test_exact_conversions_share_their_error_over_treatments()


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (doubled_level, the_table),
        (another_shape, the_table),
        (multiplied, sharing),
        (forgotten_alarm, the_table),
        (doubled_hope, giving_up),
        (doubled_skew, the_table),
        (unshared, exact_arms),
    ],
    ids=lambda function: function.__name__,
)
def test_a_changed_rule_is_noticed(
    change: Change, claim: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim()
    for cached in CACHED:
        cached.cache_clear()
    change(monkeypatch)

    with pytest.raises(AssertionError):
        claim()

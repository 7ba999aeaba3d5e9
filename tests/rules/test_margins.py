"""A margin that is a share of the control needs a control that is told to be above zero."""

import math

import pytest
from fairlift_stats.messages import MetricName
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.rules.situations import evidence

RELATIVE = SequentialMetric(
    "profit_per_visitor", role="guardrail", unit="money", needs="orders", margin=0.1
)
ABSOLUTE = SequentialMetric(
    "profit_per_visitor", role="guardrail", unit="money", needs="orders", absolute_margin=0.1
)
CR = SequentialMetric("conversion_rate")


def verdict_of(
    profit: tuple[float, float],
    *,
    rail: SequentialMetric = RELATIVE,
    day: int = 7,
    conversion_z: float = 4.0,
    se: float = 0.02,
) -> Verdict:
    """Conversion at this z, and the profit per visitor of control and treatment."""
    plan = SequentialPlan(("control", "coupon"), (CR, rail), 28_000, maximum_days=28)
    units = 1_000 * day
    contrast = Contrast(*profit, se**2 / 2, se**2 / 2)
    found = Evidence(rail.name, "coupon", contrast.difference / se, contrast, units, (500, 500))
    counts = tuple(ArmCount(arm, units // 2, 500, 500) for arm in plan.arms)
    won = evidence("conversion_rate", conversion_z, units)
    look = Look(f"2026-11-{1 + day:02}", day, counts, (won, found))
    return decide(plan, LookLog.begin(plan).add(plan, look))


@pytest.mark.parametrize("control", [0.0, -1.0, 0.02])
def test_a_winner_beside_a_control_that_loses_money_waits_for_a_margin_that_can_be_judged(
    control: float,
) -> None:
    """Profit at zero, below it, and 1.41 standard errors above it, where 1.645 are needed."""
    going = verdict_of((control, control + 1.0))
    ended = verdict_of((control, control + 1.0), day=28)

    assert (going.kind, going.cause) == ("keep_going", "margin")
    assert (ended.kind, ended.cause) == ("inconclusive", "margin_at_end")
    assert ended.decided_day == 28
    for verdict in (going, ended):
        rail = verdict.facts.guardrails[0]
        assert (rail.state, rail.z, rail.has_no_share) == ("open", None, True)
        assert verdict.headline.figure("metric") == MetricName("profit_per_visitor")
        assert verdict.action.key == "action.absolute_margin"
        told = [verdict.sentence(), *verdict.explanations()]
        # More visitors would not help, and nothing was measured to lie beyond a margin.
        assert not any("more visitors" in sentence for sentence in told)
        assert not any(
            r.key in ("reason.beyond_margin", "reason.units_missing") for r in verdict.reasons
        )
        assert any("absolute_margin" in sentence for sentence in told)


@pytest.mark.parametrize("language", ["en", "es", "ro"])
def test_the_way_out_is_named_in_each_language(language: str) -> None:
    verdict = verdict_of((-1.0, 0.0))

    assert "absolute_margin" in verdict.advice(language)
    assert "10" in " ".join(verdict.explanations(language))


def test_a_control_that_is_told_from_zero_has_shares() -> None:
    """Just above 1.6449 standard errors of .02/sqrt(2): the margin is judged, and it is far off."""
    least = 1.6449 * 0.02 / math.sqrt(2)

    assert verdict_of((1.001 * least, 1.0)).kind == "ship"
    assert verdict_of((0.999 * least, 1.0)).cause == "margin"


def test_an_absolute_margin_is_judged_whatever_the_control_is() -> None:
    """z = (treatment - control + .1)/.02: (.05 + .1)/.02 = 7.5 inside, (-.4 + .1)/.02 = -15."""
    assert verdict_of((-1.0, -0.95), rail=ABSOLUTE).kind == "ship"
    harmed = verdict_of((-1.0, -1.4), rail=ABSOLUTE)
    assert (harmed.kind, harmed.cause) == ("stop_harm", "guardrail_harm")


def test_while_nothing_has_won_the_guardrail_says_that_it_is_not_judged() -> None:
    verdict = verdict_of((-1.0, -1.0), conversion_z=1.5)

    assert (verdict.kind, verdict.cause) == ("keep_going", "running")
    (said,) = (r for r in verdict.reasons if r.key.startswith("reason.guardrail"))
    assert said.key == "reason.guardrail_no_share"

"""A win that waits for its guardrails is neither advised against nor forecast again."""

from dataclasses import replace

import pytest
from fairlift_stats.messages import Day
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.rules.situations import evidence

CR = SequentialMetric("conversion_rate")
RAIL = SequentialMetric("bounce_rate", role="guardrail", direction="lower", margin=0.05)


def verdict_of(looks: dict[int, tuple[float, float]], **changes: object) -> Verdict:
    """By day, the z of conversion and of the guardrail's difference (which never turns safe)."""
    plan = SequentialPlan(("control", "coupon"), (CR, RAIL), 28_000, maximum_days=28)
    plan = replace(plan, **changes)  # type: ignore[arg-type]  # any field of a plan
    log = LookLog.begin(plan)
    for day, (won, rail) in looks.items():
        units = 1_000 * day
        counts = tuple(ArmCount(arm, units // 2, 500, 500) for arm in plan.arms)
        found = evidence(CR.name, won, units), evidence(RAIL.name, rail, units)
        log = log.add(plan, Look(f"2026-11-{1 + day:02}", day, counts, found))
    return decide(plan, log)


@pytest.mark.parametrize("engine", ["group_sequential", "yeast", "fixed"])
def test_without_a_win_so_low_a_z_is_advised_against(engine: str) -> None:
    assert verdict_of({7: (-0.3, 0.0), 21: (-0.3, 0.0)}, engine=engine).kind == "stop_futile"


@pytest.mark.parametrize("engine", ["group_sequential", "yeast"])
def test_a_win_that_waits_is_not_advised_against(engine: str) -> None:
    """It won on day 7 at z = 5, and lies behind a little later on: it can still ship."""
    verdict = verdict_of({7: (5.0, 2.0), 21: (-0.3, 2.0)}, engine=engine)

    assert (verdict.kind, verdict.cause, verdict.advised_day) == ("keep_going", "running", None)
    assert verdict.facts.outlook is None
    assert verdict.facts.arms[0].gives_up is False
    assert verdict.headline.key == "verdict.won_waits"
    assert verdict.headline.figure("won") == Day("2026-11-08")
    assert not any(r.key in ("reason.meter", "reason.chances") for r in verdict.reasons)
    for language in ("en", "es", "ro"):
        assert "coupon" in verdict.sentence(language)


def test_a_win_that_leads_and_waits_forecasts_nothing() -> None:
    verdict = verdict_of({7: (5.0, 2.0), 14: (3.0, 2.0)})

    assert (verdict.kind, verdict.cause) == ("keep_going", "unsafe")
    assert verdict.facts.outlook is None


def test_between_judging_looks_a_win_that_fell_behind_still_waits() -> None:
    verdict = verdict_of({7: (5.0, 2.0), 10: (-0.1, 2.0)})

    assert (verdict.cause, verdict.headline.key) == ("not_yet_judged", "verdict.won_waits")


def test_advice_that_a_win_overruled_does_not_come_back_when_that_arm_harms() -> None:
    """All are behind on day 7; a wins on day 14 and is harmful on day 21; b never recovers."""
    arms = ("control", "a", "b")
    plan = SequentialPlan(arms, (CR, RAIL), 42_000, maximum_days=28)
    log = LookLog.begin(plan)
    read: list[Verdict] = []
    for day, a, rail in ((7, -1.9, 0.0), (14, 5.0, 0.0), (21, 5.0, 6.0)):
        counts = tuple(ArmCount(arm, 500 * day, 500, 500) for arm in arms)
        found = [evidence(CR.name, a, 1_000 * day, arm="a")]
        found += [evidence(CR.name, -1.9, 1_000 * day, arm="b")]
        # A bounce rate that is lower is better: above zero is a loss.
        found += [evidence(RAIL.name, rail, 1_000 * day, arm="a")]
        found += [evidence(RAIL.name, 0.0, 1_000 * day, arm="b")]
        log = log.add(plan, Look(f"2026-11-{1 + day:02}", day, counts, tuple(found)))
        read.append(decide(plan, log))

    assert [verdict.kind for verdict in read] == ["stop_futile", "keep_going", "keep_going"]
    assert [verdict.cause for verdict in read] == ["hopeless", "unsafe", "running"]

"""What a campaign that is over says of itself."""

import pytest
from fairlift_stats.messages import Percent
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import decide

from tests.rules.situations import situation


def test_a_lead_that_was_lost_by_the_end_is_not_told_as_the_effect() -> None:
    """A crossing on day 7 waited for its guardrail in vain: the end has figures of its own."""
    looks = {7: 4.0, 14: 2.0, 21: 0.5, 28: -0.1}
    made = situation(
        {
            "name": "", "verdict": "", "cause": "", "looks": looks,
            "guardrail": dict.fromkeys(looks, 1.0), "plan": {"futility": None},
        }
    )  # fmt: skip

    verdict = decide(made.plan, made.log)

    assert (verdict.kind, verdict.cause) == ("inconclusive", "ended")
    # z = -.1 at 28,000 visitors who convert at 3 %: -.1 sqrt(4 .03 .97/28,000)/.03 = -.68 %.
    assert isinstance(verdict.number, Percent)
    assert round(verdict.number.value, 4) == -0.0068
    assert verdict.sentence().endswith(
        "is not clearly better than control (conversion rate -0.7%)."
    )
    assert not any("first with enough evidence" in reason for reason in verdict.explanations())


@pytest.mark.parametrize(
    ("mature", "said"),
    [
        # Entry weeks of seven days are mature 90 days after they end: on day 97.
        (0, "Nothing to judge yet: the first decision is made with the data of February 13"),
        (50, "Do not decide yet: control has 0 buyers and needs at least 25."),
    ],
)
def test_buyers_whose_windows_are_all_open_are_not_said_to_be_none(mature: int, said: str) -> None:
    """4,000 visitors in each arm, of whom many bought; the window is 90 days."""
    plan = SequentialPlan(
        ("control", "popup"),
        (SequentialMetric("clv_90", needs="converters"),),
        8_000,
        maximum_days=14,
        window_days=90,
    )
    counts = tuple(
        ArmCount(arm, mature, converters=0, orders=0, entered=4_000) for arm in plan.arms
    )
    look = Look(at="2026-11-24", day=16, counts=counts)

    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    assert (verdict.kind, verdict.cause) == ("do_not_trust", "few")
    assert verdict.sentence().startswith(said)

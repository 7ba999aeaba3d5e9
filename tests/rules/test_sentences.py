"""What a campaign that is over says of itself."""

from fairlift_stats.messages import Percent
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

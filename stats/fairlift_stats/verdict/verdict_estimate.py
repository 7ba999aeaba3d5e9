"""The one estimate that a verdict tells: of its headline, of lists and of charts."""

from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import ArmStanding, Estimate, Facts
from fairlift_stats.verdict.ruling import Ruling

__all__ = ["contradicts_harm", "has_waited", "verdict_estimate"]


def verdict_estimate(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> Estimate | None:
    """The effect on the ruling's metric in its arm; None where that is not compared.

    Corrected for the freedom to stop earlier, except where another figure decided: a win that
    waited for a guardrail is told as of the look that ships, an end as of the end, and harm under
    a prior as it was measured, since the prior has no part in the line of harm.
    """
    if ruling.cause == "guardrail_harm":
        return facts.guardrail(ruling.arm, ruling.metric).raw
    standing = next(
        (s for s in facts.arms if (s.arm, s.metric) == (ruling.arm, ruling.metric)), None
    )
    if standing is None:  # the built-in alarm, in a plan that is not about conversion
        return None
    tells_raw = (
        (ruling.cause == "won" and has_waited(standing, facts))
        or (ruling.cause == "ended" and standing.crossing is not None)
        or (ruling.cause == "harm" and plan.engine == "bayes_expected_loss")
    )
    return standing.raw if tells_raw else standing.corrected or standing.raw


def has_waited(standing: ArmStanding, facts: Facts) -> bool:
    """True for a winner of an earlier look, whose figures of this one hold as well."""
    raw = standing.raw
    return standing.crossed_at != facts.at and raw is not None and raw.at == facts.at


def contradicts_harm(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> bool:
    """True when the interval does not leave out what harm denies: no effect, or the margin.

    While an arm has few events harm is shown by an exact test of their numbers, which may be
    sharper than the interval.
    """
    estimate = verdict_estimate(plan, facts, ruling)
    if ruling.cause not in ("harm", "guardrail_harm") or estimate is None:
        return False
    interval, allowed = estimate.interval, 0.0
    if ruling.cause == "guardrail_harm":
        margin = facts.guardrail(ruling.arm, ruling.metric).margin
        allowed = -margin.size
        if not margin.is_absolute and estimate.lift_interval is not None:
            interval = estimate.lift_interval
    if plan.metric(ruling.metric).direction == "higher":
        return interval.high > allowed
    return -interval.low > allowed

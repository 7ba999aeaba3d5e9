"""Which of the five verdicts the facts give, and for which cause: rules only, no words."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fairlift_stats.sequential.guards import days_to_wait, too_few
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Comparison, Facts, Guardrail, oriented

VerdictKind: TypeAlias = Literal["ship", "stop_harm", "stop_futile", "keep_going", "do_not_trust"]
Cause: TypeAlias = Literal[
    "split",
    "harm",
    "guardrail_harm",
    "few",
    "no_answer",
    "skew",
    "won",
    "hold",
    "unsafe",
    "unsafe_at_end",
    "days",
    "ended",
    "hopeless",
    "no_gain",
    "running",
]

KIND_OF: Final[dict[Cause, VerdictKind]] = {
    "split": "do_not_trust",
    "harm": "stop_harm",
    "guardrail_harm": "stop_harm",
    "few": "do_not_trust",
    "no_answer": "do_not_trust",
    "skew": "do_not_trust",
    "won": "ship",
    "hold": "keep_going",
    "unsafe": "keep_going",
    "unsafe_at_end": "stop_futile",
    "days": "do_not_trust",
    "ended": "stop_futile",
    "hopeless": "stop_futile",
    "no_gain": "stop_futile",
    "running": "keep_going",
}

# Below this chance to win, under the very effect that was planned, playing on is not worth it.
_HOPELESS: Final = 0.10


@dataclass(frozen=True, slots=True)
class Ruling:
    """A cause, the comparison it rests on, and the guardrail if one decided."""

    cause: Cause
    comparison: Comparison
    guardrail: Guardrail | None = None

    @property
    def kind(self) -> VerdictKind:
        """The verdict that this cause gives."""
        return KIND_OF[self.cause]


def rule(plan: SequentialPlan, look: Look, facts: Facts) -> Ruling:
    """The first rule that speaks, in the order of what may overrule what.

    A broken split forbids every verdict. Harm needs no full week. Success and giving up do.
    """
    leader = leading(plan, facts.comparisons)
    if facts.split.check.blocks:
        return Ruling("split", leader)
    alive = [arm for arm in plan.treatments if _harm(facts, arm) is None]
    if not alive:
        return _worst(plan, facts)
    leader = leading(plan, [c for c in facts.comparisons if c.arm in alive])
    return (
        _not_yet(plan, look, leader)
        or _success(plan, facts, alive)
        or _no_success(plan, facts, alive, leader)
    )


def leading(
    plan: SequentialPlan, comparisons: "list[Comparison] | tuple[Comparison, ...]"
) -> Comparison:
    """The comparison nearest to success: on the lift if several have crossed, else on z."""

    def rank(comparison: Comparison) -> tuple[bool, float]:
        metric = next(m for m in plan.primaries if m.name == comparison.metric)
        crossed = comparison.crossing == "success"
        best = comparison.raw or comparison.corrected
        if crossed and best is not None and best.lift is not None:
            return True, oriented(metric, best.lift)
        return crossed, comparison.z if comparison.z is not None else float("-inf")

    return max(comparisons, key=rank)


def _harm(facts: Facts, arm: str) -> Ruling | None:
    for comparison in facts.comparisons:
        if comparison.arm == arm and comparison.crossing == "harm":
            return Ruling("harm", comparison)
    for rail in facts.guardrails:
        if rail.arm == arm and rail.harmed:
            first = next(c for c in facts.comparisons if c.arm == arm)
            return Ruling("guardrail_harm", first, rail)
    return None


def _worst(plan: SequentialPlan, facts: Facts) -> Ruling:
    rulings = [r for arm in plan.treatments if (r := _harm(facts, arm)) is not None]
    return min(rulings, key=lambda r: r.comparison.z if r.comparison.z is not None else 0.0)


def _not_yet(plan: SequentialPlan, look: Look, leader: Comparison) -> Ruling | None:
    if too_few(plan, look) is not None:
        return Ruling("few", leader)
    if leader.z is None:
        return Ruling("no_answer", leader)
    return None if leader.trusted else Ruling("skew", leader)


def _success(plan: SequentialPlan, facts: Facts, alive: list[str]) -> Ruling | None:
    """Success, or what it still waits for."""
    won = [c for c in facts.comparisons if c.arm in alive and c.crossing == "success" and c.leads]
    if not won:
        return None
    ended = has_ended(plan, facts)
    wait = days_to_wait(plan, facts.day)
    safe = [c for c in won if _unsafe(facts, c.arm) is None]
    if not safe:
        best = leading(plan, won)
        cause: Cause = "unsafe_at_end" if ended else "unsafe"
        return Ruling(cause, best, _unsafe(facts, best.arm))
    best = leading(plan, safe)
    if facts.day < plan.minimum_days:
        return Ruling("days", best)
    return Ruling("hold" if wait and not ended else "won", best)


def _unsafe(facts: Facts, arm: str) -> Guardrail | None:
    return next((r for r in facts.guardrails if r.arm == arm and not r.passes), None)


def _no_success(plan: SequentialPlan, facts: Facts, alive: list[str], leader: Comparison) -> Ruling:
    if facts.day < plan.minimum_days:
        return Ruling("days", leader)
    if has_ended(plan, facts):
        return Ruling("ended", leader)
    if all(c.gives_up for c in facts.comparisons if c.arm in alive):
        return Ruling("no_gain" if leader.loss is not None else "hopeless", leader)
    view = facts.outlook
    hopeless = view is not None and view.conditional_power < _HOPELESS
    if hopeless and plan.futility is not None and plan.engine in ("yeast", "fixed"):
        return Ruling("hopeless", leader)
    return Ruling("running", leader)


def has_ended(plan: SequentialPlan, facts: Facts) -> bool:
    """True when the plan allows no further look, or its days are over with none to come."""
    return plan.is_last(facts.information, facts.day)

"""What the plan says to do now, and what stands behind it."""

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from fairlift_stats.locale import text
from fairlift_stats.messages import Figure, Message, Names
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.compare import comparison
from fairlift_stats.verdict.facts import Facts, confidence_of, split_of
from fairlift_stats.verdict.ruling import Cause, VerdictKind, has_ended, leading, rule
from fairlift_stats.verdict.sentences import say
from fairlift_stats.verdict.watch import guardrail, outlook

__all__ = ["Cause", "Facts", "Verdict", "VerdictKind", "decide"]

_NO_NAMES = Names()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the plan says to do now.

    Attributes:
        kind: one of five.
        cause: the rule that spoke.
        variant: the treatment it speaks of; None when it speaks of the whole campaign.
        metric: the metric of that treatment that decided, a guardrail's where one did.
        headline: one sentence.
        number: the one figure to look at.
        action: what to do.
        reasons: in the order in which they matter.
        facts: what stands behind.
    """

    kind: VerdictKind
    cause: Cause
    variant: str | None
    metric: str | None
    headline: Message
    number: Figure
    action: Message
    reasons: tuple[Message, ...]
    facts: Facts

    def sentence(self, locale: str = "en", names: Names = _NO_NAMES) -> str:
        """The one sentence, in English, Spanish or Romanian."""
        return text(self.headline, locale, names)

    def advice(self, locale: str = "en", names: Names = _NO_NAMES) -> str:
        """The one action."""
        return text(self.action, locale, names)

    def explanations(self, locale: str = "en", names: Names = _NO_NAMES) -> tuple[str, ...]:
        """The reasons, in their order."""
        return tuple(text(reason, locale, names) for reason in self.reasons)

    def to_json(self) -> str:
        """Canonical JSON: equal for equal look logs, to the bit. An endless limit is null."""
        return json.dumps(
            _finite(asdict(self)), sort_keys=True, separators=(",", ":"), allow_nan=False
        )


# Values of a dataclass turned into JSON's: many shapes pass here.
def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def decide(plan: SequentialPlan, log: LookLog, *, day: int | None = None) -> Verdict:
    """The verdict of a look log: a pure function of it and of the plan.

    `day` is today's count of full days since the start, when days have passed with no new look:
    after the last look of a plan only the days still run.

    Raises:
        PlanChanged: the log was begun under another plan, or its lines were altered.
        BadLook: the log is empty, or `day` lies before the last look.
    """
    log.check(plan)
    if not log.looks:
        raise BadLook("look log: is empty; a verdict needs one look")
    look = log.looks[-1]
    if day is not None and day < look.day:
        raise BadLook(f"day: is {day}, the last look was on day {look.day}")
    facts = _facts(plan, log, look.day if day is None else day)
    ruling = rule(plan, look, facts)
    spoken = say(plan, look, facts, ruling)
    is_of_all = ruling.kind == "do_not_trust"
    decided = ruling.comparison if ruling.guardrail is None else ruling.guardrail
    return Verdict(
        kind=ruling.kind,
        cause=ruling.cause,
        variant=None if is_of_all else decided.arm,
        metric=None if is_of_all else decided.metric,
        headline=spoken.headline,
        number=spoken.number,
        action=spoken.action,
        reasons=spoken.reasons,
        facts=facts,
    )


def _facts(plan: SequentialPlan, log: LookLog, day: int) -> Facts:
    last = log.looks[-1]
    comparisons = tuple(
        comparison(plan, log, metric, arm) for arm in plan.treatments for metric in plan.primaries
    )
    facts = Facts(
        at=last.at,
        day=day,
        information=log.times[-1],
        confidence=confidence_of(plan),
        comparisons=comparisons,
        guardrails=tuple(
            guardrail(plan, log, metric, arm)
            for arm in plan.treatments
            for metric in plan.guardrails
        ),
        split=split_of(plan, log),
        outlook=None,
    )
    if has_ended(plan, facts):
        return facts
    running = [c for c in comparisons if c.crossing != "harm"]
    return replace(facts, outlook=outlook(plan, log, leading(plan, running or comparisons)))

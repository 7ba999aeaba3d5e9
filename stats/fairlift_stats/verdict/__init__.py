"""What the plan says to do now, and what stands behind it."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from fairlift_stats.effects import CannotSayCode
from fairlift_stats.locale import text
from fairlift_stats.messages import Figure, Message, Names
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.arm_facts import arm_standing
from fairlift_stats.verdict.facts import Estimate, Facts, NoOutlook, Outlook, confidence_of
from fairlift_stats.verdict.guardrails import alarm_standing, guardrail_standing
from fairlift_stats.verdict.outlook import no_outlook_of, outlook_of
from fairlift_stats.verdict.ruling import (
    FINAL,
    Cause,
    Course,
    Ruling,
    VerdictKind,
    course_of,
    rulings_in_force,
)
from fairlift_stats.verdict.sample_ratio import sample_ratio_of
from fairlift_stats.verdict.sentences import say
from fairlift_stats.verdict.since import since_then
from fairlift_stats.verdict.standings import Standing, first_crossing
from fairlift_stats.verdict.verdict_estimate import verdict_estimate

__all__ = ["Cause", "Facts", "Verdict", "VerdictKind", "decide"]

_NO_NAMES = Names()
# Causes that distrust the data, and those that wait for more of them.
_UNTRUSTED = frozenset({"split", "skew"})
_TOO_EARLY = frozenset({"few", "no_answer"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the plan says to do now.

    Attributes:
        kind: one of six.
        cause: the rule that spoke.
        variant: the treatment it speaks of; None when it speaks of the whole campaign.
        metric: the metric of that treatment that decided, a guardrail's where one did.
        headline: one sentence.
        number: the one figure to look at.
        estimate: the effect on `metric` in `variant`, as the headline tells it; None where the
            verdict is not about one.
        action: what to do.
        reasons: in the order in which they matter.
        since: what came after the look that the verdict is of; it changes nothing.
        decided_day: the campaign day whose look decided; None while nothing is decided.
        advised_day: the campaign day whose look first advised to give up; it stays when something
            stronger overrules the advice.
        next_due: the next campaign day whose look judges success; None when there is none.
        facts: what stands behind, as of the look that the verdict is of.
    """

    kind: VerdictKind
    cause: Cause
    variant: str | None
    metric: str | None
    headline: Message
    number: Figure
    estimate: Estimate | None
    action: Message
    reasons: tuple[Message, ...]
    since: tuple[Message, ...]
    decided_day: int | None
    advised_day: int | None
    next_due: int | None
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

    def news(self, locale: str = "en", names: Names = _NO_NAMES) -> tuple[str, ...]:
        """What came after the look that the verdict is of."""
        return tuple(text(message, locale, names) for message in self.since)

    def to_json(self) -> str:
        """Canonical JSON: equal for equal look logs, to the bit. An endless limit is null."""
        return json.dumps(
            _finite(asdict(self)), sort_keys=True, separators=(",", ":"), allow_nan=False
        )


# Values of a dataclass turned into JSON's: many shapes pass through here.
def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case CannotSayCode():
            return value.value
        case _:
            return value


def decide(plan: SequentialPlan, log: LookLog) -> Verdict:
    """The verdict of a look log: a pure function of it and of the sealed plan.

    The first decision stands: what later looks bring is told beside it, in `since`.

    Raises:
        PlanChanged: the log was begun under another plan.
        BadLook: the log is empty, or does not follow the plan's calendar.
    """
    log.check(plan)
    if not log.looks:
        raise BadLook("look log: is empty; a verdict needs one look")
    course = course_of(plan, log)
    in_force = rulings_in_force(course)
    ruling = in_force[-1]
    advice = next((past for past in in_force if past.kind == "stop_futile"), None)
    look = log.looks[ruling.look]
    facts = _facts(plan, log, course, ruling)
    last = log.looks[-1]
    spoken = say(plan, look, facts, ruling, None if last.closing is None else last)
    is_of_all = ruling.kind == "do_not_trust"
    is_final = ruling.kind in FINAL
    return Verdict(
        kind=ruling.kind,
        cause=ruling.cause,
        variant=None if is_of_all else ruling.arm,
        metric=None if is_of_all else ruling.metric,
        headline=spoken.headline,
        number=spoken.number,
        estimate=None if is_of_all else verdict_estimate(plan, facts, ruling),
        action=spoken.action,
        reasons=spoken.reasons,
        since=since_then(course, ruling),
        decided_day=look.day if is_final else None,
        advised_day=None if advice is None else log.looks[advice.look].day,
        next_due=None if is_final or last.closing is not None else next_due(plan, last.day),
        facts=facts,
    )


def _facts(plan: SequentialPlan, log: LookLog, course: Course, ruling: Ruling) -> Facts:
    """What was known at the look that the ruling is of."""
    known = ruling.look + 1
    last = log.looks[ruling.look]
    leading = course.arms.get((ruling.arm, ruling.metric), ())[:known]
    outlook, no_outlook = _outlook(plan, ruling, last, leading)
    return Facts(
        at=last.at,
        day=last.day,
        information=plan.information(last.units),
        confidence=confidence_of(plan),
        arms=tuple(
            arm_standing(plan, plan.metric(metric), arm, standings[:known])
            for (arm, metric), standings in course.arms.items()
        ),
        guardrails=tuple(
            guardrail_standing(plan, plan.metric(metric), arm, history[:known])
            for (arm, metric), history in course.guardrails.items()
        ),
        alarms=tuple(
            alarm_standing(arm, history[:known]) for arm, history in course.alarms.items()
        ),
        sample_ratio=sample_ratio_of(plan, log.until(known)),
        outlook=outlook,
        no_outlook=no_outlook,
    )


def _outlook(
    plan: SequentialPlan, ruling: Ruling, last: Look, leading: tuple[Standing, ...]
) -> tuple[Outlook | None, NoOutlook | None]:
    """When a decision is to be expected, or why that cannot be said while one is waited for."""
    if ruling.kind in FINAL or last.closing is not None or not leading:
        return None, None
    if ruling.cause in _UNTRUSTED:
        return None, "broken"
    # A success that was shown is no longer to be expected: it waits for its guardrails.
    if first_crossing(leading, "success") is not None:
        return None, "waits"
    if ruling.cause in _TOO_EARLY:
        return None, "no_evidence"
    found = outlook_of(plan, leading)
    return found, None if found is not None else no_outlook_of(plan, leading) or "no_lines"

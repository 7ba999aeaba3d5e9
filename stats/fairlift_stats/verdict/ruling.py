"""The written rule, look by look: which verdict the standings give, and for which cause.

Rules only, no words. A ruling at a look knows nothing of later looks; the first that is final
stands for ever, so later days, orders and stops change nothing that was decided.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from fairlift_stats.sequential.anytime.counts import BLOCK_AT
from fairlift_stats.sequential.calendar import Occasion, days_of_entry
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict.facts import oriented
from fairlift_stats.verdict.guardrails import (
    AlarmAt,
    GuardrailAt,
    alarms_of,
    guardrails_of,
    harmed_at,
    safe_at,
)
from fairlift_stats.verdict.sample_ratio import log_e_values
from fairlift_stats.verdict.standings import Standing, first_crossing, standings_of

__all__ = [
    "FINAL",
    "KIND_OF",
    "Cause",
    "Course",
    "Ruling",
    "VerdictKind",
    "course_of",
    "is_split_broken",
    "rulings",
    "rulings_in_force",
    "standing_ruling",
]

VerdictKind: TypeAlias = Literal[
    "ship", "stop_harm", "stop_futile", "keep_going", "do_not_trust", "inconclusive"
]
Cause: TypeAlias = Literal[
    "won",
    "harm",
    "guardrail_harm",
    "alarm",
    "split",
    "few",
    "no_answer",
    "skew",
    "days",
    "not_yet_judged",
    "unsafe",
    "unsafe_at_end",
    "margin",
    "margin_at_end",
    "skew_at_end",
    "ended",
    "ended_few",
    "no_answer_at_end",
    "stopped",
    "no_gain",
    "hopeless",
    "running",
]

KIND_OF: Final[Mapping[Cause, VerdictKind]] = {
    "won": "ship",
    "harm": "stop_harm",
    "guardrail_harm": "stop_harm",
    "alarm": "stop_harm",
    "split": "do_not_trust",
    "few": "do_not_trust",
    "no_answer": "do_not_trust",
    "skew": "do_not_trust",
    "days": "do_not_trust",
    "not_yet_judged": "keep_going",
    "unsafe": "keep_going",
    "unsafe_at_end": "inconclusive",
    "margin": "keep_going",
    "margin_at_end": "inconclusive",
    "skew_at_end": "inconclusive",
    "ended": "inconclusive",
    "ended_few": "inconclusive",
    "no_answer_at_end": "inconclusive",
    "stopped": "inconclusive",
    "no_gain": "stop_futile",
    "hopeless": "stop_futile",
    "running": "keep_going",
}
# What is decided; giving up is advice, and trust may come back only with a new epoch.
FINAL: Final = frozenset({"ship", "stop_harm", "inconclusive"})
# What is stronger than the advice to give up.
_OVERRULE_ADVICE: Final = frozenset(
    {
        "won", "harm", "guardrail_harm", "alarm", "split",
        "unsafe", "unsafe_at_end", "margin", "margin_at_end",
    }
)  # fmt: skip
# The metric that the built-in alarm watches.
ALARM_METRIC: Final = "conversion_rate"
_BLOCK_LOG: Final = math.log(BLOCK_AT)

Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ruling:
    """A cause, the arm and metric that it speaks of, and the look (from 0) that it is of."""

    cause: Cause
    arm: str
    metric: str
    look: int

    @property
    def kind(self) -> VerdictKind:
        """The verdict that this cause gives."""
        return KIND_OF[self.cause]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What every comparison does over all looks: what the rule is applied to.

    Attributes:
        plan: the plan.
        looks: all of them.
        occasions: what each look is for.
        arms: by treatment and primary metric.
        guardrails: by treatment and guardrail.
        alarms: by treatment.
        log_e: evidence against the planned split at each look.
    """

    plan: SequentialPlan
    looks: tuple[Look, ...]
    occasions: tuple[Occasion, ...]
    arms: Mapping[Pair, tuple[Standing, ...]]
    guardrails: Mapping[Pair, tuple[GuardrailAt, ...]]
    alarms: Mapping[str, tuple[AlarmAt, ...]]
    log_e: tuple[float, ...]


def course_of(plan: SequentialPlan, log: LookLog) -> Course:
    """Every comparison at every look."""
    return Course(
        plan,
        log.looks,
        tuple(look.occasion(plan) for look in log.looks),
        {
            (arm, metric.name): standings_of(plan, log, metric, arm)
            for arm in plan.treatments
            for metric in plan.primaries
        },
        {
            (arm, metric.name): guardrails_of(plan, log, metric, arm)
            for arm in plan.treatments
            for metric in plan.guardrails
        },
        {arm: alarms_of(plan, log, arm) for arm in plan.treatments},
        tuple(log_e_values(plan, log)),
    )


def is_split_broken(log_e: Sequence[float]) -> bool:
    """True when the evidence against the planned split forbade a verdict at any of these looks."""
    return max(log_e) >= _BLOCK_LOG


def standing_ruling(course: Course) -> Ruling:
    """The ruling in force after all looks: the first that is final, or else the last."""
    return rulings_in_force(course)[-1]


def rulings_in_force(course: Course) -> tuple[Ruling, ...]:
    """The rulings of all looks until the first that is final."""
    in_force: list[Ruling] = []
    for ruling in rulings(course):
        in_force.append(ruling)
        if ruling.kind in FINAL:
            break
    return tuple(in_force)


def rulings(course: Course) -> Iterator[Ruling]:
    """The ruling at each look, each from that look and the ones before it."""
    rule = _Rule(course)
    advice: Ruling | None = None
    is_overruled = False
    for look in range(len(course.looks)):
        ruling = rule.at(look)
        if ruling.kind == "stop_futile" and advice is None:
            advice = ruling
        # Advice to give up stays until something stronger speaks, and does not come back after.
        is_overruled |= advice is not None and ruling.cause in _OVERRULE_ADVICE
        if advice is not None and not is_overruled:
            ruling = advice
        elif ruling.kind == "stop_futile" and is_overruled:
            ruling = replace(ruling, cause=rule.waits_for_more(look))
        yield ruling


class _Rule:
    """The rule of one course; the looks at which lines were first crossed are found once."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan = course.plan
        self._won = {pair: first_crossing(s, "success") for pair, s in course.arms.items()}
        self._safe = {pair: safe_at(history) for pair, history in course.guardrails.items()}
        self._harm = {arm: self._harms(arm) for arm in self._plan.treatments}

    def at(self, look: int) -> Ruling:
        """The first rule that speaks, in the order of what may overrule what.

        A broken split forbids every verdict. Harm needs no full week. Success does.
        """
        if is_split_broken(self._course.log_e[: look + 1]):
            return self._of("split", self._leading(look, self._plan.treatments), look)
        harms = {arm: harm for arm in self._plan.treatments if (harm := self._harm_by(arm, look))}
        alive = tuple(arm for arm in self._plan.treatments if arm not in harms)
        if not alive:
            return self._worst(harms, look)
        leader = self._leading(look, alive)
        won = self._success(look, alive)
        if won is not None:
            return won
        if self._course.occasions[look].closing is not None:
            return self._of(self._end(look, alive, leader), leader, look)
        return self._of(self._still_open(look, alive, leader), leader, look)

    def _harms(self, arm: str) -> list[tuple[int, float, Ruling]]:
        """When, how far below and by what this arm was first shown to harm, in every way."""
        found: list[tuple[int, float, Ruling]] = []
        for metric in self._plan.primaries:
            history = self._course.arms[arm, metric.name]
            at = first_crossing(history, "harm")
            if at is not None:
                found.append((at, _z_of(history[at]), Ruling("harm", arm, metric.name, at)))
        for metric in self._plan.guardrails:
            rail = self._course.guardrails[arm, metric.name]
            at = harmed_at(rail)
            if at is not None:
                ruling = Ruling("guardrail_harm", arm, metric.name, at)
                found.append((at, _z_of(rail[at]), ruling))
        alarm = self._course.alarms[arm]
        at = next((i for i, a in enumerate(alarm) if a.is_raised), None)
        if at is not None:
            found.append((at, 0.0, Ruling("alarm", arm, ALARM_METRIC, at)))
        # The earliest look first; at the same look primaries before guardrails and the alarm.
        return sorted(found, key=lambda harm: harm[0])

    def _harm_by(self, arm: str, look: int) -> tuple[int, float, Ruling] | None:
        """What first showed this arm to harm, by this look."""
        return next((harm for harm in self._harm[arm] if harm[0] <= look), None)

    def _worst(self, harms: Mapping[str, tuple[int, float, Ruling]], look: int) -> Ruling:
        """When all arms are out: the one that lies furthest below its line."""
        _, _, ruling = min(harms.values(), key=lambda harm: harm[1])
        return Ruling(ruling.cause, ruling.arm, ruling.metric, look)

    def _success(self, look: int, alive: tuple[str, ...]) -> Ruling | None:
        """A winner whose guardrails are safe, or one that still waits for them."""
        won = [
            pair
            for pair in self._won
            if self._has_won(pair, look)
            and pair[0] in alive
            and self._course.arms[pair][look].leads
        ]
        if not won:
            return None
        occasion = self._course.occasions[look]
        safe = [pair for pair in won if self._is_safe(pair[0], look)]
        if safe and occasion.judges_success:
            return self._of("won", self._best(look, safe), look)
        if safe:  # it turned round and back: the next judging look decides
            return None
        best = self._best(look, won)
        is_open = occasion.closing is None
        if self._lacks_margin(best[0], look):
            return self._of("margin" if is_open else "margin_at_end", best, look)
        return self._of("unsafe" if is_open else "unsafe_at_end", best, look)

    def _has_won(self, pair: Pair, look: int) -> bool:
        """True once its success was shown: a win is not taken back while it waits to ship."""
        at = self._won[pair]
        return at is not None and at <= look

    def _is_safe(self, arm: str, look: int) -> bool:
        safe = (self._safe[arm, rail.name] for rail in self._plan.guardrails)
        return all(at is not None and at <= look for at in safe)

    def _lacks_margin(self, arm: str, look: int) -> bool:
        """True when a guardrail that is not safe cannot be: its control has no share."""
        for rail in self._plan.guardrails:
            safe = self._safe[arm, rail.name]
            is_open = safe is None or safe > look
            if is_open and self._course.guardrails[arm, rail.name][look].has_no_share:
                return True
        return False

    def _end(self, look: int, alive: tuple[str, ...], leader: Pair) -> Cause:
        """Why a campaign that is over without a decision has none."""
        standing = self._course.arms[leader][look]
        if self._course.occasions[look].closing == "stopped":
            return "stopped"
        if not standing.tail.trusted:
            return "skew_at_end"
        if not self._any_enough(look, alive):
            return "ended_few"
        return "no_answer_at_end" if standing.z is None else "ended"

    def _still_open(self, look: int, alive: tuple[str, ...], leader: Pair) -> Cause:
        """What a campaign that goes on waits for."""
        standing = self._course.arms[leader][look]
        if not standing.tail.trusted:
            return "skew"
        if self._course.looks[look].day < self._plan.minimum_days:
            return "days"
        if not self._any_enough(look, alive):
            return "few"
        if standing.z is None:
            return "no_answer"
        open_pairs = (pair for pair in self._course.arms if pair[0] in alive)
        gives_up = all(
            self._course.arms[pair][look].gives_up and not self._has_won(pair, look)
            for pair in open_pairs
        )
        if gives_up and self._has_minimum(look):
            return "hopeless" if standing.loss is None else "no_gain"
        return self.waits_for_more(look)

    def waits_for_more(self, look: int) -> Cause:
        """The cause of a campaign that goes on because nothing is shown so far."""
        return "running" if self._course.occasions[look].judges_success else "not_yet_judged"

    def _any_enough(self, look: int, alive: tuple[str, ...]) -> bool:
        """True when one comparison at least has what its metric needs in both of its arms."""
        return any(
            history[look].counts.enough
            for (arm, _), history in self._course.arms.items()
            if arm in alive
        )

    def _has_minimum(self, look: int) -> bool:
        day = self._course.looks[look].day
        return days_of_entry(self._plan, day) >= self._plan.minimum_days

    def _leading(self, look: int, arms: tuple[str, ...]) -> Pair:
        """The comparison nearest to success: the best winner, or else the largest z."""
        pairs = [pair for pair in self._course.arms if pair[0] in arms]
        won = [
            pair
            for pair in pairs
            if self._has_won(pair, look) and self._course.arms[pair][look].evidence is not None
        ]
        if won:
            return self._best(look, won)

        def z(pair: Pair) -> float:
            found = self._course.arms[pair][look].z
            return float("-inf") if found is None else found

        return max(pairs, key=z)

    def _best(self, look: int, pairs: list[Pair]) -> Pair:
        """Of several winners the one with the best difference on the first primary that crossed."""
        crossed = {metric for _, metric in pairs}
        first = next(metric for metric in self._plan.primaries if metric.name in crossed)
        rivals = [pair for pair in pairs if pair[1] == first.name]
        return max(rivals, key=lambda pair: self._difference(look, first, pair))

    def _difference(self, look: int, metric: SequentialMetric, pair: Pair) -> float:
        evidence = self._course.arms[pair][look].evidence
        return float("-inf") if evidence is None else oriented(metric, evidence.estimate)

    def _of(self, cause: Cause, pair: Pair, look: int) -> Ruling:
        return Ruling(cause, *pair, look)


def _z_of(crossed: Standing | GuardrailAt) -> float:
    assert crossed.z is not None, "what crossed a line has a z"
    return crossed.z

"""Everything a verdict is made of: replaying the log gives the same verdict to the bit."""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fairlift_stats.sequential.errors import (
    BadLook,
    BeyondPlan,
    InformationFell,
    LooksOutOfOrder,
    NotANumber,
    PlanChanged,
    UnknownArm,
)
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.lines import Line, lines_at, sealed
from fairlift_stats.sequential.plan import SequentialPlan


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Cumulative counts of one arm. Converters and orders are None where no metric needs them."""

    arm: str
    units: int
    converters: int | None = None
    orders: int | None = None

    def __post_init__(self) -> None:
        """Refuse counts below zero, and more converters than units."""
        for name in ("units", "converters", "orders"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise NotANumber(f"{self.arm}.{name}", "0 or more", value)
        if self.converters is not None and self.converters > self.units:
            raise NotANumber(f"{self.arm}.converters", f"at most {self.units}", self.converters)


@dataclass(frozen=True, slots=True)
class Cell:
    """Cumulative units of a platform or day cohort, one per arm in the plan's order."""

    name: str
    units: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse counts below zero, and what is no count."""
        if not self.units or not all(0 <= count < math.inf for count in self.units):
            raise NotANumber(f"cell {self.name}: units", "0 or more, one per arm", self.units)


@dataclass(frozen=True, slots=True)
class Look:
    """One analysis of a running campaign.

    Attributes:
        at: ISO 8601 date or time; in the shop's time zone, for its days are the plan's days.
        day: full days since the start.
        counts: one per arm of the plan.
        evidence: per metric and treatment; a metric that cannot say yet is left out.
        information: share of the planned information; the log fills it in.
        line: the lines in force at this look; the log fills them in.
        cells: units by platform or day cohort, so that a fault in one of them shows in the split.
    """

    at: str
    day: int
    counts: tuple[ArmCount, ...]
    evidence: tuple[Evidence, ...] = ()
    information: float | None = None
    line: Line | None = None
    cells: tuple[Cell, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        try:
            datetime.fromisoformat(self.at)
        except ValueError as error:
            raise BadLook(f"look at {self.at!r}: must be an ISO 8601 date or time") from error
        if self.day < 0:
            raise BadLook(f"look at {self.at}: day is {self.day}, must be 0 or more")

    @property
    def units(self) -> int:
        """Units of all arms together."""
        return sum(count.units for count in self.counts)

    def count(self, arm: str) -> ArmCount:
        """The counts of one arm."""
        return next(count for count in self.counts if count.arm == arm)

    def of(self, metric: str, arm: str) -> Evidence | None:
        """What this look says of one metric in one treatment, if anything."""
        return next((e for e in self.evidence if e.metric == metric and e.arm == arm), None)


@dataclass(frozen=True, slots=True)
class LookLog:
    """All looks of one campaign under one plan, in order: the whole input of a verdict.

    >>> from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
    >>> plan = SequentialPlan(("a", "b"), (PlannedMetric("rpv"),), n_max=1000)
    >>> log = LookLog.begin(plan)
    >>> log == LookLog.from_json(log.to_json())
    True
    """

    plan: str
    looks: tuple[Look, ...] = field(default=())

    @classmethod
    def begin(cls, plan: SequentialPlan) -> "LookLog":
        """An empty log, bound to this plan."""
        return cls(plan.fingerprint())

    @property
    def times(self) -> tuple[float, ...]:
        """Information fractions of the looks."""
        return tuple(look.information or 0.0 for look in self.looks)

    def has_closed(self, plan: SequentialPlan) -> bool:
        """True when the plan allows no look after the last of these."""
        return bool(self.looks) and plan.is_last(self.times[-1], self.looks[-1].day)

    def is_due(self, plan: SequentialPlan, units: int, *, day: int = 0) -> bool:
        """True when enough information has come since the last look for another one to count.

        When the days are over on this full `day`, any that has come is enough.
        """
        if self.has_closed(plan):
            return False
        before = self.times[-1] if self.looks else 0.0
        now = plan.information(units)
        if plan.is_over(day):
            return now > before
        return now - before >= plan.minimum_step or now >= 1 > before

    def add(self, plan: SequentialPlan, look: Look) -> "LookLog":
        """The log with one more look, its information and lines written down.

        Raises:
            PlanChanged: the log was begun under another plan.
            LooksOutOfOrder: the look is not later than the last.
            InformationFell: it has no more units than the last.
            BeyondPlan: the plan has ended, by units or by days.
            UnknownArm: its arms or metrics are not the plan's.
        """
        self.check(plan)
        _check_arms(plan, look)
        information = plan.information(look.units)
        before = self.times[-1] if self.looks else 0.0
        if self.looks:
            _check_order(self.looks[-1], look)
        _check_end(plan, self.looks, look)
        if not information > before:
            raise InformationFell(before, information)
        if information > plan.furthest:
            raise BeyondPlan("units", look.units, plan.n_max)
        closes = plan.is_over(look.day)
        line = lines_at(sealed(plan), (*self.times, information), closes=closes)[-1]
        return replace(self, looks=(*self.looks, replace(look, information=information, line=line)))

    def check(self, plan: SequentialPlan) -> None:
        """Let pass only the plan that this log was begun under, and no look after its end."""
        if self.plan != plan.fingerprint():
            raise PlanChanged(f"plan {self.plan[:12]}", f"plan {plan.fingerprint()[:12]}")
        if self.looks:
            _check_end(plan, self.looks[:-1], self.looks[-1])
        closes = bool(self.looks) and plan.is_over(self.looks[-1].day)
        lines = lines_at(sealed(plan), self.times, closes=closes)
        for look, line in zip(self.looks, lines, strict=True):
            if look.line is None or not _agree(look.line, line):
                raise PlanChanged(f"the lines {look.line} at {look.at}", str(line))

    def to_json(self) -> str:
        """The log in canonical JSON; floats keep every bit."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "LookLog":
        """The log that `to_json` wrote.

        Raises:
            BadLook: the text is no log.
        """
        try:
            read = json.loads(text)
            return cls(read["plan"], tuple(_look_from(look) for look in read["looks"]))
        except (TypeError, KeyError, json.JSONDecodeError) as error:
            raise BadLook(f"look log: cannot be read: {error}") from error


# JSON values of many shapes pass here.
def _look_from(read: dict[str, Any]) -> Look:
    return Look(
        **{
            **read,
            "counts": tuple(ArmCount(**count) for count in read["counts"]),
            "evidence": tuple(Evidence(**evidence) for evidence in read["evidence"]),
            "cells": tuple(Cell(c["name"], tuple(c["units"])) for c in read.get("cells", ())),
            "line": None if read["line"] is None else Line(**read["line"]),
        }
    )


def _agree(kept: Line, drawn: Line) -> bool:
    """Same lines, up to the last digits, which differ between machines."""
    pairs = (
        (kept.success, drawn.success),
        (kept.harm, drawn.harm),
        (kept.give_up, drawn.give_up),
    )
    return all(a == b or (a is not None and b is not None and abs(a - b) < 1e-6) for a, b in pairs)


def _check_end(plan: SequentialPlan, before: tuple[Look, ...], now: Look) -> None:
    """Let no look follow one that was the last."""
    for look in before:
        if plan.is_over(look.day):
            raise BeyondPlan("day", now.day, look.day)
        if plan.is_last(look.information or 0.0, look.day):
            raise BeyondPlan("units", now.units, plan.n_max)


def _check_order(before: Look, now: Look) -> None:
    if _moment(now.at) <= _moment(before.at) or now.day < before.day:
        raise LooksOutOfOrder(before.at, now.at)


def _moment(at: str) -> datetime:
    """A time without a zone is read as UTC: only the order matters."""
    moment = datetime.fromisoformat(at)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_arms(plan: SequentialPlan, look: Look) -> None:
    found = [count.arm for count in look.counts]
    if sorted(found) != sorted(plan.arms):
        raise UnknownArm("arms", ", ".join(found), plan.arms)
    for cell in look.cells:
        if len(cell.units) != len(plan.arms):
            raise UnknownArm("cell", cell.name, plan.arms)
    names = tuple(metric.name for metric in plan.metrics)
    for evidence in look.evidence:
        if evidence.metric not in names:
            raise UnknownArm("metric", evidence.metric, names)
        if evidence.arm not in plan.treatments:
            raise UnknownArm("arm", evidence.arm, plan.treatments)
    pairs = [(evidence.metric, evidence.arm) for evidence in look.evidence]
    if twice := [pair for pair in pairs if pairs.count(pair) > 1]:
        raise UnknownArm("evidence given twice for", " of ".join(twice[0]), names)

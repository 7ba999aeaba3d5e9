"""The look log: everything that a verdict is made of."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime

from fairlift_stats.sequential.calendar import Closing, Occasion, occasion
from fairlift_stats.sequential.errors import (
    BadLook,
    BeyondPlan,
    LooksOutOfOrder,
    NotANumber,
    PlanChanged,
    UnknownArm,
)
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.sequential.sealed_plan import fingerprint


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Cumulative counts of one arm as of the end of a day.

    Attributes:
        arm: the variant.
        units: units that are mature for the primary metrics.
        converters: how many of them bought; None where nobody counts buyers.
        orders: their orders.
        entered: units whose first exposure lies before the end of the day, mature or not: what
            the sample ratio is judged by; `units` when not given.
        alarm_units: units that have had one day since their first exposure.
        alarm_converters: how many of them bought within that day.
    """

    arm: str
    units: int
    converters: int | None = None
    orders: int | None = None
    entered: int | None = None
    alarm_units: int | None = None
    alarm_converters: int | None = None

    def __post_init__(self) -> None:
        """Refuse counts below zero, and more converters than units."""
        for name in (
            "units", "converters", "orders", "entered", "alarm_units", "alarm_converters",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise NotANumber(f"{self.arm}.{name}", "0 or more", value)
        if (self.converters or 0) > self.units:
            raise NotANumber(f"{self.arm}.converters", f"at most {self.units}", self.converters)
        if (self.alarm_converters or 0) > (self.alarm_units or 0):
            raise NotANumber(
                f"{self.arm}.alarm_converters",
                f"at most {self.alarm_units or 0}",
                self.alarm_converters,
            )

    @property
    def exposed(self) -> int:
        """Units by which the sample ratio is judged."""
        return self.units if self.entered is None else self.entered


@dataclass(frozen=True, slots=True)
class TrafficPart:
    """Cumulative units of a platform or day of entry, one per arm in the plan's order."""

    name: str
    units: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse counts below zero, and what is no count."""
        if not self.units or not all(0 <= count < math.inf for count in self.units):
            raise NotANumber(
                f"traffic part {self.name}: units", "0 or more, one per arm", self.units
            )


@dataclass(frozen=True, slots=True)
class Look:
    """The analysis as of the end of one campaign day.

    Attributes:
        at: ISO 8601 date of that day in the campaign's time zone.
        day: whole campaign days that are over: 1 is the end of the first whole day.
        counts: one per arm of the plan.
        evidence: per metric and treatment; a metric that cannot say yet is left out.
        closing: why this is the last look. Whoever makes the look says `stopped` when a person
            stopped entry and all who had entered are mature; the log fills in the rest.
        parts: units by platform or day of entry, so that a fault in one of them shows.
        stopped_on: ISO 8601 date of the day on which a person stopped entry, where one did; the
            look that closes the campaign comes days later, when all who had entered are mature.
    """

    at: str
    day: int
    counts: tuple[ArmCount, ...]
    evidence: tuple[Evidence, ...] = ()
    closing: Closing | None = None
    parts: tuple[TrafficPart, ...] = ()
    stopped_on: str | None = None

    def __post_init__(self) -> None:
        """Refuse a date that is none."""
        for date in (self.at, self.stopped_on or self.at):
            try:
                datetime.fromisoformat(date)
            except ValueError as error:
                raise BadLook(f"look at {date!r}: must be an ISO 8601 date or time") from error
        if self.day < 1:
            raise BadLook(f"look at {self.at}: day is {self.day}, must be 1 or more")

    @property
    def units(self) -> int:
        """Mature units of all arms together."""
        return sum(count.units for count in self.counts)

    def count(self, arm: str) -> ArmCount:
        """The counts of one arm.

        Raises:
            UnknownArm: the look has no such arm.
        """
        for count in self.counts:
            if count.arm == arm:
                return count
        raise UnknownArm("arm", arm, tuple(count.arm for count in self.counts))

    def of(self, metric: str, arm: str) -> Evidence | None:
        """What this look knows of one metric in one treatment, if anything."""
        return next((e for e in self.evidence if e.metric == metric and e.arm == arm), None)

    def occasion(self, plan: SequentialPlan) -> Occasion:
        """What this look is for."""
        return occasion(plan, self.day, self.units, entry_stopped=self.closing == "stopped")


@dataclass(frozen=True, slots=True)
class LookLog:
    """All looks of one campaign under one plan, in order: the whole input of a verdict.

    Attributes:
        plan: the hash of the plan as it was at the start.
        looks: by day.
    """

    plan: str
    looks: tuple[Look, ...] = field(default=())

    @classmethod
    def begin(cls, plan: SequentialPlan) -> "LookLog":
        """An empty log, bound to this plan."""
        return cls(fingerprint(plan))

    @property
    def is_closed(self) -> bool:
        """True when no look may follow."""
        return bool(self.looks) and self.looks[-1].closing is not None

    def until(self, looks: int) -> "LookLog":
        """The log as it was after so many looks."""
        return replace(self, looks=self.looks[:looks])

    def add(self, plan: SequentialPlan, look: Look) -> "LookLog":
        """The log with one more look; the reason why it is the last is written down if it is.

        Raises:
            PlanChanged: the log was begun under another plan.
            LooksOutOfOrder: the look's day is not later than the last one's.
            BeyondPlan: the last look closed the campaign.
            UnknownArm: its arms or metrics are not the plan's.
            BadLook: it has the evidence of one comparison twice.
        """
        look = replace(look, closing=look.occasion(plan).closing)
        longer = replace(self, looks=(*self.looks, look))
        longer.check(plan)
        return longer

    def check(self, plan: SequentialPlan) -> None:
        """Let pass only a log that was begun under this plan and follows its calendar.

        Raises:
            PlanChanged, LooksOutOfOrder, BeyondPlan, UnknownArm: see `add`.
        """
        if self.plan != fingerprint(plan):
            raise PlanChanged(self.plan, fingerprint(plan))
        for before, now in zip((None, *self.looks), self.looks, strict=False):
            _check_arms(plan, now)
            if before is not None and now.day <= before.day:
                raise LooksOutOfOrder(before.at, now.at)
            if before is not None and before.closing is not None:
                raise BeyondPlan("day", now.day, before.day)
            if now.closing != now.occasion(plan).closing:
                raise BadLook(
                    f"look of day {now.day}: closing is {now.closing}, the plan's calendar says"
                    f" {now.occasion(plan).closing}"
                )


def _check_arms(plan: SequentialPlan, look: Look) -> None:
    arms = [count.arm for count in look.counts]
    if sorted(arms) != sorted(plan.arms):
        raise UnknownArm("arms", ", ".join(arms), plan.arms)
    for part in look.parts:
        if len(part.units) != len(plan.arms):
            raise UnknownArm("traffic part", part.name, plan.arms)
    names = tuple(metric.name for metric in plan.metrics)
    for evidence in look.evidence:
        if evidence.metric not in names:
            raise UnknownArm("metric", evidence.metric, names)
        if evidence.arm not in plan.treatments:
            raise UnknownArm("arm", evidence.arm, plan.treatments)
    pairs = [(evidence.metric, evidence.arm) for evidence in look.evidence]
    if twice := [pair for pair in pairs if pairs.count(pair) > 1]:
        metric, arm = twice[0]
        raise BadLook(
            f"look of day {look.day}: has evidence on {metric} of {arm} twice, must have it once"
        )

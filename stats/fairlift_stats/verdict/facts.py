"""What stands behind a verdict: types only, computed once from the plan and the look log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from scipy.special import ndtri

from fairlift_stats.effects import CannotSayCode, Interval, possible_lift
from fairlift_stats.methods.contrast import Contrast, Margin
from fairlift_stats.sequential.anytime.counts import SequentialSampleRatio
from fairlift_stats.sequential.errors import UnknownArm
from fairlift_stats.sequential.guards import Tail, TooFew
from fairlift_stats.sequential.lines import Line
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.sequential.traffic import PresentTraffic

Crossing: TypeAlias = Literal["success", "harm"]
Safety: TypeAlias = Literal["safe", "harmed", "open"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An effect with its interval, in the metric's own unit and as a lift.

    Attributes:
        at: the day of the look that it is of.
        value, interval: the difference, treatment minus control.
        lift, lift_interval: the same as a share of the control; None where it has none.
        no_lift: why there is no lift.
    """

    at: str
    value: float
    interval: Interval
    lift: float | None
    lift_interval: Interval | None
    no_lift: CannotSayCode | None = None

    def possible(self) -> "Estimate":
        """Of a figure that is never negative: without the lifts below −100 %."""
        if self.lift is None or self.lift_interval is None:
            return self
        lift, interval = possible_lift(self.lift), self.lift_interval.possible()
        return replace(self, lift=lift, lift_interval=interval)


@dataclass(frozen=True, slots=True)
class LookAhead:
    """A look to come at which success is judged.

    Attributes:
        day: campaign day.
        at: ISO 8601 date of that day.
        information: share of the planned information.
        won: chance to have won by then, given what was seen.
        decided: chance to have won, to have been stopped for harm, or to have been given up.
        line: at which it will.
    """

    day: int
    at: str
    information: float
    won: float
    decided: float
    line: Line


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a decision is to be expected.

    Attributes:
        arm, metric: the comparison that it is about.
        conditional_power: chance to win by the end if the planned effect is true.
        predictive_power: the same given what was seen, shrunk.
        days: by which a decision has a chance of 20, 50 and 80 %; None beyond the end.
        days_left: days to the median, None if a decision before the end is unlikely.
        end: the day on which the plan ends at the present pace.
        traffic: the present pace.
        looks: to come.
    """

    arm: str
    metric: str
    conditional_power: float
    predictive_power: float
    days: tuple[str | None, str | None, str | None]
    days_left: int | None
    end: str
    traffic: PresentTraffic
    looks: tuple[LookAhead, ...]


# Why there is no outlook while a campaign goes on: nobody enters, nothing can be judged yet, the
# rule has no lines ahead, success was shown and waits, or the data cannot be trusted.
NoOutlook: TypeAlias = Literal["no_traffic", "no_evidence", "no_lines", "waits", "broken"]


@dataclass(frozen=True, slots=True)
class ArmStanding:
    """One treatment arm on one primary metric; z and lines point to the better side.

    Attributes:
        arm: the treatment.
        metric: the primary metric.
        z: guarded z of the last look; None when the metric cannot say yet.
        meter: evidence as a share of what success needs, at the last look that judged; 1 is enough.
        trusted: False when an uneven split meets skewed, uncapped tickets.
        crossing: which line was crossed first, if one was.
        crossed_at: the day of the look at which it was.
        crossed_look: the number of that look, from 1.
        gives_up: True when the last judged look lies below the line to give up; never after a
            success, which waits for its guardrails.
        loss: Bayesian plans: relative loss to expect from shipping, and from keeping the control.
        raw: the plain estimate of the last judged look, with an interval that holds however often
            somebody looks.
        corrected: at a stop, the estimate corrected for having been free to stop earlier.
        largest_k: the largest critical value that any of the figures was formed with.
    """

    arm: str
    metric: str
    z: float | None
    meter: float
    trusted: bool
    crossing: Crossing | None
    crossed_at: str | None
    crossed_look: int | None
    gives_up: bool
    loss: tuple[float, float] | None
    raw: Estimate | None
    corrected: Estimate | None
    largest_k: float


@dataclass(frozen=True, slots=True)
class GuardrailStanding:
    """One guardrail in one treatment arm: is it shown to be no worse than the margin allows?

    Attributes:
        arm: the treatment.
        metric: the guardrail.
        state: shown to be safe, shown to be beyond the margin, or neither yet.
        z: of "no worse than the margin", at the last look; None when it cannot be said.
        safe_line, harm_line: the z at which it is shown to be safe, and harmed, at the last look
            that drew them.
        margin: how much worse it may be.
        decided_at: the day of the look that settled the state.
        units_missing: units still missing to be shown safe if the measured difference stays; None
            where more units alone would not show it, or nothing is missing.
        shortage: it is open, and an arm has too few events for it to be judged.
        is_at_margin: it is open, and measured so near its margin that no sensible number of units
            would tell on which side it lies.
        raw: the plain estimate.
        confidence: of its intervals, which hold at every look: twice the error that is left out at
            the line that decided, or else at the one to reach.
        has_no_share: it is open, and its relative margin cannot be judged at the last look: the
            control is at or below zero, or not told from it.
        largest_k: the largest critical value that any of the figures was formed with.
    """

    arm: str
    metric: str
    state: Safety
    z: float | None
    safe_line: float | None
    harm_line: float | None
    margin: Margin
    decided_at: str | None
    units_missing: int | None
    shortage: TooFew | None
    is_at_margin: bool
    raw: Estimate | None
    confidence: float
    has_no_share: bool
    largest_k: float


@dataclass(frozen=True, slots=True)
class AlarmStanding:
    """The built-in conversion alarm of one treatment arm.

    Attributes:
        arm: the treatment.
        raised_at: the day of the look that raised it; None while it is quiet.
        converters, units: within one day of exposure, of the control and the treatment, at that
            look or at the last.
    """

    arm: str
    raised_at: str | None
    converters: tuple[int, int]
    units: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SampleRatioFacts:
    """Are units split as planned? The e-value counts at every look; chi-square only at the last.

    Attributes:
        check: the evidence against the planned split.
        chi_square: of the last look.
        chi_square_p: its p-value.
        worst_arm: the arm furthest from its share, at the look with the strongest evidence.
        observed: its share of the units then.
        planned: its share in the plan.
        excess: units that it had then beyond its share; below 0, units that it lacked.
        in_parts: True when all units together are split well enough, and only parts are not.
        at: the day of the look with the strongest evidence; None: it is the last one.
    """

    check: SequentialSampleRatio
    chi_square: float
    chi_square_p: float
    worst_arm: str
    observed: float
    planned: float
    excess: float
    in_parts: bool
    at: str | None = None


_Compared = TypeVar("_Compared", ArmStanding, GuardrailStanding)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything behind a verdict.

    Attributes:
        at: day of the look that the verdict is of.
        day: whole campaign days that were over then.
        information: share of the planned information.
        confidence: of the intervals.
        arms: per treatment and primary metric.
        guardrails: per treatment and guardrail.
        alarms: per treatment.
        sample_ratio: the split of units.
        outlook: of the leading arm, while its test goes on.
        no_outlook: why there is none; None where there is one, and where nothing is waited for.
    """

    at: str
    day: int
    information: float
    confidence: float
    arms: tuple[ArmStanding, ...]
    guardrails: tuple[GuardrailStanding, ...]
    alarms: tuple[AlarmStanding, ...]
    sample_ratio: SampleRatioFacts
    outlook: Outlook | None
    no_outlook: NoOutlook | None

    def arm(self, arm: str, metric: str) -> ArmStanding:
        """One treatment on one primary metric.

        Raises:
            UnknownArm: the plan does not compare them.
        """
        return _standing_of(self.arms, arm, metric)

    def guardrail(self, arm: str, metric: str) -> GuardrailStanding:
        """One treatment on one guardrail.

        Raises:
            UnknownArm: the plan has no such guardrail.
        """
        return _standing_of(self.guardrails, arm, metric)


def _standing_of(standings: Sequence[_Compared], arm: str, metric: str) -> _Compared:
    for standing in standings:
        if (standing.arm, standing.metric) == (arm, metric):
            return standing
    known = tuple(f"{standing.metric} of {standing.arm}" for standing in standings)
    raise UnknownArm("comparison", f"{metric} of {arm}", known)


def confidence_of(plan: SequentialPlan) -> float:
    """Of intervals that agree with the lines: two-sided, shared over comparisons as alpha is."""
    return 1 - 2 * plan.level


def table_k(plan: SequentialPlan) -> float:
    """The critical value of a table that is read once, with alpha shared over comparisons."""
    return float(-ndtri(plan.level))


def oriented(metric: SequentialMetric, value: float) -> float:
    """The value with its sign turned so that more is better."""
    return value if metric.direction == "higher" else -value


def possible_estimate(metric: SequentialMetric, estimate: Estimate | None) -> Estimate | None:
    """The estimate, without lifts that the metric cannot have."""
    if estimate is None or not metric.is_never_negative:
        return estimate
    return estimate.possible()


def estimate_between(
    contrast: Contrast,
    ks: Sequence[float],
    *,
    at: str,
    largest_k: float,
    tail: Tail | None = None,
) -> Estimate:
    """The figures that lie so many standard errors below the estimate: the middle and two ends.

    One function for every interval of a verdict: around the estimate of a look k is 0 and the
    line's height on both sides; at a stop k = z - theta sqrt(t) for the drift theta of each limit.

    Args:
        contrast: the figures.
        ks: three critical values: of the middle, of one end and of the other.
        at: the day of the look.
        largest_k: the largest critical value that the page shows for this comparison.
        tail: how the z was transformed, so that the limits agree with it.
    """
    middle, *ends = (k if tail is None else _plain(tail, k) for k in ks)
    sides = sorted(contrast.difference_limit(k) for k in ends)
    interval = Interval(sides[0], sides[1])
    why_none = contrast.no_lift(largest_k)
    if why_none is not None:
        return Estimate(at, contrast.difference_limit(middle), interval, None, None, why_none)
    lifts = sorted(contrast.lift_limit(k) for k in ends)
    return Estimate(
        at,
        contrast.difference_limit(middle),
        interval,
        contrast.lift_limit(middle),
        Interval(lifts[0], lifts[1]),
    )


def _plain(tail: Tail, k: float) -> float:
    """At no distance nothing is transformed: the estimate stays what was measured."""
    return k if k == 0 or math.isinf(k) else tail.plain(k)

"""What stands behind a verdict, computed once from the plan and the look log."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scipy.special import chdtrc

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.anytime.counts import (
    WARN_AT,
    SplitCheck,
    prior_strength,
    split_by_cell,
    split_log_e,
)
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan

Crossing: TypeAlias = Literal["success", "harm"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An effect with its interval, per unit and as a lift; no lift over a control's figure of 0."""

    value: float
    interval: Interval
    lift: float | None
    lift_interval: Interval | None

    @classmethod
    def of(cls, value: float, interval: Interval, control: float) -> "Estimate":
        """The estimate, and its lift over the control's figure taken as known."""
        if control == 0:
            return cls(value, interval, None, None)
        ends = sorted((interval.low / control, interval.high / control))
        return cls(value, interval, value / control, Interval(ends[0], ends[1]))


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a decision is to be expected.

    Attributes:
        conditional_power: chance to win by the end if the planned effect is true.
        predictive_power: the same given what was seen, shrunk.
        days: by which a decision has a chance of 20, 50 and 80 %; None beyond the end.
        days_left: days to the median, None if a decision before the end is unlikely.
        end: the day on which the plan ends at the present pace.
    """

    conditional_power: float
    predictive_power: float
    days: tuple[str | None, str | None, str | None]
    days_left: int | None
    end: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment arm on one primary metric; z and lines point to the better side.

    Attributes:
        arm: the treatment.
        metric: the primary metric.
        z: guarded z of the last look; None when the metric cannot say yet.
        meter: evidence as a share of what success needs: 1 is enough.
        trusted: False when an uneven split meets skewed, uncapped tickets.
        crossing: which line was crossed first, if one was.
        crossed_at: the time of the look at which it was.
        crossed_look: the number of that look, from 1.
        gives_up: True when the last look lies below the line to give up.
        loss: Bayesian plans: relative loss to expect from shipping, and from keeping the control.
        raw: the plain estimate with an interval that holds at every look.
        corrected: at a stop, the estimate corrected for stopping early.
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

    @property
    def leads(self) -> bool:
        """True when the last look points to the better side."""
        return self.z is not None and self.z > 0


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One guardrail in one treatment arm; z points to the better side.

    Attributes:
        arm: the treatment.
        metric: the guardrail.
        z: of the last look; None when the metric cannot say yet.
        harm_line: the z that raised, or would raise, the alarm.
        harmed: True once the alarm was raised.
        margin: the share by which it may be worse.
        passes: True when it is shown to be worse by less than its margin.
        raw: the plain estimate.
    """

    arm: str
    metric: str
    z: float | None
    harm_line: float
    harmed: bool
    margin: float | None
    passes: bool
    raw: Estimate | None


@dataclass(frozen=True, slots=True)
class Split:
    """Are units split as planned? The e-value counts at every look; chi-square only at the last.

    Attributes:
        check: the evidence against the planned split.
        chi_square: of the last look.
        chi_square_p: its p-value.
        worst_arm: the arm furthest from its share, at the look with the strongest evidence.
        observed: its share of the units then.
        planned: its share in the plan.
        excess: units that it had then beyond its share; below 0, units that it lacked.
        in_parts: True when all units together are split well enough, and only cells are not.
    """

    check: SplitCheck
    chi_square: float
    chi_square_p: float
    worst_arm: str
    observed: float
    planned: float
    excess: float
    in_parts: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything behind a verdict.

    Attributes:
        at: time of the last look.
        day: full days since the start.
        information: share of the planned information.
        confidence: of the intervals.
        comparisons: per treatment and primary metric.
        guardrails: per treatment and guardrail.
        split: the split of units.
        outlook: of the leading arm, while the test goes on.
    """

    at: str
    day: int
    information: float
    confidence: float
    comparisons: tuple[Comparison, ...]
    guardrails: tuple[Guardrail, ...]
    split: Split
    outlook: Outlook | None


def confidence_of(plan: SequentialPlan) -> float:
    """Of intervals that agree with the lines: two-sided, shared over comparisons as alpha is."""
    return 1 - 2 * plan.level


def raw_estimate(evidence: Evidence, height: float | None) -> Estimate:
    """The plain estimate; its interval is `height` standard errors wide on each side."""
    half = math.inf if height is None else height * evidence.se
    interval = Interval(evidence.estimate - half, evidence.estimate + half)
    return Estimate.of(evidence.estimate, interval, evidence.control)


def split_of(plan: SequentialPlan, log: LookLog) -> Split:
    """The split of units over the arms at every look, in all and by cell.

    Where looks have cells, the evidence is the mean of that on all units and that on the cells.
    """
    k = prior_strength(plan.n_max)
    counts = [[look.count(arm).units for arm in plan.arms] for look in log.looks]
    whole = [split_log_e(units, plan.shares, k=k) for units in counts]
    logs = [_with_cells(log_e, look, plan, k) for log_e, look in zip(whole, log.looks, strict=True)]
    check = SplitCheck.after(logs)
    at = max(range(len(logs)), key=logs.__getitem__)
    parts, chi_square = _apart(counts[at], plan), sum(_apart(counts[-1], plan))
    worst = max(range(len(parts)), key=parts.__getitem__)
    units, total = counts[at][worst], sum(counts[at])
    return Split(
        check,
        chi_square,
        float(chdtrc(len(parts) - 1, chi_square)),
        plan.arms[worst],
        units / total,
        plan.shares[worst],
        units - total * plan.shares[worst],
        check.warns and whole[at] < math.log(WARN_AT),
    )


def _apart(units: list[int], plan: SequentialPlan) -> list[float]:
    """Each arm's part of Pearson's chi-square."""
    expected = [sum(units) * share for share in plan.shares]
    return [(n - e) ** 2 / e for n, e in zip(units, expected, strict=True)]


def _with_cells(log_e: float, look: Look, plan: SequentialPlan, k: float) -> float:
    if not look.cells:
        return log_e
    cells = {cell.name: cell.units for cell in look.cells}
    together, _ = split_by_cell(cells, plan.shares, k=k / len(cells))
    return math.log((math.exp(min(log_e, 700.0)) + together) / 2)


def oriented(metric: PlannedMetric, value: float) -> float:
    """The value with its sign turned so that more is better."""
    return value if metric.direction == "higher" else -value

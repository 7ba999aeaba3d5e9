"""What a treatment may not harm, and when an answer is to be expected."""

import math
from datetime import date, datetime, timedelta

from scipy.special import ndtri

from fairlift_stats.sequential.anytime.mixture import mixture_line
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, spending_boundaries
from fairlift_stats.sequential.group_sequential.forecast import forecast
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.guards import guarded_z, lack_of
from fairlift_stats.sequential.lines import give_up_lines, sealed, stopping_lines
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.verdict.facts import Comparison, Guardrail, Outlook, oriented, raw_estimate

# One-sided error of each guardrail's non-inferiority: all must pass, so nothing is divided.
_NON_INFERIORITY_Z = float(-ndtri(0.05))
_CHANCES = (0.2, 0.5, 0.8)


def harm_lines(
    plan: SequentialPlan, times: tuple[float, ...], *, closes: bool = False
) -> tuple[float, ...]:
    """The z below which a guardrail raises the alarm at each look, alpha shared over guardrails.

    Spent early (Pocock's form) where the plan ends; always valid where it does not. The last look
    `closes` the campaign when its days are over.
    """
    level = plan.alpha / (len(plan.guardrails) * len(plan.treatments))
    if not plan.ends:
        return tuple(-mixture_line(t, alpha=level, sides=1) for t in times)
    side = Side(Spending("lan_demets_pocock"), level)
    lines = spending_boundaries(times, upper=side, lower=None, closes=closes)
    return tuple(-line for line in lines.upper)


def guardrail(plan: SequentialPlan, log: LookLog, metric: PlannedMetric, arm: str) -> Guardrail:
    """Where a treatment stands on a guardrail; an alarm once raised stays."""
    lines = harm_lines(plan, log.times, closes=plan.is_over(log.looks[-1].day))
    harmed, last = False, None
    for look, line in zip(log.looks, lines, strict=True):
        evidence = look.of(metric.name, arm)
        last = None
        if evidence is None or lack_of(plan, look, metric) is not None:
            continue
        guarded = guarded_z(plan, look, metric, evidence)
        last = (guarded.z, evidence)
        harmed = harmed or (guarded.trusted and guarded.z <= line)
    return Guardrail(
        arm=arm,
        metric=metric.name,
        z=None if last is None else last[0],
        harm_line=lines[-1],
        harmed=harmed,
        margin=metric.margin,
        passes=last is not None and not harmed and _is_safe(metric, last[1]),
        raw=None if last is None else raw_estimate(last[1], abs(lines[-1])),
    )


def _is_safe(metric: PlannedMetric, evidence: Evidence) -> bool:
    """True without a margin, or when the figure is shown to be worse by less than it."""
    if metric.margin is None:
        return True
    spare = oriented(metric, evidence.estimate) + metric.margin * abs(evidence.control)
    return spare / evidence.se >= _NON_INFERIORITY_Z


def outlook(plan: SequentialPlan, log: LookLog, leading: Comparison) -> Outlook | None:
    """When a decision is to be expected; None where the plan has no lines ahead or no pace yet."""
    last = log.looks[-1]
    if leading.z is None or last.day == 0 or plan.engine == "bayes_expected_loss":
        return None
    pace = last.day / log.times[-1]
    coming, closes = _coming(plan, log, pace)
    if not coming:
        return None
    lines = _ahead(sealed(plan), log.times, coming, closes=closes)
    ahead = forecast(
        lines,
        look=len(log.times),
        z=leading.z,
        planned_drift=sealed(plan).drift or 0.0,
        prior_sd=_drift_sd(plan, log, leading),
    )
    left = [
        None if (t := ahead.decided_by(c)) is None else (t - log.times[-1]) * pace for c in _CHANCES
    ]
    days = tuple(None if d is None else math.ceil(d - 1e-9) for d in left)
    end = math.ceil((coming[-1] - log.times[-1]) * pace - 1e-9)
    return Outlook(
        conditional_power=ahead.conditional_power,
        predictive_power=ahead.predictive_power,
        days=(_on(last.at, days[0]), _on(last.at, days[1]), _on(last.at, days[2])),
        days_left=days[1],
        end=_day(last.at, end),
    )


def _coming(plan: SequentialPlan, log: LookLog, pace: float) -> tuple[tuple[float, ...], bool]:
    """The planned looks to come, and whether the days end them first, at `pace` days for t = 1."""
    now, step = log.times[-1], plan.minimum_step
    coming = tuple(t for t in plan.looks if t - now >= step)
    if plan.maximum_days is None or not coming or plan.maximum_days >= pace:
        return coming, False
    end = plan.maximum_days / pace
    return (*(t for t in coming if end - t >= step), end), True


def _ahead(
    plan: SequentialPlan, past: tuple[float, ...], coming: tuple[float, ...], *, closes: bool
) -> Boundaries:
    """The lines so far and to come; giving up stands in for harm where it lies higher."""
    times = (*past, *coming)
    lines = stopping_lines(plan, times, closes=closes)
    lower = tuple(map(max, lines.lower, give_up_lines(plan, times, closes=closes)))
    return Boundaries(times, lower, lines.upper)


def _drift_sd(plan: SequentialPlan, log: LookLog, leading: Comparison) -> float:
    """Spread of true lifts on the scale of the drift, from the standard error of the last look."""
    evidence = log.looks[-1].of(leading.metric, leading.arm)
    if plan.prior_sd is None or evidence is None or evidence.control == 0:
        return math.inf
    return plan.prior_sd * abs(evidence.control) / (evidence.se * math.sqrt(log.times[-1]))


def _on(at: str, days: int | None) -> str | None:
    return None if days is None else _day(at, days)


def _day(at: str, days: int) -> str:
    start: date = datetime.fromisoformat(at).date()
    return (start + timedelta(days=min(days, 36_500))).isoformat()

"""Where each treatment stands on its primary metrics: crossed, given up, or still running."""

import math
from dataclasses import dataclass

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.anytime.counts import conversion_test, prior_strength, split_log_e
from fairlift_stats.sequential.anytime.expected_loss import expected_losses, shrunk_lift
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.guards import guarded_z, lack_of
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.verdict.facts import (
    Comparison,
    Crossing,
    Estimate,
    confidence_of,
    oriented,
    raw_estimate,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One comparison at one look.

    Attributes:
        z: guarded, pointing to the better side; None when there is none.
        meter: share of what success needs.
        trusted: False when the z must not be believed.
        crossing: the line it lies beyond, if any.
        gives_up: True below the line to give up.
        loss: Bayesian plans only.
    """

    z: float | None = None
    meter: float = 0.0
    trusted: bool = True
    crossing: Crossing | None = None
    gives_up: bool = False
    loss: tuple[float, float] | None = None


def standing(plan: SequentialPlan, look: Look, metric: PlannedMetric, arm: str) -> Standing:
    """Where a comparison stands at one look; nothing counts before there is enough of its count."""
    if plan.engine == "exact_conversion":
        return _by_conversions(plan, look, metric, arm)
    evidence = look.of(metric.name, arm)
    if evidence is None:
        return Standing()
    guarded = guarded_z(plan, look, metric, evidence)
    enough = guarded.trusted and lack_of(plan, look, metric) is None
    if plan.engine == "bayes_expected_loss":
        return _by_loss(plan, metric, evidence, guarded.z, trusted=guarded.trusted, enough=enough)
    line = look.line
    success = line.success if line is not None else None
    harm = line.harm if line is not None else None
    give_up = line.give_up if line is not None else None
    return Standing(
        z=guarded.z,
        meter=max(0.0, guarded.z / success) if success is not None else 0.0,
        trusted=guarded.trusted,
        crossing=_crossing(guarded.z, success, harm) if enough else None,
        gives_up=enough and give_up is not None and guarded.z < give_up,
    )


def _crossing(z: float, success: float | None, harm: float | None) -> Crossing | None:
    if success is not None and z >= success:
        return "success"
    if harm is not None and z <= harm:
        return "harm"
    return None


def _by_loss(
    plan: SequentialPlan,
    metric: PlannedMetric,
    evidence: Evidence,
    z: float,
    *,
    trusted: bool,
    enough: bool,
) -> Standing:
    """Stop when the loss to expect from one of the two choices is small enough."""
    if evidence.control == 0 or plan.prior_sd is None:
        return Standing(z=z, trusted=trusted)
    mean, sd = _posterior(plan, evidence)
    ship, keep = expected_losses(oriented(metric, mean), sd)
    won = enough and ship < plan.loss_threshold
    return Standing(
        z=z,
        meter=min(1.0, plan.loss_threshold / max(ship, 1e-300)),
        trusted=trusted,
        crossing="success" if won and ship <= keep else None,
        gives_up=enough and keep < plan.loss_threshold and keep < ship,
        loss=(ship, keep),
    )


def _posterior(plan: SequentialPlan, evidence: Evidence) -> tuple[float, float]:
    size = abs(evidence.control)
    return shrunk_lift(
        evidence.estimate / evidence.control, evidence.se / size, prior_sd=plan.prior_sd
    )


def _by_conversions(plan: SequentialPlan, look: Look, metric: PlannedMetric, arm: str) -> Standing:
    """The exact test on converters, shared over comparisons; its z is for the picture only."""
    converters = [look.count(name).converters or 0 for name in (plan.control, arm)]
    if sum(converters) == 0 or plan.planned_converters is None:
        return Standing()
    shares = [plan.shares[0], plan.shares[plan.arms.index(arm)]]
    rho = shares[1] / sum(shares)
    planned = plan.planned_converters * sum(shares)
    log_e = split_log_e(converters, [1 - rho, rho], k=prior_strength(planned, alpha=plan.alpha))
    total = sum(converters)
    away = oriented(metric, converters[1] - total * rho)
    needed = -math.log(plan.alpha / plan.comparisons)
    crossed: Crossing = "success" if away > 0 else "harm"
    return Standing(
        z=away / math.sqrt(total * rho * (1 - rho)),
        meter=max(0.0, log_e / needed) if away > 0 else 0.0,
        crossing=crossed if log_e >= needed else None,
    )


def comparison(plan: SequentialPlan, log: LookLog, metric: PlannedMetric, arm: str) -> Comparison:
    """Where a treatment stands on a primary metric after all looks: the first crossing counts."""
    history = [standing(plan, look, metric, arm) for look in log.looks]
    now = history[-1]
    first = next((i for i, past in enumerate(history) if past.crossing is not None), None)
    evidence = log.looks[-1].of(metric.name, arm)
    line = log.looks[-1].line
    height = None if line is None else line.success
    return Comparison(
        arm=arm,
        metric=metric.name,
        z=now.z,
        meter=now.meter,
        trusted=now.trusted,
        crossing=None if first is None else history[first].crossing,
        crossed_at=None if first is None else log.looks[first].at,
        crossed_look=None if first is None else first + 1,
        gives_up=now.gives_up,
        loss=now.loss,
        raw=None if evidence is None else raw_estimate(evidence, height),
        corrected=_corrected(plan, log, metric, arm, history, first),
    )


def _corrected(
    plan: SequentialPlan,
    log: LookLog,
    metric: PlannedMetric,
    arm: str,
    history: list[Standing],
    first: int | None,
) -> Estimate | None:
    """The estimate at the stop: stage-wise for looks of a plan, shrunk for a Bayesian one."""
    at = len(history) - 1 if first is None else first
    if plan.engine == "exact_conversion":
        return _exact(plan, log.looks[at], arm)
    evidence = log.looks[at].of(metric.name, arm)
    z = history[at].z
    if evidence is None or z is None:
        return None
    if plan.engine == "bayes_expected_loss":
        return _shrunk(plan, evidence)
    if plan.engine != "group_sequential" or (first is None and not log.has_closed(plan)):
        return None
    estimate = estimate_at_stop(
        _drawn(log, at + 1),
        z=z,
        se=_spread(metric, evidence, z),
        sides=plan.sides,
        confidence=confidence_of(plan),
    )
    value = oriented(metric, estimate.median_unbiased)
    ends = sorted(
        oriented(metric, end)
        for end in (estimate.effect_interval.low, estimate.effect_interval.high)
    )
    return Estimate.of(value, Interval(ends[0], ends[1]), evidence.control)


def _spread(metric: PlannedMetric, evidence: Evidence, z: float) -> float:
    """The standard error with which the estimate has this z.

    The z may stem from a score test or from Hall's transform, not from the error of the interval.
    With that error a first look's figure would differ from the one measured, though nothing is
    to be corrected there.
    """
    implied = oriented(metric, evidence.estimate) / z if z else 0.0
    return implied if implied > 0 else evidence.se


def _shrunk(plan: SequentialPlan, evidence: Evidence) -> Estimate | None:
    if evidence.control == 0:
        return None
    mean, sd = _posterior(plan, evidence)
    value, half = mean * evidence.control, 1.959963984540054 * sd * abs(evidence.control)
    return Estimate.of(value, Interval(value - half, value + half), evidence.control)


def _exact(plan: SequentialPlan, look: Look, arm: str) -> Estimate | None:
    """The lift of the conversion rate from counts alone; its interval holds at every look."""
    control, treatment = look.count(plan.control), look.count(arm)
    yes = (control.converters or 0, treatment.converters or 0)
    if not (yes[0] and control.units and treatment.units):
        return None
    rate = yes[0] / control.units
    shares = (plan.shares[0], plan.shares[plan.arms.index(arm)])
    found = conversion_test(
        *yes,
        treatment_share=shares[1] / sum(shares),
        k=prior_strength((plan.planned_converters or 1) * sum(shares), alpha=plan.alpha),
        alpha=plan.alpha / plan.comparisons,
    )
    ends = Interval(found.lift.low * rate, found.lift.high * rate)
    return Estimate.of(yes[1] / treatment.units - rate, ends, rate)


def _drawn(log: LookLog, looks: int) -> Boundaries:
    """The lines that were in force at the first looks."""
    used = [look.line for look in log.looks[:looks]]
    lower = tuple(-math.inf if u is None or u.harm is None else u.harm for u in used)
    upper = tuple(math.inf if u is None or u.success is None else u.success for u in used)
    return Boundaries(log.times[:looks], lower, upper)

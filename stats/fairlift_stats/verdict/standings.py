"""Where each treatment stands on its primary metrics, look by look: crossed, given up, open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.special import log_ndtr, ndtr

from fairlift_stats.sequential.anytime.counts import counts_log_e, prior_strength
from fairlift_stats.sequential.anytime.expected_loss import expected_losses, shrunk_lift
from fairlift_stats.sequential.calendar import Occasion
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.guards import Counted, Tail, counted, exact_z, tail_of
from fairlift_stats.sequential.lines import Line, Moment, primary_lines, with_drift
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import DAILY_SHARE, SequentialMetric, SequentialPlan
from fairlift_stats.verdict.facts import Crossing, oriented

__all__ = [
    "Standing",
    "exact_alpha",
    "exact_setting",
    "first_crossing",
    "lines_of",
    "moment_of",
    "shrunk_posterior",
    "standings_of",
]

# Below this chance to win, under the very effect that was planned, going on is not worth it.
_HOPELESS = 0.10


@dataclass(frozen=True, slots=True)
class Standing:
    """One treatment on one primary metric at one look.

    Attributes:
        look: the look.
        evidence: what it knows of this comparison.
        z: guarded, pointing to the better side; None when there is none.
        tail: how the z was guarded.
        counts: whether there is enough to judge.
        moment: the look as this comparison sees it; None where it sees nothing.
        line: the lines in force.
        crossing: the line it lies beyond, if any.
        gives_up: True below the line to give up.
        meter: share of what success needs; None where success is not judged.
        loss: Bayesian plans only.
    """

    look: Look
    evidence: Evidence | None
    z: float | None
    tail: Tail
    counts: Counted
    moment: Moment
    line: Line
    crossing: Crossing | None = None
    gives_up: bool = False
    meter: float | None = None
    loss: tuple[float, float] | None = None

    @property
    def leads(self) -> bool:
        """True when the z points to the better side."""
        return self.z is not None and self.z > 0


def standings_of(
    plan: SequentialPlan, log: LookLog, metric: SequentialMetric, arm: str
) -> tuple[Standing, ...]:
    """Where this comparison stands at each look; nothing counts before there is enough."""
    plan = with_drift(plan)
    seen = [_seen(plan, look, metric, arm) for look in log.looks]
    lines = primary_lines(plan, tuple(s.moment for s in seen))
    return tuple(_judged(plan, metric, s, line) for s, line in zip(seen, lines, strict=True))


def lines_of(plan: SequentialPlan, log: LookLog, metric: str, arm: str) -> tuple[Line, ...]:
    """The lines that were in force for one primary metric in one treatment, one per look."""
    return tuple(s.line for s in standings_of(plan, log, plan.metric(metric), arm))


def moment_of(
    plan: SequentialPlan,
    evidence: Evidence | None,
    occasion: Occasion,
    counts: Counted,
    tail: Tail,
) -> Moment:
    """A look as one comparison sees it; without evidence, or with a wild tail, it is none."""
    there = evidence is not None and tail.trusted
    return Moment(
        time=0.0 if evidence is None else plan.information(evidence.units),
        judges_success=there and occasion.judges_success and counts.enough,
        judges_harm=there and occasion.judges_harm and counts.together,
        watches=there and counts.together,
        spends_the_rest=occasion.spends_the_rest,
    )


def _seen(plan: SequentialPlan, look: Look, metric: SequentialMetric, arm: str) -> Standing:
    evidence = look.of(metric.name, arm)
    counts = counted(plan, look, metric, arm)
    tail = Tail() if evidence is None else tail_of(plan, look, metric, evidence)
    moment = moment_of(plan, evidence, look.occasion(plan), counts, tail)
    z = None if evidence is None else oriented(metric, tail.guarded(evidence.z))
    return Standing(look, evidence, z, tail, counts, moment, Line())


def _judged(plan: SequentialPlan, metric: SequentialMetric, seen: Standing, line: Line) -> Standing:
    if seen.evidence is None or seen.z is None:
        return seen
    match plan.engine:
        case "exact_conversion":
            return _by_conversions(plan, metric, seen, line)
        case "bayes_expected_loss":
            return _by_loss(plan, metric, seen, line)
        case _:
            return _by_lines(plan, metric, seen, line)


def _by_lines(
    plan: SequentialPlan, metric: SequentialMetric, seen: Standing, line: Line
) -> Standing:
    z = seen.z or 0.0
    success = None if line.success is None else max(0.0, z / line.success)
    crossing: Crossing | None = None
    if line.success is not None and z >= line.success:
        crossing = "success"
    elif _harms(metric, seen, line):
        crossing = "harm"
    below = line.give_up is not None and z < line.give_up
    return replace(
        seen,
        line=line,
        crossing=crossing,
        gives_up=below or _is_hopeless(plan, seen),
        meter=success,
    )


def _harms(metric: SequentialMetric, seen: Standing, line: Line) -> bool:
    """True below the harm line; while an arm is small, by the exact test of its events."""
    if line.harm is None or seen.z is None or seen.evidence is None:
        return False
    if seen.counts.enough:
        return seen.z <= line.harm
    rates = seen.evidence.contrast.rates
    return rates is not None and exact_z(rates, metric.direction) <= line.harm


def _is_hopeless(plan: SequentialPlan, seen: Standing) -> bool:
    """For engines without a line to give up at: the chance to win under the planned effect.

    A fixed test wins at its end or never; YEAST's line is level on the scale of the score, so that
    its chance has the closed form of a Brownian motion's maximum.
    """
    if plan.engine not in ("fixed", "yeast") or plan.futility is None or plan.drift is None:
        return False
    if not seen.counts.enough or not seen.tail.trusted or seen.moment.spends_the_rest:
        return False
    end = primary_lines(plan, (Moment(1.0, True, True, True, True),))[0].success
    left = 1 - seen.moment.time
    if end is None or left <= 0:
        return False
    away = end - (seen.z or 0.0) * math.sqrt(seen.moment.time)
    chance = float(ndtr((plan.drift * left - away) / math.sqrt(left)))
    if plan.engine == "yeast" and away > 0:
        # As logarithms: the first factor alone may be beyond the largest double.
        reflected = float(log_ndtr((-away - plan.drift * left) / math.sqrt(left)))
        chance += math.exp(2 * plan.drift * away + reflected)
    return chance < _HOPELESS


def _by_loss(
    plan: SequentialPlan, metric: SequentialMetric, seen: Standing, line: Line
) -> Standing:
    """Stop when the loss to expect from one of the two choices is small enough."""
    evidence = seen.evidence
    crossing: Crossing | None = "harm" if _harms(metric, seen, line) else None
    if evidence is None or evidence.contrast.control == 0 or plan.prior_sd is None:
        return replace(seen, line=line, crossing=crossing)
    mean, sd = shrunk_posterior(plan, evidence)
    ship, keep = expected_losses(oriented(metric, mean), sd)
    judged = seen.moment.judges_success
    if judged and crossing is None and ship < plan.loss_threshold and ship <= keep:
        crossing = "success"
    gives_up = judged and keep < plan.loss_threshold and keep < ship
    meter = min(1.0, plan.loss_threshold / max(ship, 1e-300)) if judged else None
    return replace(
        seen, line=line, crossing=crossing, gives_up=gives_up, meter=meter, loss=(ship, keep)
    )


def shrunk_posterior(plan: SequentialPlan, evidence: Evidence) -> tuple[float, float]:
    """Mean and deviation of the difference as a share of the control, drawn towards none.

    Of a control below zero it is a share of its size: more is more on both sides of zero.
    """
    size = abs(evidence.contrast.control)
    return shrunk_lift(evidence.estimate / size, evidence.se / size, prior_sd=plan.prior_sd)


def _by_conversions(
    plan: SequentialPlan, metric: SequentialMetric, seen: Standing, line: Line
) -> Standing:
    """The exact test on converters, shared over comparisons; its z is for the picture only."""
    rates = None if seen.evidence is None else seen.evidence.contrast.rates
    if rates is None or rates.xt + rates.xc == 0:
        return replace(seen, z=None)
    share, k = exact_setting(plan, seen.evidence.arm if seen.evidence else "")
    total = rates.xt + rates.xc
    log_e = counts_log_e([rates.xc, rates.xt], [1 - share, share], k=k)
    away = oriented(metric, rates.xt - total * share)
    z = away / math.sqrt(total * share * (1 - share))
    needed = -math.log(exact_alpha(plan))
    crossing: Crossing | None = None
    if log_e >= needed:
        crossing = "success" if away > 0 else "harm"
    if crossing == "success" and not seen.moment.judges_success:
        crossing = None
    meter = max(0.0, log_e / needed) if away > 0 else 0.0
    return replace(seen, z=z, line=line, crossing=crossing, meter=meter)


def exact_alpha(plan: SequentialPlan) -> float:
    """Error of one exact comparison: the built-in alarm has the part that is spent daily."""
    return plan.alpha * (1 - DAILY_SHARE / 2) / plan.comparisons


def exact_setting(plan: SequentialPlan, arm: str) -> tuple[float, float]:
    """The treatment's share of the two arms, and the strength of the exact test's prior."""
    pair = plan.shares[0], plan.shares[plan.arms.index(arm)]
    assert plan.planned_converters is not None, "a plan with this engine has it"
    planned = plan.planned_converters * sum(pair)
    return pair[1] / sum(pair), prior_strength(planned, alpha=plan.alpha)


def first_crossing(standings: Sequence[Standing], line: Crossing) -> int | None:
    """The index of the first look beyond this line."""
    return next((i for i, s in enumerate(standings) if s.crossing == line), None)

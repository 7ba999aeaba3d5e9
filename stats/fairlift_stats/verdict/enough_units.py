"""How many units would have been needed for an answer, where a campaign had too few."""

import math

from scipy.special import ndtri

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.guards import counted
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.ruling import Ruling

__all__ = ["enough_units"]


def enough_units(plan: SequentialPlan, look: Look, ruling: Ruling) -> int:
    """Units that the plan's effect would need, to two digits; 0 where nothing tells.

    From the level and the spread that were measured, where there is enough to measure; else what
    the plan asked for; where that has come and was too little, from the few events all the same.
    """
    evidence = look.of(ruling.metric, ruling.arm)
    enough = counted(plan, look, plan.metric(ruling.metric), ruling.arm)
    needed = 0.0
    k = -float(ndtri(plan.level))
    if evidence is not None and enough.together and evidence.contrast.no_lift(k) is None:
        needed = _for_effect(plan, evidence, evidence.contrast.control)
    if needed == 0 and plan.n_max > look.units:
        needed = plan.n_max
    if needed == 0 and evidence is not None:
        # Both arms together: a control with few events says little by itself.
        level = (evidence.contrast.control + evidence.contrast.treatment) / 2
        needed = _for_effect(plan, evidence, level)
    if needed == 0 and enough.shortage is not None and enough.shortage.found > 0:
        needed = look.units * enough.shortage.needed / enough.shortage.found
    return _two_digits(needed)


def _for_effect(plan: SequentialPlan, evidence: Evidence, level: float) -> float:
    """Units to show the plan's effect at the measured spread; 0 where the plan names no effect."""
    effect = plan.metric(evidence.metric).minimum_effect
    if effect is None or level <= 0:
        return 0.0
    drift = -float(ndtri(plan.level)) + float(ndtri(plan.power))
    return evidence.units * (drift * evidence.se / (effect * level)) ** 2


def _two_digits(value: float) -> int:
    power: int = 10 ** max(0, math.floor(math.log10(max(value, 1))) - 1)
    return math.ceil(value / power) * power

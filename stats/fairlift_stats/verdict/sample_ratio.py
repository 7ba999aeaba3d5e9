"""Are units split over the arms as planned? Judged at every look, in all and by part."""

import math

from scipy.special import chdtrc

from fairlift_stats.sequential.anytime.counts import (
    WARN_AT,
    SequentialSampleRatio,
    counts_log_e,
    prior_strength,
    sample_ratio_by_part,
)
from fairlift_stats.sequential.looks import Look, LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import SampleRatioFacts

__all__ = ["log_e_values", "sample_ratio_of"]


def log_e_values(plan: SequentialPlan, log: LookLog) -> list[float]:
    """The evidence against the planned split at each look.

    Where looks have parts, it is the mean of that on all units and that on the parts.
    """
    k = prior_strength(plan.n_max)
    return [
        _with_parts(counts_log_e(_units(plan, look), plan.shares, k=k), look, plan, k)
        for look in log.looks
    ]


def sample_ratio_of(plan: SequentialPlan, log: LookLog) -> SampleRatioFacts:
    """The split of units over the arms after these looks."""
    k = prior_strength(plan.n_max)
    counts = [_units(plan, look) for look in log.looks]
    of_all = [counts_log_e(units, plan.shares, k=k) for units in counts]
    logs = log_e_values(plan, log)
    check = SequentialSampleRatio.after(logs)
    at = max(range(len(logs)), key=logs.__getitem__)
    parts, chi_square = _apart(counts[at], plan), sum(_apart(counts[-1], plan))
    worst = max(range(len(parts)), key=parts.__getitem__)
    units, total = counts[at][worst], sum(counts[at])
    return SampleRatioFacts(
        check=check,
        chi_square=chi_square,
        chi_square_p=float(chdtrc(len(parts) - 1, chi_square)),
        worst_arm=plan.arms[worst],
        observed=units / total if total else plan.shares[worst],
        planned=plan.shares[worst],
        excess=units - total * plan.shares[worst],
        in_parts=check.warns and of_all[at] < math.log(WARN_AT),
        at=None if logs[at] == logs[-1] else log.looks[at].at,
    )


def _units(plan: SequentialPlan, look: Look) -> list[int]:
    return [look.count(arm).exposed for arm in plan.arms]


def _apart(units: list[int], plan: SequentialPlan) -> list[float]:
    """Each arm's part of Pearson's chi-square."""
    expected = [sum(units) * share for share in plan.shares]
    return [(n - e) ** 2 / e if e else 0.0 for n, e in zip(units, expected, strict=True)]


def _with_parts(log_e: float, look: Look, plan: SequentialPlan, k: float) -> float:
    if not look.parts:
        return log_e
    parts = {part.name: part.units for part in look.parts}
    together, _ = sample_ratio_by_part(parts, plan.shares, k=k / len(parts))
    return math.log((math.exp(min(log_e, 700.0)) + together) / 2)

"""A shop in numbers: plans, looks, logs and reasons of verdicts for tests."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.calendar import Closing
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict

CR = SequentialMetric("conversion_rate")
RPV = SequentialMetric(
    "revenue_per_visitor", role="guardrail", unit="money", needs="orders", margin=0.05
)
START = date(2026, 11, 1)
# Six days before the first whole week.
WEEK = [0.0] * 6


# Any plan field may be set.
def plan(**changes: Any) -> SequentialPlan:
    """Two arms, 14 days, 2,000 visitors a day, decisions daily."""
    made = SequentialPlan(
        ("control", "coupon"), (CR,), n_max=28_000, maximum_days=14, decide="daily"
    )
    fresh = {"shares": (), "looks": (), **changes}
    return replace(made, **fresh) if changes else made


def evidence(
    metric: str, arm: str, z: float, day: int, *, se: float = 0.004, **more: Any
) -> Evidence:
    """A z, with an estimate that agrees."""
    spread = se / math.sqrt(day)
    control = more.pop("control", 0.03)
    contrast = Contrast(control, control + z * spread, spread**2 / 2, spread**2 / 2)
    return Evidence(metric, arm, z, contrast, more.pop("units", 2000 * day), **more)


def look(
    p: SequentialPlan,
    day: int,
    *found: Evidence,
    per_day: int = 2000,
    units: dict[str, int] | None = None,
    converters: float = 0.03,
    orders: float = 0.035,
    closing: Closing | None = None,
) -> Look:
    """All arms with their planned share of the day's visitors."""
    counts = []
    for arm, share in zip(p.arms, p.shares, strict=True):
        n = (units or {}).get(arm, round(per_day * day * share))
        counts.append(ArmCount(arm, n, int(n * converters), int(n * orders)))
    total = sum(count.units for count in counts)
    own = tuple(replace(evidence, units=total) for evidence in found)
    at = (START + timedelta(days=day)).isoformat()
    return Look(at, day, tuple(counts), own, closing)


def daily(
    p: SequentialPlan, zs: Sequence[float], *, metric: str = "conversion_rate", **more: Any
) -> LookLog:
    """A log with one look a day, each treatment at the same z."""
    log = LookLog.begin(p)
    for day, z in enumerate(zs, start=1):
        found = (evidence(metric, arm, z, day, **more) for arm in p.treatments)
        log = log.add(p, look(p, day, *found))
    return log


def keys(verdict: Verdict) -> list[str]:
    return [reason.key for reason in verdict.reasons]

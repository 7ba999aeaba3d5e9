"""A shop in numbers: plans, looks, logs and reasons of verdicts for tests."""

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan
from fairlift_stats.verdict import Verdict

CR = PlannedMetric("conversion_rate")
RPV = PlannedMetric(
    "revenue_per_visitor", role="guardrail", unit="money", needs="orders", margin=0.05
)
START = date(2026, 11, 2)
WEEK = [0.0] * 6


# Any plan field may be set.
def plan(**changes: Any) -> SequentialPlan:
    """Two arms, 14 days, 2,000 visitors a day."""
    made = SequentialPlan(("control", "coupon"), (CR,), n_max=28_000)
    return replace(made, shares=changes.pop("shares", ()), **changes) if changes else made


def evidence(
    metric: str, arm: str, z: float, day: int, *, se: float = 0.004, **more: Any
) -> Evidence:
    """A z, with an estimate that agrees."""
    spread = se / math.sqrt(day)
    return Evidence(metric, arm, z, z * spread, spread, control=more.pop("control", 0.03), **more)


def look(
    p: SequentialPlan,
    day: int,
    *found: Evidence,
    per_day: int = 2000,
    units: dict[str, int] | None = None,
    converters: float = 0.03,
    orders: float = 0.035,
) -> Look:
    """All arms with their planned share of the day's visitors."""
    counts = []
    for arm, share in zip(p.arms, p.shares, strict=True):
        n = (units or {}).get(arm, round(per_day * day * share))
        counts.append(ArmCount(arm, n, int(n * converters), int(n * orders)))
    return Look((START + timedelta(days=day)).isoformat(), day, tuple(counts), found)


def daily(
    p: SequentialPlan, zs: list[float], *, metric: str = "conversion_rate", **more: Any
) -> LookLog:
    """A log with one look a day, each treatment at the same z."""
    log = LookLog.begin(p)
    for day, z in enumerate(zs, start=1):
        found = (evidence(metric, arm, z, day, **more) for arm in p.treatments)
        log = log.add(p, look(p, day, *found))
    return log


def keys(verdict: Verdict) -> list[str]:
    return [reason.key for reason in verdict.reasons]

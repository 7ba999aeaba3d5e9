"""One comparison as the rule sees it: looks with a chosen z, and where they stand."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict.standings import Standing, standings_of

CONVERSION = SequentialMetric("conversion_rate")
START = date(2026, 11, 2)
N_MAX = 28_000


# Any plan field may be set.
def plan(**changes: Any) -> SequentialPlan:
    """Two arms and 28 days, so that 7,000 units bring a quarter of the information."""
    fields: dict[str, Any] = {
        "arms": ("control", "coupon"),
        "metrics": (CONVERSION,),
        "n_max": N_MAX,
        "maximum_days": 28,
        **changes,
    }
    return SequentialPlan(**fields)


def evidence(
    z: float,
    units: int,
    *,
    control: float = 0.03,
    se: float = 0.001,
    rates: TwoRates | None = None,
    **more: Any,
) -> Evidence:
    """A z, and figures that agree with it."""
    contrast = Contrast(control, control + z * se, se**2 / 2, se**2 / 2, rates=rates)
    more.setdefault("events", (500, 500))
    return Evidence("conversion_rate", "coupon", z, contrast, units, **more)


def look(made: SequentialPlan, day: int, *found: Evidence, **more: Any) -> Look:
    """Units as planned for that day, and as many buyers as any metric needs."""
    units = (round(1_000 * day * share) for share in made.shares)
    counts = (ArmCount(arm, n, n, n) for arm, n in zip(made.arms, units, strict=True))
    at = (START + timedelta(days=day - 1)).isoformat()
    return Look(at, day, tuple(counts), found, **more)


def standings(made: SequentialPlan, looks: Sequence[Look]) -> tuple[Standing, ...]:
    """Where the coupon stands on conversion at each look."""
    log = LookLog.begin(made)
    for one in looks:
        log = log.add(made, one)
    return standings_of(made, log, made.metric("conversion_rate"), "coupon")


def standing(made: SequentialPlan, day: int, z: float, units: int, **more: Any) -> Standing:
    """Where the coupon stands after one look with this z."""
    return standings(made, [look(made, day, evidence(z, units, **more))])[-1]

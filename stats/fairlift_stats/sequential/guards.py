"""What must be so before a z may be believed: counts, days, an even split or a tamed tail."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never, overload

from fairlift_stats.sequential.errors import NotANumber
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.numerics.recursion import Floats
from fairlift_stats.sequential.plan import PlannedMetric, SequentialPlan

Shortage: TypeAlias = Literal["converters", "orders"]

# Between these shares of the smaller arm skewness of the two arms cancels well enough.
EVEN_SPLIT: Final = 0.4
# Skewness of the difference that even an uncapped, uneven comparison survives (Kohavi et al. 2014).
SKEW_LIMIT: Final = 0.06


@overload
def hall_transform(z: float, skew: float) -> float: ...
@overload
def hall_transform(z: Floats, skew: Floats) -> Floats: ...
def hall_transform(z: float | Floats, skew: float | Floats) -> float | Floats:
    """The z with the skewness of its difference taken out.

    Source: Hall (1992): g(z) = z + g z^2/3 + g^2 z^3/27 + g/6.

    >>> round(hall_transform(2.1, 0.24), 6)
    2.512557
    """
    return z + skew * z**2 / 3 + skew**2 * z**3 / 27 + skew / 6


def is_even(plan: SequentialPlan, look: Look, arm: str) -> bool:
    """True when the arm and the control share their units 40/60 or closer."""
    control, treatment = look.count(plan.control).units, look.count(arm).units
    return min(control, treatment) >= EVEN_SPLIT * (control + treatment)


@dataclass(frozen=True, slots=True)
class GuardedZ:
    """A z that points to the better side, and whether its tail is tamed."""

    z: float
    trusted: bool


def guarded_z(
    plan: SequentialPlan, look: Look, metric: PlannedMetric, evidence: Evidence
) -> GuardedZ:
    """The z to hold against the lines: transformed where the split is uneven and tickets capped.

    An uneven split with skewed and uncapped tickets is not to be trusted: a true null is then
    called a loser 13 times in 100 at 90/10.
    """
    sign = 1.0 if metric.direction == "higher" else -1.0
    skew = evidence.skew
    if skew is None or metric.needs != "orders" or is_even(plan, look, evidence.arm):
        return GuardedZ(sign * evidence.z, True)
    if evidence.capped:
        return GuardedZ(sign * hall_transform(evidence.z, skew), True)
    return GuardedZ(sign * evidence.z, abs(skew) <= SKEW_LIMIT)


@dataclass(frozen=True, slots=True)
class TooFew:
    """An arm that has not enough of what its metric needs."""

    what: Shortage
    arm: str
    found: int
    needed: int


def too_few(plan: SequentialPlan, look: Look) -> TooFew | None:
    """The arm that lacks most of what a primary metric needs, if one lacks any.

    Raises:
        NotANumber: a needed count is not given.
    """
    lacks = (lack_of(plan, look, metric) for metric in plan.primaries)
    return min(filter(None, lacks), key=_part, default=None)


def lack_of(plan: SequentialPlan, look: Look, metric: PlannedMetric) -> TooFew | None:
    """The arm that lacks most of what this metric needs, if one lacks any."""
    if plan.engine == "exact_conversion" and metric.role == "primary":
        return None
    lacks = (_lack(plan, metric, count) for count in look.counts)
    return min(filter(None, lacks), key=_part, default=None)


def _part(lack: TooFew) -> float:
    return lack.found / lack.needed


def _lack(plan: SequentialPlan, metric: PlannedMetric, count: ArmCount) -> TooFew | None:
    match metric.needs:
        case "nothing":
            return None
        case "converters":
            found, needed = count.converters, plan.minimum_converters
        case "orders":
            found, needed = count.orders, plan.minimum_orders
        case unreachable:
            assert_never(unreachable)
    if found is None:
        raise NotANumber(
            f"{count.arm}.{metric.needs}", f"given, because {metric.name} needs them", found
        )
    return TooFew(metric.needs, count.arm, found, needed) if found < needed else None


def days_to_wait(plan: SequentialPlan, day: int) -> int:
    """Days until success may be declared: the minimum is over and the week is whole."""
    short = max(0, plan.minimum_days - day)
    if not plan.whole_weeks:
        return short
    return short + -(day + short) % 7

"""What must be so before a z may be believed: enough counts, an even split or a tamed tail."""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, overload

from scipy.special import bdtr, bdtrc, ndtri

from fairlift_stats.data.metrics import Direction
from fairlift_stats.methods.one_rate import exact_limits
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.errors import NotANumber
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.numerics.recursion import Floats
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

Shortage: TypeAlias = Literal["converters", "orders"]

# Between these shares of the smaller arm skewness of the two arms cancels well enough.
EVEN_SPLIT: Final = 0.4
# Skewness of the difference that even an uncapped, uneven comparison survives (Kohavi et al. 2014).
SKEW_LIMIT: Final = 0.06
# Beyond this deviate a normal tail is below the smallest double.
_FURTHEST_Z: Final = 38.0


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


def hall_inverse(transformed: float, skew: float) -> float:
    """The z whose transform this is.

    >>> round(hall_inverse(hall_transform(2.1, 0.24), 0.24), 6)
    2.1
    """
    if abs(skew) < 1e-9:
        return transformed
    return float(3 / skew * (math.cbrt(1 + skew * (transformed - skew / 6)) - 1))


def is_even(plan: SequentialPlan, look: Look, arm: str) -> bool:
    """True when the arm and the control share their units 40/60 or closer."""
    control, treatment = look.count(plan.control).units, look.count(arm).units
    return min(control, treatment) >= EVEN_SPLIT * (control + treatment)


@dataclass(frozen=True, slots=True)
class Tail:
    """How the tail of a comparison is treated.

    Attributes:
        trusted: False when an uneven split meets skewed, uncapped tickets.
        skew: the skewness that Hall's transform takes out; 0 takes nothing.
    """

    trusted: bool = True
    skew: float = 0.0

    def guarded(self, z: float) -> float:
        """The z to hold against a line; its sign is that of the difference."""
        return hall_transform(z, self.skew) if self.skew else z

    def plain(self, guarded: float) -> float:
        """The z whose guarded form this is."""
        return hall_inverse(guarded, self.skew) if self.skew else guarded


def tail_of(plan: SequentialPlan, look: Look, metric: SequentialMetric, evidence: Evidence) -> Tail:
    """Whether the tail is tamed: transformed where the split is uneven and tickets capped.

    An uneven split with skewed and uncapped tickets is not to be trusted: a true null is then
    called a loser 13 times in 100 at 90/10.
    """
    skew = evidence.skew
    if skew is None or metric.needs != "orders" or is_even(plan, look, evidence.arm):
        return Tail()
    if evidence.capped:
        return Tail(skew=skew)
    return Tail(trusted=abs(skew) <= SKEW_LIMIT)


@dataclass(frozen=True, slots=True)
class TooFew:
    """An arm that has not enough of what its metric needs."""

    what: Shortage
    arm: str
    found: int
    needed: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Whether one comparison has what its metric needs.

    Attributes:
        shortage: the arm that lacks most; None when both have enough.
        together: both arms together have what one of them needs: enough to see harm.
    """

    shortage: TooFew | None
    together: bool

    @property
    def enough(self) -> bool:
        """True when each arm has enough to be judged for success and safety."""
        return self.shortage is None


def counted(plan: SequentialPlan, look: Look, metric: SequentialMetric, arm: str) -> Counted:
    """Whether the control and this arm have enough of what the metric needs.

    Raises:
        NotANumber: a needed count is not given.
    """
    if metric.needs == "nothing" or (
        plan.engine == "exact_conversion" and metric.role == "primary"
    ):
        return Counted(None, True)
    needed = plan.minimum_converters if metric.needs == "converters" else plan.minimum_orders
    evidence = look.of(metric.name, arm)
    if evidence is not None and evidence.events is not None:
        found = evidence.events
    else:
        found = (
            _count(look.count(plan.control), metric),
            _count(look.count(arm), metric),
        )
    least = min(found)
    short = plan.control if found[0] == least else arm
    shortage = TooFew(metric.needs, short, least, needed) if least < needed else None
    return Counted(shortage, sum(found) >= needed)


def _count(count: ArmCount, metric: SequentialMetric) -> int:
    found = count.converters if metric.needs == "converters" else count.orders
    if found is None:
        raise NotANumber(f"{count.arm}.{metric.needs}", f"given: {metric.name} needs them", found)
    return found


def exact_z(rates: TwoRates, direction: Direction, *, ratio: float = 1.0) -> float:
    """The deviate of "as few of the events in the treatment", exactly, given their total.

    Where the treatment's rate is `ratio` times the control's, its share of the events is known
    from the units alone, however small an arm is. Negative when the treatment does worse.

    Source: the conditional test of two Poisson rates, Przyborowski & Wilenski (1940).
    """
    total = round(rates.xt + rates.xc)
    share = rates.nt * ratio / (rates.nt * ratio + rates.nc)
    if direction == "higher":
        p = float(bdtr(round(rates.xt), total, share))
    else:
        p = float(bdtrc(round(rates.xt) - 1, total, share))
    return max(-_FURTHEST_Z, min(_FURTHEST_Z, float(ndtri(p))))


def is_surely_beyond(rates: TwoRates, direction: Direction, margin: float, level: float) -> bool:
    """Whether the treatment is worse than the control by more than the margin, at this level.

    Each rate has an exact limit at half of the level, however small an arm is: both hold together
    at the level.

    Args:
        rates: converters and units of both arms.
        direction: which way is better.
        margin: how much worse it may be, as a difference of rates.
        level: one-sided chance of a false yes.

    Source: Clopper & Pearson (1934), with Bonferroni's inequality over the two arms.
    """
    high, low = (rates.xc, rates.nc), (rates.xt, rates.nt)
    if direction == "lower":
        high, low = low, high
    return exact_limits(*high, level / 2)[0] - exact_limits(*low, level / 2)[1] > margin

"""Planning a sequential test: duration, detectable lift, and the price of looking daily."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.special import ndtri

from fairlift_stats.messages import Message, Number, Percent
from fairlift_stats.sequential.errors import BadPlan, NotANumber, ZeroVariance
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, exit_probabilities
from fairlift_stats.sequential.group_sequential.characteristics import fixed_drift
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, lines, type_one
from fairlift_stats.sequential.lines import (
    Line,
    give_up_lines,
    planned_lines,
    stopping_lines,
    with_drift,
)
from fairlift_stats.sequential.plan import WEEK, SequentialPlan
from fairlift_stats.sequential.sealed_plan import fingerprint

__all__ = ["Baseline", "Horizon", "PlannedTest", "Price", "horizons", "plan_for"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The primary metric today, per unit.

    Attributes:
        mean: e.g. conversion rate, or revenue per visitor.
        sd: deviation of one unit; of its linearised form for a ratio.
        correlation: with the covariates that the analysis adjusts for; 0 without.
    """

    mean: float
    sd: float
    correlation: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a baseline against which no lift can be stated."""
        if not (math.isfinite(self.mean) and self.mean != 0):
            raise NotANumber("baseline mean", "finite and not 0", self.mean)
        if not (math.isfinite(self.sd) and self.sd > 0):
            raise ZeroVariance("baseline deviation", self.sd)
        if not -1 < self.correlation < 1:
            raise NotANumber("correlation", "above -1 and below 1", self.correlation)

    @classmethod
    def of_rate(cls, rate: float) -> "Baseline":
        """A rate: the share of units with the event."""
        if not 0 < rate < 1:
            raise NotANumber("rate", "above 0 and below 1", rate)
        return cls(rate, math.sqrt(rate * (1 - rate)))

    @classmethod
    def of_revenue(cls, rate: float, *, ticket: float, ticket_sd: float) -> "Baseline":
        """Revenue per unit: a share of the units buys once, at tickets of this mean and deviation.

        Source: law of total variance; checked against numpy.

        >>> Baseline.of_revenue(0.5, ticket=10.0, ticket_sd=0.0)
        Baseline(mean=5.0, sd=5.0, correlation=0.0)
        """
        buying = cls.of_rate(rate)
        if not (math.isfinite(ticket) and ticket > 0):
            raise NotANumber("ticket", "above 0", ticket)
        if not (math.isfinite(ticket_sd) and ticket_sd >= 0):
            raise NotANumber("ticket deviation", "0 or more", ticket_sd)
        return cls(rate * ticket, math.hypot(math.sqrt(rate) * ticket_sd, buying.sd * ticket))

    def lift_at(self, drift: float, *, n_max: float, shares: Sequence[float]) -> float:
        """Relative lift with this drift, E[Z] when n_max units are in, for the smallest arm."""
        spread = self.sd * math.sqrt(1 - self.correlation**2)
        per_unit = spread * math.sqrt(1 / shares[0] + 1 / min(shares[1:]))
        return abs(drift * per_unit / math.sqrt(n_max) / self.mean)


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a campaign of this many weeks can detect.

    Attributes:
        weeks: duration.
        n_max: units by then.
        mde: relative lift detected with the plan's power.
        mde_fixed: the same for a test that is looked at once, at the end.
    """

    weeks: int
    n_max: int
    mde: float
    mde_fixed: float


@dataclass(frozen=True, slots=True)
class Price:
    """What looking at results during the campaign costs, with and without a plan.

    Attributes:
        looks: planned looks.
        naive: probability of a false winner or loser when a fixed test is read at each look.
        plan: the same under the plan.
        extra: maximum size beyond the fixed test's of equal power; 0.04 is 4 %.
        mean_size_null: mean size without an effect, over the fixed test's.
        mean_size_effect: mean size under the planned effect, over the fixed test's.
    """

    looks: int
    naive: float
    plan: float
    extra: float
    mean_size_null: float
    mean_size_effect: float

    @property
    def message(self) -> Message:
        """The price in one sentence."""
        return Message.of(
            "price.peeking",
            looks=Number(self.looks),
            naive=Number(100 * self.naive),
            plan=Number(100 * self.plan),
            extra=Percent(max(0.0, self.extra), 0),
            average=Percent(self.mean_size_null, 0),
        )


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """A plan ready to be sealed.

    Attributes:
        plan: with its maximum size, looks, lines and drift.
        horizon: its duration and what it can find.
        lines: at the planned looks.
        price: of looking daily.
        fingerprint: SHA-256 of the plan.
    """

    plan: SequentialPlan
    horizon: Horizon
    lines: tuple[Line, ...]
    price: Price
    fingerprint: str


def horizons(
    plan: SequentialPlan,
    baseline: Baseline,
    weekly_units: Sequence[float],
    *,
    looks_per_week: int | None = None,
) -> tuple[Horizon, ...]:
    """What the plan can detect after each whole week.

    `weekly_units` are the new units of each week to come: fewer each week, for visitors return.
    Size, looks and drift of `plan` do not matter: each horizon has its own.

    >>> from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
    >>> plan = SequentialPlan(("a", "b"), (SequentialMetric("conversion_rate"),), n_max=1000)
    >>> [round(h.mde, 3) for h in horizons(plan, Baseline.of_rate(0.03), [20_000] * 4)]
    [0.225, 0.163, 0.134, 0.117]
    """
    return tuple(
        plan_for(plan, baseline, weekly_units[:weeks], looks_per_week=looks_per_week).horizon
        for weeks in range(1, len(weekly_units) + 1)
    )


def plan_for(
    plan: SequentialPlan,
    baseline: Baseline,
    weekly_units: Sequence[float],
    *,
    looks_per_week: int | None = None,
) -> PlannedTest:
    """The plan for exactly these weeks of traffic, with its lines and its price.

    Looks are those that judge success: one a week, or seven where the plan decides daily.

    Raises:
        BadPlan: there is no week, or it brings no units.
    """
    per_week = looks_per_week if looks_per_week is not None else _per_week(plan)
    if not weekly_units or per_week < 1:
        raise BadPlan("weeks: is empty; a plan runs at least one whole week")
    if any(not (math.isfinite(units) and units > 0) for units in weekly_units):
        raise BadPlan(f"weekly units: are {list(weekly_units)}, must be finite and above 0")
    n_max = round(sum(weekly_units))
    looks = _looks(weekly_units, per_week)
    ready = with_drift(replace(plan, n_max=n_max, looks=looks, drift=None))
    drift = ready.drift or 0.0
    fixed = fixed_drift(alpha=plan.alpha / ready.comparisons, sides=plan.sides, power=plan.power)
    horizon = Horizon(
        len(weekly_units),
        n_max,
        baseline.lift_at(drift, n_max=n_max, shares=ready.shares),
        baseline.lift_at(fixed, n_max=n_max, shares=ready.shares),
    )
    return PlannedTest(ready, horizon, planned_lines(ready), price_of(ready), fingerprint(ready))


def _per_week(plan: SequentialPlan) -> int:
    return WEEK if plan.decide == "daily" or plan.has_own_lines else 1


def _looks(weekly_units: Sequence[float], per_week: int) -> tuple[float, ...]:
    """Information fractions of evenly spaced looks within weeks of uneven traffic."""
    total, before = sum(weekly_units), 0.0
    looks: list[float] = []
    for units in weekly_units:
        looks += [(before + units * share) / total for share in equal_times(per_week)]
        before += units
    return (*looks[:-1], 1.0)


def price_of(plan: SequentialPlan) -> Price:
    """What looking at each planned look costs one comparison, exactly, by the recursion.

    Source: own recursion; Armitage, McPherson & Rowe (1969) for the naive test.
    """
    drift = with_drift(plan).drift or 0.0
    level = plan.alpha / plan.comparisons
    fixed = fixed_drift(alpha=level, sides=plan.sides, power=plan.power)
    height = float(-ndtri(level / plan.sides))
    inflation = (drift / fixed) ** 2
    stop = stopping_lines(plan, plan.looks)
    lower = tuple(map(max, stop.lower, give_up_lines(with_drift(plan), plan.looks)))
    play = Boundaries(plan.looks, lower, stop.upper)
    mean = exit_probabilities(play, [0.0, drift]).expected_time * inflation
    return Price(
        looks=len(plan.looks),
        naive=type_one(lines(plan.looks, (height,) * len(plan.looks), sides=plan.sides)),
        plan=type_one(stop),
        extra=inflation - 1,
        mean_size_null=float(mean[0]),
        mean_size_effect=float(mean[1]),
    )

"""A/A replay: past data split at random many times, to count a plan's false alarms."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov, ndtr, ndtri

from fairlift_stats.effects import Interval
from fairlift_stats.methods.one_rate import clopper_pearson
from fairlift_stats.sequential.errors import BadPlan, NotANumber
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.guards import EVEN_SPLIT, hall_transform
from fairlift_stats.sequential.lines import stopping_lines
from fairlift_stats.sequential.numerics.recursion import Floats
from fairlift_stats.sequential.plan import SequentialPlan

__all__ = ["History", "ObservedRate", "Replay", "replay"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Past data of units, from a time without a campaign.

    Attributes:
        day: (units,) whole day on which the unit first came, from 0.
        value: (units,) its figure, e.g. revenue in its first seven days, zeros included.
        denominator: (units,) for a ratio such as the average ticket: its orders.
        cap: values above it count as the cap; fixed from older data.
    """

    day: NDArray[np.int64]
    value: Floats
    denominator: Floats | None = None
    cap: float | None = None

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths, negative days, and values that are not finite."""
        arrays = [self.value] if self.denominator is None else [self.value, self.denominator]
        if any(a.shape != self.day.shape for a in arrays) or self.day.size < 2:
            raise NotANumber("history", "as many days as values, two or more", self.day.size)
        if not all(np.isfinite(a).all() for a in arrays) or self.day.min() < 0:
            raise NotANumber("history", "finite, days 0 or more", "not")

    @property
    def capped(self) -> Floats:
        """Values with the cap applied."""
        return self.value if self.cap is None else np.minimum(self.value, self.cap)


@dataclass(frozen=True, slots=True)
class ObservedRate:
    """How often an event occurred, with its exact binomial interval."""

    times: int
    runs: int
    interval: Interval

    @property
    def share(self) -> float:
        """Times over runs."""
        return self.times / self.runs


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """False alarms of a plan where nothing differs.

    Attributes:
        winners: false winners at any look.
        losers: false losers at any look.
        alarms: either.
        naive: alarms of a fixed test read at every look.
        coverage: fixed intervals at the end that hold the true zero.
        sequence_coverage: runs in which the plan's intervals held zero at every look.
        p_values: (runs,) of the fixed test at the end; even between 0 and 1 if all is well.
        distance: largest distance of their distribution from the even one (Kolmogorov-Smirnov).
        distance_p: probability of a distance as large when all is well.
    """

    winners: ObservedRate
    losers: ObservedRate
    alarms: ObservedRate
    naive: ObservedRate
    coverage: ObservedRate
    sequence_coverage: ObservedRate
    p_values: Floats
    distance: float
    distance_p: float


def replay(
    history: History, plan: SequentialPlan, *, rng: np.random.Generator, runs: int = 1000
) -> Replay:
    """Split the history at random, again and again, and watch the plan look at it day by day.

    Nothing differs, so every alarm is false. The plan ends when the history does: its n_max and
    looks do not matter. Guards on skewed tickets and on orders act as in a running campaign.

    Raises:
        BadPlan: the engine has no lines to replay, or there are no runs.
    """
    if runs < 1 or plan.engine in ("bayes_expected_loss", "exact_conversion"):
        raise BadPlan(f"replay: cannot replay {plan.engine} {runs} times; needs lines and a run")
    days = np.unique(history.day)
    place = np.searchsorted(days, history.day)
    arrived = np.bincount(place).cumsum() / history.day.size
    lines = stopping_lines(plan, tuple(arrived.tolist()))
    z = np.stack([_z_of(history, plan, place, days.size, rng) for _ in range(runs)])
    return _report(z, lines, plan)


def _z_of(
    history: History,
    plan: SequentialPlan,
    place: NDArray[np.int64],
    days: int,
    rng: np.random.Generator,
) -> Floats:
    """(treatments, looks) z of one random split; NaN before there is enough to judge by."""
    arms = len(plan.arms)
    cell = rng.choice(arms, size=place.size, p=plan.shares) * days + place
    y = history.capped
    d = np.ones_like(y) if history.denominator is None else history.denominator

    def sums(of: Floats) -> Floats:
        counted = np.bincount(cell, weights=of, minlength=arms * days)
        return np.asarray(counted.reshape(arms, days).cumsum(axis=1))

    n = sums(np.ones_like(y))
    orders = sums(d if history.denominator is not None else (y != 0).astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        z, skew = _contrast(n, *_linearised(n, y, d, sums))
    smaller = np.minimum(n[1:], n[0]) / (n[1:] + n[0])
    if history.cap is not None:
        z = np.where(smaller < EVEN_SPLIT, hall_transform(z, skew), z)
    enough = np.minimum(orders[1:], orders[0]) >= _least(plan)
    return np.where(enough & np.isfinite(z), z, np.nan)


def _linearised(
    n: Floats, y: Floats, d: Floats, sums: Callable[[Floats], Floats]
) -> tuple[Floats, Floats, Floats]:
    """Ratio, variance and third moment of (y - R d) / mean d per arm and look; a mean has d = 1."""
    total = sums(d)
    ratio, scale = sums(y) / total, total / n
    square = sums(y * y) - 2 * ratio * sums(y * d) + ratio**2 * sums(d * d)
    cube = sums(y**3) - ratio**3 * sums(d**3)
    cube += 3 * ratio**2 * sums(y * d * d) - 3 * ratio * sums(y * y * d)
    return ratio, square / (n - 1) / scale**2, cube / n / scale**3


def _contrast(n: Floats, mean: Floats, variance: Floats, third: Floats) -> tuple[Floats, Floats]:
    """Z and skewness of each treatment minus the control (the first arm)."""
    spread = variance[1:] / n[1:] + variance[0] / n[0]
    skew = (third[1:] / n[1:] ** 2 - third[0] / n[0] ** 2) / spread**1.5
    return (mean[1:] - mean[0]) / np.sqrt(spread), skew


def _least(plan: SequentialPlan) -> int:
    match plan.primaries[0].needs:
        case "orders":
            return plan.minimum_orders
        case "converters":
            return plan.minimum_converters
        case "nothing":
            return 0
        case unreachable:
            assert_never(unreachable)


def _report(z: Floats, lines: Boundaries, plan: SequentialPlan) -> Replay:
    """Counts over (runs, treatments, looks)."""
    seen = np.nan_to_num(z)
    upper, lower = np.array(lines.upper), np.array(lines.lower)
    up, down = _first_across(seen, upper, lower)
    height = float(-ndtri(plan.alpha / 2))
    last = seen[:, 0, -1]
    p = np.sort(2 * ndtr(-np.abs(last)))
    steps = np.arange(p.size + 1) / p.size
    distance = float(np.maximum(np.abs(p - steps[1:]), np.abs(p - steps[:-1])).max())
    return Replay(
        winners=_rate(up),
        losers=_rate(down),
        alarms=_rate(up | down),
        naive=_rate(np.asarray((np.abs(seen) >= height).any(axis=(1, 2)))),
        coverage=_rate(np.abs(last) < height),
        sequence_coverage=_rate(np.asarray((np.abs(seen) < upper).all(axis=(1, 2)))),
        p_values=p,
        distance=distance,
        distance_p=float(kolmogorov(math.sqrt(p.size) * distance)),
    )


def _first_across(z: Floats, upper: Floats, lower: Floats) -> tuple[Bools, Bools]:
    """(runs,) whether any treatment first leaves upwards, and downwards."""
    above, below = z >= upper, z <= lower
    crossed = (above | below).any(axis=2)
    first = (above | below).argmax(axis=2)[..., None]
    up = np.take_along_axis(above, first, axis=2)[..., 0] & crossed
    return np.asarray(up.any(axis=1)), np.asarray((crossed & ~up).any(axis=1))


def _rate(happened: Bools) -> ObservedRate:
    times, runs = int(happened.sum()), happened.size
    return ObservedRate(times, runs, clopper_pearson(times, runs, confidence=0.99))

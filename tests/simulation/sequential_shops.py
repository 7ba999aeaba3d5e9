"""Shops whose visitors, orders and tickets are simulated day by day."""

import math
from dataclasses import dataclass

import numpy as np
from fairlift_stats.sequential.anytime.counts import prior_strength
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.guards import hall_transform
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shop:
    """Revenue per visitor: conversion, lognormal tickets, daily visitors of both arms together.

    Attributes:
        share: of the treatment.
        sigma: of the log ticket; the median ticket is 1.
        visitors: a day, in both arms.
        days: looks.
        conversion: of a visitor.
        cap: quantile of the ticket at which it is cut, if it is.
    """

    share: float
    sigma: float
    visitors: int = 2000
    days: int = 28
    conversion: float = 0.03
    cap: float | None = None


def revenue_z(shop: Shop, runs: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """(runs, days) z of revenue per visitor, its skewness, orders of the smaller arm."""
    days = np.arange(1, shop.days + 1)
    limit = math.inf if shop.cap is None else math.exp(shop.sigma * 2.3263478740408408)
    means, variances, thirds, fewest = [], [], [], []
    for share in (1 - shop.share, shop.share):
        daily = round(shop.visitors * share)
        orders = rng.binomial(daily, shop.conversion, (runs, shop.days))
        sums = _ticket_sums(orders, shop.sigma, limit, rng).cumsum(axis=2)
        n = daily * days
        mean = sums[0] / n
        variance = sums[1] / n - mean**2
        thirds.append((sums[2] / n - 3 * mean * sums[1] / n + 2 * mean**3) / n**2)
        means.append(mean)
        variances.append(variance / (n - 1))
        fewest.append(orders.cumsum(axis=1))
    spread = variances[0] + variances[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (means[1] - means[0]) / np.sqrt(spread)
        skew = (thirds[1] - thirds[0]) / spread**1.5
    return np.nan_to_num(z), np.nan_to_num(skew), np.minimum(*fewest).astype(np.float64)


def _ticket_sums(
    orders: NDArray[np.int64], sigma: float, limit: float, rng: np.random.Generator
) -> Floats:
    """(3, runs, days) sums of tickets, their squares and cubes."""
    tickets = np.minimum(rng.lognormal(0.0, sigma, int(orders.sum())), limit)
    cell = np.repeat(np.arange(orders.size), orders.ravel())
    return np.stack(
        [
            np.bincount(cell, weights=tickets**power, minlength=orders.size).reshape(orders.shape)
            for power in (1, 2, 3)
        ]
    )


def side_errors(z: Floats, boundaries: Boundaries) -> tuple[float, float]:
    """Share of runs that first cross upwards, and downwards."""
    upper, lower = np.array(boundaries.upper), np.array(boundaries.lower)
    out = (z >= upper) | (z <= lower)
    crossed = out.any(axis=1)
    first = z[np.arange(z.shape[0]), out.argmax(axis=1)]
    return float((crossed & (first > 0)).mean()), float((crossed & (first < 0)).mean())


def guarded(z: Floats, skew: Floats, orders: Floats, *, least: int = 100) -> Floats:
    """z after Hall's transformation, 0 before enough orders."""
    return np.where(orders >= least, hall_transform(z, skew), 0.0)


def counts_log_e(counts: Floats, shares: tuple[float, float], k: float) -> Floats:
    """(runs, looks) log evidence of cumulative counts (2, runs, looks), as in the product."""
    total = counts.sum(axis=0)
    log_e = gammaln(k) - gammaln(k + total)
    for x, rho in zip(counts, shares, strict=True):
        log_e = log_e + gammaln(k * rho + x) - gammaln(k * rho) - x * math.log(rho)
    return np.asarray(log_e)


def conversions(
    a_day: float, lift: float, runs: int, rng: np.random.Generator, *, wave: float = 0.0
) -> Floats:
    """(runs, 14) log evidence of the exact conversion test; base rates may swing over the week."""
    swing = 1 + wave * np.sin(2 * np.pi * np.arange(14) / 7)
    a = rng.poisson(a_day * swing, (runs, 14)).cumsum(axis=1)
    b = rng.poisson(a_day * (1 + lift) * swing, (runs, 14)).cumsum(axis=1)
    return counts_log_e(np.stack([a, b]).astype(np.float64), (0.5, 0.5), prior_strength(28 * a_day))


def splits(share: float, k: float, runs: int, rng: np.random.Generator) -> Floats:
    """(runs, 28) log evidence of the split check at 2,000 visitors a day."""
    b = rng.binomial(2000, share, (runs, 28)).cumsum(axis=1).astype(np.float64)
    total = 2000.0 * np.arange(1, 29)
    return counts_log_e(np.stack([total - b, b]), (0.5, 0.5), k)


@dataclass(frozen=True, slots=True)
class Loyal:
    """Visitors who keep ordering for weeks, counted for ever or in a window of days.

    Attributes:
        window: days that a visitor counts; None counts every order so far.
        burst: True when two thirds of them come on the first day.
    """

    window: int | None
    burst: bool
    visitors: int = 600
    days: int = 28

    def first_days(self) -> NDArray[np.int64]:
        """The day on which each visitor comes; with a window all are over by the last look."""
        last = self.days - (self.window or 1)
        late = np.arange(self.visitors) * (last + 1) // self.visitors
        early = np.arange(self.visitors) < 2 * self.visitors // 3
        return np.where(early, 0, late) if self.burst else late

    def ready(self) -> NDArray[np.bool_]:
        """(visitors, days) whether a visitor counts on a day."""
        since = np.arange(self.days) - self.first_days()[:, None]
        return since >= 0 if self.window is None else since >= self.window - 1

    def times(self) -> tuple[tuple[float, ...], NDArray[np.int64]]:
        """Information fractions by visitors, and the days on which they rise enough for a look."""
        part = self.ready().mean(axis=0)
        looks, seen = [], 0.0
        for day, now in enumerate(part):
            if now - seen >= 0.005:
                looks.append(day)
                seen = float(now)
        return tuple(part[looks].tolist()), np.array(looks)

    def z(self, runs: int, rng: np.random.Generator) -> Floats:
        """(runs, looks) z of orders per visitor without an effect."""
        first, ready, looks = self.first_days(), self.ready(), self.times()[1]
        since = np.arange(self.days) - first[:, None]
        counted = since >= 0 if self.window is None else (since >= 0) & (since < self.window)
        z = np.empty((runs, looks.size))
        for run in range(runs):
            daily = rng.poisson(0.1, (self.visitors, self.days))
            orders = np.where(counted, daily, 0).cumsum(axis=1)
            z[run] = _two_sample(orders, ready, rng.random(self.visitors) < 0.5)[looks]
        return z


def _two_sample(
    orders: NDArray[np.int64], ready: NDArray[np.bool_], arm: NDArray[np.bool_]
) -> Floats:
    value = np.where(ready, orders, 0).astype(np.float64)
    found = []
    for chosen in (~arm, arm):
        n = np.maximum(ready[chosen].sum(axis=0), 2)
        mean = value[chosen].sum(axis=0) / n
        square = (value[chosen] ** 2).sum(axis=0) / n - mean**2
        found.append((mean, square / (n - 1)))
    (mean_a, var_a), (mean_b, var_b) = found
    spread = var_a + var_b
    return np.where(spread > 0, (mean_b - mean_a) / np.sqrt(np.where(spread > 0, spread, 1)), 0.0)

"""Where the score of a running test can be at each look, the one calculation under all others.

B(t) = z sqrt(t) is a Brownian motion with drift theta = E[Z] at t = 1. Only the walk without drift
is integrated; under a drift each path weighs exp(theta x - theta^2 t / 2) as much, so that one
walk answers for every drift.

Source: Armitage, McPherson & Rowe (1969); Jennison & Turnbull (2000), ch. 19.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

# Beyond nine standard deviations lies 1e-19; a boundary farther out widens the reach to itself.
_REACH: Final = 9.0
_NODES: Final = 40
# Forty Gauss-Legendre nodes hold a normal density over this many of its deviations to 1e-13.
_PANEL: Final = 8.0
# Steps are weighed in blocks, so that many looks close together need little memory.
_BLOCK: Final = 4_000_000
_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)


@lru_cache(maxsize=1)
def legendre() -> tuple[Floats, Floats]:
    """Forty Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _grid(low: float, high: float, sd: float) -> tuple[Floats, Floats]:
    """Nodes and weights on [low, high] for integrands that vary over `sd`, in two panels up."""
    panels = max(2, math.ceil((high - low) / (_PANEL * sd)))
    nodes, weights = legendre()
    width = (high - low) / panels
    starts = low + width * np.arange(panels)
    return (starts[:, None] + width * nodes).ravel(), np.tile(width * weights, panels)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The walks still running just before a look.

    Attributes:
        origin: time and score at which the walk began, (0, 0) or the present look.
        before: time of the look before.
        at: time of this look.
        scores: (n,) scores x = z sqrt(before) at the look before.
        mass: (n,) probability held by each score, without drift.
    """

    origin: tuple[float, float]
    before: float
    at: float
    scores: Floats
    mass: Floats

    @property
    def sd(self) -> float:
        """Standard deviation of the score's step to this look."""
        return math.sqrt(self.at - self.before)

    def tilted(self, drift: Floats) -> Floats:
        """(drifts, n) probability held by each score under each drift."""
        start, score = self.origin
        away = np.multiply.outer(drift, self.scores - score)
        return np.asarray(
            self.mass * np.exp(away - (drift**2 * (self.before - start) / 2)[:, None])
        )

    def crossings(self, lower: float, upper: float, drift: Floats) -> tuple[Floats, Floats]:
        """(drifts,) chances to get here and show less than `lower`, and `upper` or more (z)."""
        mass, root = self.tilted(drift), math.sqrt(self.at)
        reach = self.scores + (drift * (self.at - self.before))[:, None]
        down = (mass * ndtr((lower * root - reach) / self.sd)).sum(axis=1)
        up = (mass * ndtr((reach - upper * root) / self.sd)).sum(axis=1)
        return np.asarray(down), np.asarray(up)

    def mirrored(self) -> "Stage":
        """The same walks with up and down exchanged."""
        start, score = self.origin
        return Stage((start, -score), self.before, self.at, -self.scores, self.mass)

    def then(self, lower: float, upper: float, at: float, *, reach: float = _REACH) -> "Stage":
        """The walks that pass between `lower` and `upper` (z) here, just before the look `at`.

        Where there is no line, walks are followed to `reach` deviations: a large drift needs more.
        """
        root = math.sqrt(self.at)
        low = root * max(lower, -max(reach, upper if math.isfinite(upper) else 0.0))
        high = root * min(upper, max(reach, -lower if math.isfinite(lower) else 0.0))
        step = math.sqrt(at - self.at)
        # The integrand ahead is this look's density times the next step's.
        nodes, weights = _grid(low, high, 1 / math.hypot(1 / self.sd, 1 / step))
        parts = np.array_split(nodes, math.ceil(nodes.size * self.scores.size / _BLOCK))
        density = np.concatenate([self._density(part) for part in parts])
        return Stage(self.origin, self.at, at, nodes, density * weights)

    def _density(self, scores: Floats) -> Floats:
        """Density of the score at this look."""
        steps = (scores[:, None] - self.scores) / self.sd
        return np.asarray(np.exp(-(steps**2) / 2) @ self.mass / (self.sd * _ROOT_TWO_PI))


def begin(at: float, *, time: float = 0.0, z: float = 0.0) -> Stage:
    """A walk that stands at `z` at `time`, just before its look at `at`."""
    score = z * math.sqrt(time)
    return Stage((time, score), time, at, np.array([score]), np.array([1.0]))


def bound_for(stage: Stage, tail: float, *, drift: float = 0.0) -> float:
    """The z that a walk reaches or passes here with probability `tail`; inf when that is 0.

    Newton's method on the logarithm of the tail, which is concave: from the right it goes down to
    the root without stepping past it, down to tails of 1e-300.
    """
    if tail <= 0:
        return math.inf
    mass = stage.tilted(np.array([drift]))[0]
    reach = (stage.scores + drift * (stage.at - stage.before)) / stage.sd
    if tail >= mass.sum():
        return -math.inf
    return _newton(mass, reach, tail) * stage.sd / math.sqrt(stage.at)


def _newton(mass: Floats, reach: Floats, tail: float) -> float:
    """Root of log P(reach + N(0, 1) >= y) = log tail, in units of the step's deviation."""
    low, high = float(reach.min()) - 40.0, float(reach.max()) + 40.0
    y = (low + high) / 2
    while True:
        there = float(mass @ ndtr(reach - y))
        low, high = (y, high) if there >= tail else (low, y)
        slope = float(mass @ np.exp(-((reach - y) ** 2) / 2)) / _ROOT_TWO_PI
        step = there / slope * math.log(there / tail) if there > 0 and slope > 0 else math.inf
        if min(abs(step), high - low) <= 1e-12:
            return y
        y = y + step if low < y + step < high else (low + high) / 2

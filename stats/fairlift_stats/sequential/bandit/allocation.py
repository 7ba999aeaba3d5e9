"""Shares of tomorrow's visitors, for a shop that would rather earn than know.

Shares change once a day, a visitor keeps the variant, and every arm keeps a floor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr

from fairlift_stats.sequential.errors import BadPlan, NotANumber, ZeroVariance
from fairlift_stats.sequential.numerics.recursion import Floats, legendre

_EDGES: Final = np.array([-9.0, -4.0, 0.0, 4.0, 9.0])
_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Allocation:
    """How a bandit shares out the traffic.

    Attributes:
        floor: least share of each arm; 0.05, or 0.1 when effects are to be reported.
        burn_in_days: days of equal shares.
        burn_in_orders: orders that each arm needs before shares move.
        top_two: True sends the runner-up half of the leader's traffic (three arms or more).
    """

    floor: float = 0.05
    burn_in_days: int = 3
    burn_in_orders: int = 100
    top_two: bool = False

    def __post_init__(self) -> None:
        """Refuse a floor that starves an arm: nothing could be inferred from it."""
        if not 0.01 <= self.floor <= 0.5:
            raise BadPlan(f"floor: is {self.floor}, must be between 0.01 and 0.5; 0.05 is usual")

    def shares(
        self, means: Sequence[float], sds: Sequence[float], *, day: int, orders: Sequence[int]
    ) -> tuple[float, ...]:
        """Tomorrow's shares, from period-stratified means and their deviations."""
        if day < self.burn_in_days or min(orders) < self.burn_in_orders:
            return (1 / len(means),) * len(means)
        best = p_best_normal(means, sds)
        return with_floor(top_two_shares(best) if self.top_two else best, floor=self.floor)


def p_best_normal(means: Sequence[float], sds: Sequence[float]) -> tuple[float, ...]:
    """P(each arm is the best) under independent normal beliefs: Thompson's shares, with no draws.

    Source: integral of each density times the others' distributions; Gauss-Legendre quadrature.

    >>> [round(p, 4) for p in p_best_normal([0.03, 0.033, 0.0315], [0.0012, 0.0013, 0.0011])]
    [0.0251, 0.7945, 0.1804]
    """
    m, s = np.asarray(means, dtype=np.float64), np.asarray(sds, dtype=np.float64)
    if m.shape != s.shape or m.size < 2 or not np.isfinite(m).all():
        raise NotANumber("means", "finite, two or more, one deviation each", m.tolist())
    if not (np.isfinite(s).all() and (s > 0).all()):
        raise ZeroVariance("deviations", float(s.min()))
    x, weights = _grid(m, s)
    below = ndtr((x - m[:, None]) / s[:, None])
    density = np.exp(-(((x - m[:, None]) / s[:, None]) ** 2) / 2) / (s[:, None] * _ROOT_TWO_PI)
    others = [np.delete(below, arm, axis=0).prod(axis=0) for arm in range(m.size)]
    p = (density * others) @ weights
    return tuple((p / p.sum()).tolist())


def _grid(m: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights in panels in which every arm's distribution is smooth, or flat."""
    edges = np.unique(np.outer(_EDGES, s) + m)
    nodes, weights = legendre()
    width = np.diff(edges)
    return (edges[:-1, None] + width[:, None] * nodes).ravel(), np.outer(width, weights).ravel()


def top_two_shares(p_best: Sequence[float], *, beta: float = 0.5) -> tuple[float, ...]:
    """Shares of top-two sampling: beta to the drawn best, the rest to the best of the others.

    Source: Russo (2016), closed form.

    >>> [round(share, 4) for share in top_two_shares([0.02511283, 0.79446492, 0.18042225])]
    [0.0639, 0.4949, 0.4412]
    """
    a = _shares(p_best)
    if not 0 < beta <= 1:
        raise BadPlan(f"beta: is {beta}, must be above 0 and at most 1")
    if a.max() >= 1 - 1e-12:
        # All is known of the leader: the others share what it leaves.
        rest = (1 - beta) / (a.size - 1)
        return tuple(np.where(a == a.max(), beta, rest).tolist())
    odds = a / (1 - a)
    return tuple((a * (beta + (1 - beta) * (odds.sum() - odds))).tolist())


def with_floor(shares: Sequence[float], *, floor: float) -> tuple[float, ...]:
    """Shares f + (1 - K f) w: every arm keeps f, and the order stays.

    >>> [round(share, 4) for share in with_floor([0.0, 0.8, 0.2], floor=0.1)]
    [0.1, 0.66, 0.24]
    """
    w = _shares(shares)
    if not 0 <= floor * w.size <= 1:
        raise BadPlan(f"floor: is {floor}, with {w.size} arms must be in [0, {1 / w.size:.3g}]")
    return tuple((floor + (1 - w.size * floor) * w).tolist())


def _shares(values: Sequence[float]) -> Floats:
    w = np.asarray(values, dtype=np.float64)
    if w.size < 2 or not np.isfinite(w).all() or (w < 0).any() or abs(w.sum() - 1) > 1e-5:
        raise NotANumber("shares", "two or more, 0 or more, sum to 1", w.tolist())
    return w

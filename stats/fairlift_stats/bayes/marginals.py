"""Posteriors of one arm: distributions with a quadrature rule each, so no draws are needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, betaln, gammaln, ndtr, stdtr, stdtrit

from fairlift_stats.arrays import Array
from fairlift_stats.data.sums import NOISE
from fairlift_stats.errors import BadQuestion, TooFewUnits

__all__ = ["Beta", "Hurdle", "Marginal", "Student"]


NODES = 96
TAIL = 1e-13  # probability that is left out at each end
# Below so many degrees of freedom tails and rate of a product are wide, and need a finer mesh.
FEW = 30


class Marginal(Protocol):
    """A posterior of one number."""

    @property
    def rule(self) -> tuple[Array, Array]:
        """Points and weights: Σ w·g(x) is E[g(X)] for smooth g."""
        ...

    @property
    def mean(self) -> float:
        """Posterior mean."""
        ...

    def quadrature(self, cuts: Sequence[float]) -> tuple[Array, Array]:
        """The same rule on a mesh cut at these values: for a g that nearly jumps there."""
        ...

    def cdf(self, x: Array) -> Array:
        """P(X ≤ x)."""
        ...

    def pdf(self, x: Array) -> Array:
        """Density at x."""
        ...


@dataclass(frozen=True)
class Beta:
    """Posterior of a rate; Beta(x+½, n−x+½) under Jeffreys' prior.

    Raises:
        BadQuestion: a parameter is not positive and finite.
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        """Refuse what is not a distribution."""
        if not (0 < self.a < math.inf and 0 < self.b < math.inf):
            raise BadQuestion(f"Beta({self.a}, {self.b}): both must be positive and finite")

    @classmethod
    def of(cls, x: float, n: float, prior: tuple[float, float] = (0.5, 0.5)) -> "Beta":
        """Posterior after x of n.

        Raises:
            BadQuestion: x is not within 0…n, or the prior is not positive.
        """
        if not 0 <= x <= n:
            raise BadQuestion(f"x: is {x} of {n}; a count lies between 0 and its n")
        return cls(x + prior[0], n - x + prior[1])

    @cached_property
    def mean(self) -> float:
        """Posterior mean."""
        return self.a / (self.a + self.b)

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Points and weights."""
        return self.quadrature(())

    def quadrature(self, cuts: Sequence[float], nodes: int = NODES) -> tuple[Array, Array]:
        """Gauss–Legendre in θ with x = sin²θ, where a Beta(½, ·) has no pole."""
        low, high = np.arcsin(np.sqrt(betaincinv(self.a, self.b, [TAIL, 1 - TAIL])))
        cut_angles = np.arcsin(np.sqrt(np.clip(cuts, 0, 1)))
        edges = np.concatenate([cut_angles, _steps(self.a), math.pi / 2 - _steps(self.b)])
        theta, weight = pieces(low, high, edges, nodes)
        x = np.sin(theta) ** 2
        log = 2 * self.a * np.log(np.sin(theta)) + 2 * self.b * np.log(np.cos(theta))
        density = np.exp(log - betaln(self.a, self.b)) / (np.sin(theta) * np.cos(theta))
        return x, _normalised(weight * density)

    def cdf(self, x: Array) -> Array:
        """P(X ≤ x)."""
        return np.asarray(betainc(self.a, self.b, np.clip(x, 0, 1)))

    def pdf(self, x: Array) -> Array:
        """Density at x."""
        inside = (x > 0) & (x < 1)
        safe = np.where(inside, x, 0.5)
        log = (self.a - 1) * np.log(safe) + (self.b - 1) * np.log1p(-safe)
        return np.where(inside, np.exp(log - betaln(self.a, self.b)), 0.0)


@dataclass(frozen=True)
class Student:
    """Posterior of a mean under the reference prior: centre + scale·t; normal for infinite df.

    Raises:
        TooFewUnits: df is below 3, where a mean or a loss would rest on the tails alone.
        BadQuestion: the scale is not positive and finite, or the centre not finite.

    Source: Jeffreys' prior on (μ, σ²); checked against scipy.stats.bayes_mvs.
    """

    centre: float
    scale: float
    df: float = math.inf

    def __post_init__(self) -> None:
        """Refuse a posterior without a usable mean."""
        if not self.df >= 3:
            raise TooFewUnits(f"df: is {self.df}, a posterior of a mean needs 3 or more")
        if not (0 < self.scale < math.inf and math.isfinite(self.centre)):
            raise BadQuestion(
                f"centre {self.centre}, scale {self.scale}: must be finite, and the scale positive"
            )

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.centre

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Points and weights."""
        return self.quadrature(())

    def quadrature(self, cuts: Sequence[float]) -> tuple[Array, Array]:
        """Gauss–Legendre in v with x = centre + scale·sinh v, which reaches heavy tails."""
        reach = math.asinh(8.0 if math.isinf(self.df) else float(-stdtrit(self.df, TAIL)))
        at = np.arcsinh((np.asarray(cuts, dtype=float) - self.centre) / self.scale)
        v, weight = pieces(-reach, reach, at, NODES)
        x = self.centre + self.scale * np.sinh(v)
        return x, _normalised(weight * np.cosh(v) * self.pdf(x))

    def cdf(self, x: Array) -> Array:
        """P(X ≤ x)."""
        t = (x - self.centre) / self.scale
        return np.asarray(ndtr(t) if math.isinf(self.df) else stdtr(self.df, t))

    def pdf(self, x: Array) -> Array:
        """Density at x."""
        t2 = ((x - self.centre) / self.scale) ** 2
        if math.isinf(self.df):
            return np.asarray(np.exp(-t2 / 2) / (self.scale * math.sqrt(2 * math.pi)))
        half = (self.df + 1) / 2
        log = float(gammaln(half) - gammaln(self.df / 2)) - math.log(self.df * math.pi) / 2
        return np.asarray(np.exp(log - half * np.log1p(t2 / self.df)) / self.scale)


@dataclass(frozen=True)
class Hurdle:
    """Posterior of revenue per visitor: who buys (Beta) times how much buyers spend (Student)."""

    buying: Beta
    spending: Student
    _grid: int = field(default=256, repr=False)

    @classmethod
    def of(cls, n: float, buyers: float, revenue: float, squares: float) -> "Hurdle":
        """Posterior from visitors, buyers, Σ revenue and Σ revenue².

        Raises:
            TooFewUnits: fewer than four buyers.
            BadQuestion: the buyers all spent the same.
        """
        if buyers < 4:
            raise TooFewUnits(f"buyers: is {buyers}, what they spend needs 4 or more")
        mean = revenue / buyers
        spread = squares - revenue * mean
        # Rounding alone must not pass for a variance when all buyers spent the same.
        variance = (spread if spread > NOISE * squares else 0.0) / (buyers - 1)
        return cls(Beta.of(buyers, n), Student(mean, math.sqrt(variance / buyers), buyers - 1))

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.buying.mean * self.spending.mean

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Points and weights."""
        return self.quadrature(())

    def quadrature(self, cuts: Sequence[float]) -> tuple[Array, Array]:
        """Gauss–Legendre on the product's own range."""
        centre, scale, reach = self._scale
        at = np.arcsinh((np.asarray(cuts, dtype=float) - centre) / scale)
        v, weight = pieces(-reach, reach, at, NODES * (2 if self.spending.df < FEW else 1))
        x = centre + scale * np.sinh(v)
        return x, _normalised(weight * np.cosh(v) * self.pdf(x))

    def cdf(self, x: Array) -> Array:
        """P(X ≤ x), by cubic Hermite interpolation of an exact table."""
        f, slope = self._table
        i, t, step, _ = self._place(x)
        s, u = t * t, t * t * t
        value = (2 * u - 3 * s + 1) * f[i] + (3 * s - 2 * u) * f[i + 1]
        value = value + step * ((u - 2 * s + t) * slope[i] + (u - s) * slope[i + 1])
        return np.asarray(np.clip(value, 0, 1))

    def pdf(self, x: Array) -> Array:
        """Density at x, from the same table."""
        f, slope = self._table
        i, t, step, stretch = self._place(x)
        rise = 6 * (t - t * t) * (f[i + 1] - f[i]) / step
        bend = (1 - 4 * t + 3 * t * t) * slope[i] + (3 * t * t - 2 * t) * slope[i + 1]
        return np.maximum(rise + bend, 0) / stretch

    def _place(self, x: Array) -> tuple[npt.NDArray[np.int_], Array, float, Array]:
        """Cell of the table, place within it, its width, and dx/dv."""
        centre, scale, reach = self._scale
        at = np.clip(np.arcsinh((x - centre) / scale), -reach, reach)
        step = 2 * reach / (self._grid - 1)
        i = np.minimum(((at + reach) / step).astype(int), self._grid - 2)
        return i, (at + reach) / step - i, step, scale * np.cosh(at)

    @cached_property
    def _scale(self) -> tuple[float, float, float]:
        """Centre, scale and reach of the product, for x = centre + scale·sinh v."""
        p, money = self.buying, self.spending
        spread = p.a * p.b / ((p.a + p.b) ** 2 * (p.a + p.b + 1))
        scale = math.hypot(money.scale * p.mean, abs(money.centre) * math.sqrt(spread))
        tails = float(-stdtrit(money.df, TAIL))
        return self.mean, scale, math.asinh(1.5 * tails)

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Distribution and its slope in v, the rate integrated out, on an even grid of v."""
        centre, scale, reach = self._scale
        v = np.linspace(-reach, reach, self._grid)
        # With many buyers the rate is near normal, and a few nodes are plenty.
        p, weight = self.buying.quadrature((), NODES if self.spending.df < FEW else 24)
        per_buyer = (centre + scale * np.sinh(v))[:, None] / p
        f = self.spending.cdf(per_buyer) @ weight
        density = (self.spending.pdf(per_buyer) / p) @ weight
        return f, density * scale * np.cosh(v)


def pieces(low: float, high: float, cuts: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss–Legendre on [low, high], cut at the values that lie within."""
    inside = cuts[(cuts > low) & (cuts < high)]
    if len(inside) == 0:
        return gauss(low, high, nodes)
    edges = np.concatenate([[low], np.sort(inside), [high]])[:, None]
    x, w = gauss_rows(edges[:-1], edges[1:], nodes)
    return x.ravel(), w.ravel()


def gauss(low: float, high: float, nodes: int = NODES) -> tuple[Array, Array]:
    """Gauss–Legendre points and weights on [low, high]."""
    x, w = _legendre(nodes)
    return (low + high) / 2 + (high - low) / 2 * x, (high - low) / 2 * w


def gauss_rows(low: Array, high: Array, nodes: int) -> tuple[Array, Array]:
    """The same on many ranges at once: low and high are (rows, 1), the answers (rows, nodes)."""
    x, w = _legendre(nodes)
    return (low + high) / 2 + (high - low) / 2 * x, (high - low) / 2 * w


@lru_cache(maxsize=8)
def _legendre(nodes: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(nodes)


def _steps(parameter: float) -> Array:
    """Ever smaller angles towards an end where the density is a broken power of the angle."""
    power = 2 * parameter - 1
    if power >= 3 or power == int(power):
        return np.empty(0)
    return np.asarray(0.4 * 0.15 ** np.arange(4))


def _normalised(weights: Array) -> Array:
    return np.asarray(weights / weights.sum())

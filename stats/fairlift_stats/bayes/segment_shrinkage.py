"""Effects in segments, adjusted towards the overall result (hierarchical model)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from fairlift_stats.arrays import Array
from fairlift_stats.bayes.marginals import gauss
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary
from fairlift_stats.methods.one_rate import checked_confidence
from fairlift_stats.methods.random_effects import Heterogeneity, checked, heterogeneity

__all__ = ["Hierarchy", "Segment", "SegmentPrior", "fit_segments", "log_lift"]


GRID = 121
TAU_REACH = 6.0  # in scales of the half-normal: the weight beyond is 1e-8


@dataclass(frozen=True, slots=True)
class SegmentPrior:
    """How much segments may differ (τ ~ HalfNormal) and where their average may lie (μ ~ Normal).

    Raises:
        BadQuestion: a scale is not positive.
    """

    tau_scale: float = 0.25
    mean_sd: float = 0.5

    def __post_init__(self) -> None:
        """Refuse scales that are not positive."""
        if not (0 < self.tau_scale < np.inf and 0 < self.mean_sd < np.inf):
            raise BadQuestion(f"{self}: both scales must be positive and finite")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment's effect, alone and adjusted towards the overall result.

    Attributes:
        name: the segment.
        raw, raw_interval: from its own data only.
        shrunk, interval: posterior mean and central interval, from all segments.
        p_positive: posterior probability of a positive effect.
    """

    name: str
    raw: float
    raw_interval: Interval
    shrunk: float
    interval: Interval
    p_positive: float


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """All segments under one hierarchy.

    Attributes:
        mean, mean_interval: posterior of the average effect.
        tau: posterior mean of the standard deviation between segments.
        segments: in the order of the input.
        heterogeneity: the test that all segments share one effect.
    """

    mean: float
    mean_interval: Interval
    tau: float
    segments: tuple[Segment, ...]
    heterogeneity: Heterogeneity


def log_lift(
    xt: npt.ArrayLike, nt: npt.ArrayLike, xc: npt.ArrayLike, nc: npt.ArrayLike
) -> tuple[Array, Array]:
    """ln(p_t/p_c) and its variance from counts, with ½ added so that zeros have an answer.

    Raises:
        BadSummary: a count is not within 0…n.

    Source: Walter (1975).
    """
    for x, n in ((xt, nt), (xc, nc)):
        if not ((np.asarray(x) >= 0) & (np.asarray(x) <= np.asarray(n))).all():
            raise BadSummary(f"counts {x!r} of {n!r}; a count lies between 0 and its n")
    xt, nt, xc, nc = (np.asarray(a, dtype=float) + 0.5 for a in (xt, nt, xc, nc))
    return np.log(xt / nt) - np.log(xc / nc), 1 / xt - 1 / nt + 1 / xc - 1 / nc


def fit_segments(
    effects: Mapping[str, tuple[float, float]],
    *,
    prior: SegmentPrior | None = None,
    confidence: float = 0.95,
) -> Hierarchy:
    """Posterior of every segment's effect, with the spread between segments integrated out.

    For each τ on a grid everything is normal and known in closed form; the answer is their mixture.

    Args:
        effects: estimate and variance by segment, e.g. ln(1 + lift), or any effect.
        prior: of τ and μ, on the scale of the effects; the default suits ln(1 + lift).
        confidence: of the intervals.

    Raises:
        TooFewUnits, BadQuestion: fewer than two segments, or a variance that is not positive.

    Source: Rubin (1981); Gelman (2006) for the half-normal. Checked against R's integrate.

    >>> fit = fit_segments({"new": (0.10, 0.01), "returning": (0.02, 0.01), "tiny": (1.2, 0.9)})
    >>> round(fit.segments[2].raw, 2), round(fit.segments[2].shrunk, 2)
    (1.2, 0.11)
    """
    y, v = checked([e for e, _ in effects.values()], [v for _, v in effects.values()])
    chosen = prior or SegmentPrior()
    tau, weight, mean, sd = _grid(y, v, chosen)
    # For each τ a segment mixes its own estimate and the average, whose error it inherits.
    weight_of_own = tau[:, None] ** 2 / (tau[:, None] ** 2 + v)
    weight_of_mean = 1 - weight_of_own
    centres = weight_of_own * y + weight_of_mean * mean[:, None]
    spreads = np.sqrt(weight_of_own * v + (weight_of_mean * sd[:, None]) ** 2)
    centres, spreads = np.column_stack([mean, centres]), np.column_stack([sd, spreads])
    tail = (1 - checked_confidence(confidence)) / 2
    low, high = (_mixture_quantile(p, weight, centres, spreads) for p in (tail, 1 - tail))
    average, positive = weight @ centres, weight @ ndtr(centres / spreads)
    half = -float(ndtri(tail)) * np.sqrt(v)
    segments = [
        Segment(name, raw, Interval(raw - h, raw + h), mean, Interval(least, most), p)
        for name, raw, h, mean, least, most, p in zip(
            effects, y.tolist(), half.tolist(), average[1:].tolist(), low[1:].tolist(),
            high[1:].tolist(), positive[1:].tolist(), strict=True,
        )
    ]  # fmt: skip
    return Hierarchy(
        float(average[0]),
        Interval(float(low[0]), float(high[0])),
        float(weight @ tau),
        tuple(segments),
        heterogeneity(y, v),
    )


def _grid(y: Array, v: Array, prior: SegmentPrior) -> tuple[Array, Array, Array, Array]:
    """τ, its posterior weights, and mean and sd of μ at each τ."""
    tau, w = gauss(0.0, prior.tau_scale * TAU_REACH, GRID)
    spread = v + tau[:, None] ** 2
    precision = (1 / spread).sum(axis=1) + prior.mean_sd**-2
    mean = (y / spread).sum(axis=1) / precision
    log_density = (
        -0.5 * np.log(spread).sum(axis=1)
        - 0.5 * (y * y / spread).sum(axis=1)
        - 0.5 * np.log(precision)
        + 0.5 * mean * mean * precision
        - 0.5 * (tau / prior.tau_scale) ** 2
    )
    weight = w * np.exp(log_density - log_density.max())
    return tau, weight / weight.sum(), mean, 1 / np.sqrt(precision)


def _mixture_quantile(p: float, weight: Array, centres: Array, spreads: Array) -> Array:
    """(segments,) quantile of each column's mixture of normals, by bracketed Newton."""
    z = float(ndtri(p))
    quantiles = centres + z * spreads
    low, high = quantiles.min(axis=0), quantiles.max(axis=0)
    x = weight @ quantiles
    step, converged = 0, False
    while not converged and step < 100:
        t = (x - centres) / spreads
        gap = weight @ ndtr(t) - p
        slope = weight @ (np.exp(-t * t / 2) / spreads) / np.sqrt(2 * np.pi)
        low, high = np.where(gap < 0, x, low), np.where(gap < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = x - gap / slope
        new = np.where((guess >= low) & (guess <= high) & (step < 50), guess, (low + high) / 2)
        converged = bool((np.abs(new - x) <= 1e-10 * (high - low + np.abs(new))).all())
        x, step = new, step + 1
    return np.asarray(x)

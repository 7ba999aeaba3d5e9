"""Post-stratification: strata known before exposure, weighted by their share of all units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, NoEstimate, TooFewUnits
from fairlift_stats.methods import fieller
from fairlift_stats.methods.one_rate import checked_confidence
from fairlift_stats.methods.two_means import ArmMoments
from fairlift_stats.methods.two_rates import TwoRates

__all__ = ["PostStratified", "mantel_haenszel", "post_stratify"]

Stratum: TypeAlias = tuple[Summary, Summary]

MIN_UNITS_PER_STRATUM = 10


@dataclass(frozen=True, slots=True)
class PostStratified:
    """Difference of means with each stratum weighted by its share of all units.

    Attributes:
        difference: treatment − control.
        standard_error: of the difference, including the error of the shares.
        p_value: two-sided.
        interval: of the difference.
        lift: Fieller's interval of the lift; None where it is unbounded.
        merged: strata that were merged because an arm had fewer than ten units.
    """

    difference: float
    standard_error: float
    p_value: float
    interval: Interval
    lift: Interval | None
    merged: int


def post_stratify(
    strata: Sequence[Stratum], column: str, *, confidence: float = 0.95
) -> PostStratified:
    """Difference of means, post-stratified; each stratum is its (treatment, control) summaries.

    Raises:
        BadQuestion: there are no strata.
        TooFewUnits: all strata together have an arm of fewer than ten units.
        NoEstimate: nothing varies.

    Source: Miratrix, Sekhon, Yu (2013), with shares estimated; checked against gbstats.
    """
    large, merged = _merge_small(strata)
    t, c = ([_group(pair[i], column) for pair in large] for i in (0, 1))
    n = np.array([a.n + b.n for a, b in large], dtype=float)
    weight = n / n.sum()
    mt, mc = (np.array([g.mean for g in arm]) for arm in (t, c))
    vt, vc = (weight**2 @ np.array([g.variance for g in arm]) for arm in (t, c))
    centre_t, centre_c = float(weight @ mt), float(weight @ mc)
    gap = centre_t - centre_c
    # The shares of the strata are themselves a sample: both means move with them.
    moved = np.stack([mt - centre_t, mc - centre_c])
    shares = (moved * weight) @ moved.T / n.sum()
    variance = vt + vc + shares[0, 0] - 2 * shares[0, 1] + shares[1, 1]
    if variance <= 0:
        raise NoEstimate("all units are the same within strata: chance cannot be judged")
    error = math.sqrt(variance)
    z = -float(ndtri((1 - checked_confidence(confidence)) / 2))
    low, high = fieller.lift_limits(
        np.array(centre_t), np.array(centre_c), np.array(vt + shares[0, 0]),
        np.array(vc + shares[1, 1]), np.array(z), shares[0, 1],
    )  # fmt: skip
    bounded = centre_c > 0 and not math.isnan(float(low))
    return PostStratified(
        gap,
        error,
        float(2 * ndtr(-abs(gap) / error)),
        Interval(gap - z * error, gap + z * error),
        Interval(float(low), float(high)) if bounded else None,
        merged,
    )


def mantel_haenszel(strata: Sequence[TwoRates]) -> tuple[float, float]:
    """χ² and p-value of no difference in any stratum; no continuity correction.

    Raises:
        BadQuestion: there are no strata.
        NoEstimate: in no stratum is there both a success and a failure.

    Source: Mantel and Haenszel (1959); checked against R's mantelhaen.test.
    """
    if not strata:
        raise BadQuestion("strata: is empty")
    excess = variance = 0.0
    for s in strata:
        n, x = s.nt + s.nc, s.xt + s.xc
        excess += s.xt - s.nt * x / n
        variance += s.nt * s.nc * x * (n - x) / (n * n * (n - 1))
    if variance == 0:
        raise NoEstimate("no stratum has both a success and a failure: chance cannot be judged")
    statistic = excess * excess / variance
    return statistic, float(chdtrc(1, statistic))


def _merge_small(strata: Sequence[Stratum]) -> tuple[list[Stratum], int]:
    """Strata with enough units in both arms; the others together as one, or with the smallest."""
    if not strata:
        raise BadQuestion("strata: is empty")
    enough = [s for s in strata if _least(s) >= MIN_UNITS_PER_STRATUM]
    small = [s for s in strata if _least(s) < MIN_UNITS_PER_STRATUM]
    if not small:
        return enough, 0
    while _least(rest := _union(small)) < MIN_UNITS_PER_STRATUM:
        if not enough:
            raise TooFewUnits(
                f"strata: an arm has fewer than {MIN_UNITS_PER_STRATUM} units "
                "in all of them together"
            )
        nearest = min(enough, key=lambda s: s[0].n + s[1].n)
        enough.remove(nearest)
        small.append(nearest)
    return [*enough, rest], len(small)


def _group(summary: Summary, column: str) -> ArmMoments:
    return ArmMoments(summary.mean(column), summary.variance(column) / summary.n, summary.n)


def _least(stratum: Stratum) -> int:
    return min(group.n for group in stratum)


def _union(strata: Sequence[Stratum]) -> Stratum:
    return Summary.total(t for t, _ in strata), Summary.total(c for _, c in strata)

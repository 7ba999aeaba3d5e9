"""The classical lines with one constant, as textbooks and older tools print them."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from fairlift_stats.sequential.errors import BadLevel, BadPlan
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    check_times,
    exit_probabilities,
    walk,
)
from fairlift_stats.sequential.numerics.recursion import bound_for
from fairlift_stats.sequential.numerics.roots import root


def equal_times(looks: int) -> tuple[float, ...]:
    """Information fractions of that many equally spaced looks, the last at 1."""
    if looks < 1:
        raise BadPlan(f"looks: are {looks}, must be 1 or more")
    return tuple(look / looks for look in range(1, looks + 1))


def lines(times: Sequence[float], heights: Sequence[float], *, sides: int) -> Boundaries:
    """Lines of these heights above, and below too when `sides` is 2."""
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    upper = tuple(float(height) for height in heights)
    lower = tuple(-h for h in upper) if sides == 2 else (-math.inf,) * len(upper)
    return Boundaries(tuple(times), lower, upper)


def type_one(boundaries: Boundaries) -> float:
    """Probability to cross either line when nothing differs."""
    return float(exit_probabilities(boundaries, [0.0]).error[0])


@lru_cache(maxsize=256)
def wang_tsiatis(times: tuple[float, ...], *, alpha: float, sides: int, delta: float) -> Boundaries:
    """Lines C t^(delta - 1/2) of total error alpha: delta 0 is O'Brien-Fleming, 1/2 is Pocock.

    Source: Wang & Tsiatis (1987); checked against rpact and gsDesign.

    >>> round(wang_tsiatis(equal_times(5), alpha=0.05, sides=2, delta=0.0).upper[-1], 4)
    2.0401
    """
    check_times(times)
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    shape = np.asarray(times) ** (delta - 0.5)
    return _scaled(times, lambda c: tuple((c * shape).tolist()), alpha=alpha, sides=sides)


def _scaled(
    times: tuple[float, ...],
    heights: Callable[[float], Sequence[float]],
    *,
    alpha: float,
    sides: int,
) -> Boundaries:
    high = float(-ndtri(alpha / (2 * len(times)))) + 1.0
    constant = root(
        lambda c: type_one(lines(times, heights(c), sides=sides)) - alpha, 1e-6, high, tol=1e-11
    )
    return lines(times, heights(constant), sides=sides)


def haybittle_peto(
    times: tuple[float, ...], *, alpha: float, sides: int, interim: float = 3.0
) -> Boundaries:
    """Lines of one height at all looks but the last, which spends what is left.

    Raises:
        BadPlan: the early looks alone use up alpha.

    Source: Haybittle (1971), Peto et al. (1976); checked against rpact.
    """
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    rough = lines(times, (interim,) * len(times), sides=sides)
    early = type_one(rough.until(len(times) - 1)) if len(times) > 1 else 0.0
    if early >= alpha:
        raise BadPlan(f"interim: is {interim}, the early looks alone use {early:.3g} of {alpha}")
    last = bound_for(walk(rough)[-1], (alpha - early) / sides)
    return lines(times, (*rough.upper[:-1], last), sides=sides)

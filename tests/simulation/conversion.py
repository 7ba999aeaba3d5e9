"""Coverage of intervals for two rates, summed over all possible tables: no simulation."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from fairlift_stats.methods import score
from fairlift_stats.methods.one_rate import critical_z, wilson_limits
from scipy import stats

Array: TypeAlias = npt.NDArray[np.float64]
Limits: TypeAlias = tuple[Array, Array]
Method: TypeAlias = Callable[[Array, Array, int, float], Limits]

# Units per arm, control rate, lift: 21 settings, from very small to medium.
SETTINGS = tuple(
    (n, rate, lift)
    for n, rates in ((20, (0.05, 0.1, 0.3)), (50, (0.05, 0.1)), (200, (0.03, 0.05)))
    for rate in rates
    for lift in (0.0, 0.3, 0.5)
)


def _score(which: str) -> Method:
    def limits(xt: Array, xc: Array, n: int, z: float) -> Limits:
        size = np.full(xt.shape, float(n))
        gap, ratio = score.limits(xt, size, xc, size, np.full((1, *xt.shape), z))
        low, high = ratio if which == "ratio" else gap
        return low[0], high[0]

    return limits


def _wald(xt: Array, xc: Array, n: int, z: float) -> Limits:
    pt, pc = xt / n, xc / n
    half = z * np.sqrt((pt * (1 - pt) + pc * (1 - pc)) / n)
    return pt - pc - half, pt - pc + half


def _newcombe(xt: Array, xc: Array, n: int, z: float) -> Limits:
    (lt, ut), (lc, uc) = (wilson_limits(x, np.full(x.shape, float(n)), z) for x in (xt, xc))
    pt, pc = xt / n, xc / n
    gap = pt - pc
    return gap - np.hypot(pt - lt, uc - pc), gap + np.hypot(ut - pt, pc - lc)


def _katz(more: float) -> Method:
    def limits(xt: Array, xc: Array, n: int, z: float) -> Limits:
        a, b, m = xt + more, xc + more, n + more
        with np.errstate(divide="ignore", invalid="ignore"):
            half = z * np.sqrt(1 / a + 1 / b - 2 / m)
            return a / b * np.exp(-half), a / b * np.exp(half)

    return limits


def _linear_delta(xt: Array, xc: Array, n: int, z: float) -> Limits:
    """What gbstats prints: the delta method on the lift itself."""
    pt, pc = xt / n, xc / n
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = pt * (1 - pt) / n / pc**2 + pc * (1 - pc) / n * pt**2 / pc**4
        half = z * np.sqrt(spread)
        return pt / pc - half, pt / pc + half


DIFFERENCES: Mapping[str, Method] = {
    "Wald": _wald,
    "Newcombe": _newcombe,
    "score difference": _score("difference"),
}
RATIOS: Mapping[str, Method] = {
    "Katz log": _katz(0.0),
    "linear delta": _linear_delta,
    "log adjusted": _katz(0.5),
    "score ratio": _score("ratio"),
}


def coverage(n: int, rate: float, lift: float, confidence: float = 0.95) -> dict[str, float]:
    """Exact coverage of each method; an undefined interval counts as a miss."""
    treated = rate * (1 + lift)
    x = np.arange(n + 1.0)
    xt, xc = (grid.ravel() for grid in np.meshgrid(x, x, indexing="ij"))
    weight = np.outer(stats.binom.pmf(x, n, treated), stats.binom.pmf(x, n, rate)).ravel()
    z = critical_z(confidence)
    found = {}
    for methods, truth in ((DIFFERENCES, treated - rate), (RATIOS, 1 + lift)):
        for name, method in methods.items():
            low, high = method(xt, xc, n, z)
            # A zero count has no interval by these two: NaN, or as wide as everything.
            defined = np.isfinite(low) & np.isfinite(high) if name in UNDEFINED else True
            inside = (low <= truth) & (truth <= high) & defined
            found[name] = float(weight[inside].sum())
    return found


UNDEFINED = ("Katz log", "linear delta")

"""Random effects: how much true effects differ between groups, and shrunken estimates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from fairlift_stats.arrays import Array
from fairlift_stats.data.sums import LARGEST
from fairlift_stats.errors import BadQuestion, TooFewUnits

__all__ = [
    "Heterogeneity",
    "RandomEffects",
    "heterogeneity",
    "james_stein",
    "paule_mandel",
    "random_effects",
]

TauMethod: TypeAlias = Literal["DL", "PM", "REML"]


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether groups differ by more than their noise: Cochran's Q, its p-value, and I²."""

    q: float
    df: int
    p_value: float
    i2: float


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """A normal hierarchy fitted to group estimates, with τ² taken as known.

    Attributes:
        tau2: variance of the true effects between groups.
        mean, standard_error: of the average effect.
        shrunk, shrunk_error: (groups,) best linear predictions of the true effects.
        weight: (groups,) share of a group's own estimate in its prediction.
    """

    tau2: float
    mean: float
    standard_error: float
    shrunk: Array
    shrunk_error: Array
    weight: Array
    heterogeneity: Heterogeneity


def heterogeneity(y: npt.ArrayLike, v: npt.ArrayLike) -> Heterogeneity:
    """Test that all groups share one effect.

    Raises:
        TooFewUnits, BadQuestion: fewer than two groups, or variances not positive.

    Source: Cochran (1954); Higgins and Thompson (2002). Checked against R metafor.
    """
    effects, variances = checked(y, v)
    w = 1 / variances
    q = float(w @ (effects - w @ effects / w.sum()) ** 2)
    df = len(effects) - 1
    return Heterogeneity(q, df, float(chdtrc(df, q)), max(0.0, 1 - df / q) if q > 0 else 0.0)


def random_effects(
    y: npt.ArrayLike, v: npt.ArrayLike, *, tau_method: TauMethod = "PM"
) -> RandomEffects:
    """Average effect and shrunk group effects, τ² by DerSimonian–Laird, Paule–Mandel or REML.

    Its intervals treat τ² as known and are too narrow when groups really differ: for claims use
    `fit_segments`, which integrates τ out.

    Raises:
        TooFewUnits, BadQuestion: fewer than two groups, bad variances, unknown method.

    Source: DerSimonian and Laird (1986), Paule and Mandel (1982), Viechtbauer (2005) for REML;
    checked against R metafor (rma, blup).
    """
    effects, variances = checked(y, v)
    match tau_method:
        case "DL":
            tau2 = _dersimonian_laird(effects, variances)
        case "PM":
            tau2 = _solve(lambda t: _generalised_q(effects, variances, t) - len(effects) + 1)
        case "REML":
            tau2 = _solve(lambda t: _restricted_score(effects, variances, t))
        case _:
            raise BadQuestion(f"tau_method: is {tau_method!r}, must be DL, PM or REML")
    w = 1 / (variances + tau2)
    mean, error2 = float(w @ effects / w.sum()), float(1 / w.sum())
    weight = tau2 * w
    shrunk = mean + weight * (effects - mean)
    # A prediction has two errors: its share of the estimate's noise, and the mean's.
    spread = weight * variances + (1 - weight) ** 2 * error2
    return RandomEffects(
        tau2, mean, error2**0.5, shrunk, np.sqrt(spread), weight, heterogeneity(y, v)
    )


def paule_mandel(y: npt.ArrayLike, v: npt.ArrayLike) -> RandomEffects:
    """Random effects with τ² by Paule and Mandel."""
    return random_effects(y, v, tau_method="PM")


def james_stein(y: npt.ArrayLike, variance: float) -> tuple[float, float, Array]:
    """Grand mean, shrinking factor and shrunken values of means with one known variance.

    Raises:
        TooFewUnits: fewer than four values.
        BadQuestion: a value is not finite, or the variance not positive and finite.

    Source: Efron and Morris (1977), positive part.
    """
    values = np.asarray(y, dtype=float)
    if len(values) < 4:
        raise TooFewUnits(f"values: are {len(values)}, shrinking to their mean needs 4 or more")
    if not (np.isfinite(values).all() and 0 < variance < np.inf):
        raise BadQuestion(f"variance: is {variance}; it must be positive, and all values finite")
    mean = float(values.mean())
    spread = float(np.sum((values - mean) ** 2))
    factor = max(0.0, 1 - (len(values) - 3) * variance / spread) if spread > 0 else 0.0
    return mean, factor, mean + factor * (values - mean)


def checked(y: npt.ArrayLike, v: npt.ArrayLike) -> tuple[Array, Array]:
    """Effects and variances as arrays.

    Raises:
        TooFewUnits: fewer than two groups.
        BadQuestion: lengths differ, an effect is not finite, or a variance not positive.
    """
    effects, variances = np.asarray(y, dtype=float), np.asarray(v, dtype=float)
    if effects.ndim != 1 or effects.shape != variances.shape:
        raise BadQuestion(f"effects {effects.shape} and variances {variances.shape} do not pair up")
    if len(effects) < 2:
        raise TooFewUnits(f"groups: are {len(effects)}, a comparison of groups needs 2 or more")
    usable = (np.abs(effects) <= LARGEST) & (variances > 0) & (variances <= LARGEST)
    if not usable.all():
        raise BadQuestion(
            "every effect must be finite, every variance positive and finite, none beyond "
            f"{LARGEST:g}"
        )
    return effects, variances


def _dersimonian_laird(y: Array, v: Array) -> float:
    w = 1 / v
    excess = _generalised_q(y, v, 0.0) - len(y) + 1
    return max(0.0, float(excess / (w.sum() - (w @ w) / w.sum())))


def _generalised_q(y: Array, v: Array, tau2: float) -> float:
    w = 1 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def _restricted_score(y: Array, v: Array, tau2: float) -> float:
    """Slope of the restricted likelihood in τ², times two."""
    w = 1 / (v + tau2)
    residual = y - w @ y / w.sum()
    return float((w * w) @ residual**2 - w.sum() + (w @ w) / w.sum())


def _solve(falling: Callable[[float], float]) -> float:
    """Root at or above 0 of a function that falls through it."""
    from scipy.optimize import brentq

    if falling(0.0) <= 0:
        return 0.0
    high = 1.0
    while falling(high) > 0:
        high *= 4
    return float(brentq(falling, 0.0, high, xtol=1e-14, rtol=1e-12))

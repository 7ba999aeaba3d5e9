"""Lines that hold at every moment for ever, with no plan of looks: the normal mixture.

One boundary under four names: mixture martingale, asymptotic confidence sequence, GAVI and mSPRT.
Everything is a function of z and r = c t, with t the information over the one it is tuned to.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from scipy.special import lambertw, log_ndtr, ndtri

from fairlift_stats.sequential.errors import BadLevel, BadPlan, NotANumber
from fairlift_stats.sequential.numerics.roots import root


@lru_cache(maxsize=256)
def tuning_constant(alpha: float) -> float:
    """The c of r = c t that makes the two-sided line lowest at t = 1.

    Source: Howard, Ramdas, McAuliffe & Sekhon (2021), sec. 3.6, by the Lambert function.

    >>> round(tuning_constant(0.05), 4)
    8.212
    """
    _check_level(alpha)
    return float(-lambertw(-(alpha**2) / math.e, -1).real - 1)


def tuning_constant_approximate(alpha: float) -> float:
    """Waudby-Smith and Ramdas's closed form of the same, 3 % off: what gbstats and confseq use."""
    _check_level(alpha)
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def log_e_value(z: float, r: float, *, sides: int = 2) -> float:
    """Logarithm of the evidence against "no difference" (or "not above", one-sided).

    The evidence is a bet that cannot grow on average while nothing differs: it reaches 1/alpha at
    any time with probability at most alpha (Ville 1939).

    Source: Robbins (1970); one-sided form: Howard et al. (2021), sec. 3.2.
    """
    if not math.isfinite(z):
        raise NotANumber("z", "finite", z)
    if not (math.isfinite(r) and r > 0):
        raise NotANumber("information", "finite and above 0", r)
    weight = r / (1 + r)
    both = -math.log1p(r) / 2 + z * z / 2 * weight
    if sides == 2:
        return both
    return math.log(2) + both + float(log_ndtr(z * math.sqrt(weight)))


@lru_cache(maxsize=4096)
def mixture_line(
    t: float, *, alpha: float = 0.05, sides: int = 2, constant: float | None = None
) -> float:
    """The z to reach at t times the information that the line is tuned to.

    Source: closed form two-sided; by root one-sided, tuned with twice the alpha.

    >>> round(mixture_line(1.0), 4)
    3.0351
    """
    _check_level(alpha)
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    c = constant if constant is not None else tuning_constant(min(alpha * (3 - sides), 0.999999))
    if not (math.isfinite(t) and t > 0):
        raise NotANumber("information", "finite and above 0", t)
    r = c * t
    two_sided = math.sqrt((1 + 1 / r) * (-2 * math.log(alpha) + math.log1p(r)))
    if sides == 2:
        return two_sided
    return root(
        lambda z: log_e_value(z, r, sides=1) + math.log(alpha), -10 - two_sided, two_sided + 10
    )


def always_valid_p(log_e_values: Sequence[float]) -> tuple[float, ...]:
    """Running p-values: one over the largest evidence so far, at most 1.

    Raises:
        NotANumber: the evidence of a look is none.
    """
    p: list[float] = []
    for log_e in log_e_values:
        if math.isnan(log_e):
            raise NotANumber("log evidence", "a number", log_e)
        p.append(min(p[-1] if p else 1.0, math.exp(min(0.0, -log_e))))
    return tuple(p)


def yeast_line(t: float, *, alpha: float = 0.05, sides: int = 2) -> float:
    """The z to reach at t under continuous watching with a planned end at t = 1.

    Source: Kurennoy, Dodin & Gurbanov (2024), from Levy's inequality.

    >>> round(yeast_line(1.0), 4), round(yeast_line(0.25, sides=1), 2)
    (2.2414, 3.92)
    """
    _check_level(alpha)
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    if not (math.isfinite(t) and t > 0):
        raise NotANumber("information", "finite and above 0", t)
    return math.inf if t > 1 else float(-ndtri(alpha / (2 * sides)) / math.sqrt(t))


def _check_level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)

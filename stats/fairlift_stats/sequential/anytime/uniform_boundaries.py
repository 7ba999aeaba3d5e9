"""Uniform boundaries on a sum's own scale, for readers who know them from confseq and papers.

Source: Howard, Ramdas, McAuliffe & Sekhon (2021).
"""

import math

from scipy.special import zeta

from fairlift_stats.sequential.anytime.mixture import log_e_value, mixture_line
from fairlift_stats.sequential.errors import BadPlan, NotANumber


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise NotANumber(name, "finite and above 0", value)


def normal_mixture_bound(v: float, *, alpha: float, rho: float, sides: int = 2) -> float:
    """The height that a sum of intrinsic variance v passes with probability alpha, ever."""
    _check_positive(v=v, rho=rho)
    return mixture_line(v / rho, alpha=alpha, sides=sides, constant=1.0) * math.sqrt(v)


def normal_log_mixture(s: float, v: float, *, rho: float, sides: int = 2) -> float:
    """Log of the normal (two-sided) or half-normal (one-sided) mixture at sum s, variance v."""
    _check_positive(v=v, rho=rho)
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    return log_e_value(s / math.sqrt(v), v / rho, sides=sides)


def poly_stitching_bound(
    v: float, *, alpha: float, v_min: float, c: float = 0.0, s: float = 1.4, eta: float = 2.0
) -> float:
    """Closed-form boundary with the growth of the iterated logarithm, one-sided, from v_min on.

    Source: eq. 10 there; checked against confseq.
    """
    _check_positive(v=v, v_min=v_min, s=s - 1, eta=eta - 1)
    used = max(v, v_min)
    ell = s * math.log(math.log(eta * used / v_min)) + math.log(
        float(zeta(s)) / (alpha * math.log(eta) ** s)
    )
    k1 = (eta**0.25 + eta**-0.25) / math.sqrt(2)
    k2 = (math.sqrt(eta) + 1) / 2
    return math.sqrt(k1**2 * used * ell + (k2 * c * ell) ** 2) + k2 * c * ell

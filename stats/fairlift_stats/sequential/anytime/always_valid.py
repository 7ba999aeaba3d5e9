"""Intervals and p-values that hold at every moment, for rates, means, ratios and regressions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairlift_stats.data.moments import stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Interval
from fairlift_stats.methods.delta_method import linearised
from fairlift_stats.sequential.anytime.mixture import (
    always_valid_p,
    log_e_value,
    mixture_line,
    tuning_constant,
)
from fairlift_stats.sequential.errors import BadLevel, NoAnswer, NotANumber, ZeroVariance
from fairlift_stats.sequential.numerics.roots import root


@dataclass(frozen=True, slots=True)
class StreamMoments:
    """One arm as the tests see it: units, mean per unit, variance of one unit.

    For a ratio the mean is the ratio, and the variance that of its linearised unit.
    """

    n: float
    mean: float
    variance: float

    def __post_init__(self) -> None:
        """Refuse moments that no data have."""
        if not (math.isfinite(self.n) and self.n >= 1):
            raise NotANumber("n", "1 or more", self.n)
        if not (math.isfinite(self.mean) and math.isfinite(self.variance) and self.variance >= 0):
            raise NotANumber(
                "moments", "finite, the variance 0 or more", (self.mean, self.variance)
            )

    @classmethod
    def of_rate(cls, n: int, successes: int) -> "StreamMoments":
        """Units that did it or not.

        Raises:
            NotANumber: there are no units, or more successes than units.
        """
        if not (1 <= n < math.inf and 0 <= successes <= n):
            raise NotANumber("successes", "0 to their units, of which there is one", (successes, n))
        rate = successes / n
        return cls(n, rate, rate * (1 - rate))

    @classmethod
    def of_sums(cls, n: int, total: float, squares: float) -> "StreamMoments":
        """Units with a number each.

        Raises:
            TooFewUnits: fewer than two units.
            BadSummary: no data have these sums, or the variance is lost in their rounding.
        """
        summary = Summary.from_sums(n, {"y": total}, {("y", "y"): squares})
        return cls(n, summary.mean("y"), summary.variance("y"))

    @classmethod
    def of_ratio(
        cls, n: int, *, y: float, yy: float, d: float, dd: float, yd: float
    ) -> "StreamMoments":
        """Sum of y over sum of d, both per unit, by the delta method.

        Raises:
            NoAnswer: the denominator is 0.
            TooFewUnits, BadSummary: as `of_sums`.

        Source: Deng, Knoblich & Lu (2018); checked against gbstats' RatioStatistic.
        """
        if d == 0:
            raise NoAnswer("ratio: its denominator is 0: there are no orders yet")
        products = {("y", "y"): yy, ("d", "d"): dd, ("y", "d"): yd}
        summary = Summary.from_sums(n, {"y": y, "d": d}, products)
        value, joint = linearised(stack([summary], ("y", "d")), [0], [1])
        summary.variance("y")  # of one unit there is none
        return cls(n, float(value[0, 0]), float(joint[0, 0, 0]))


def difference(control: StreamMoments, treatment: StreamMoments) -> tuple[float, float]:
    """Treatment minus control, and its variance."""
    return (
        treatment.mean - control.mean,
        control.variance / control.n + treatment.variance / treatment.n,
    )


def relative_lift(control: StreamMoments, treatment: StreamMoments) -> tuple[float, float]:
    """Treatment over control minus one, and its variance by the delta method.

    Raises:
        NoAnswer: the control's mean is 0 or below.
    """
    if control.mean <= 0:
        raise NoAnswer(f"lift: the control's mean is {control.mean:g}; use the difference")
    own = treatment.variance / treatment.n / control.mean**2
    base = control.variance / control.n * treatment.mean**2 / control.mean**4
    return treatment.mean / control.mean - 1, own + base


@dataclass(frozen=True, slots=True)
class AlwaysValidEstimate:
    """An estimate whose interval and p-value hold at every look."""

    estimate: float
    interval: Interval
    p_value: float
    log_e: float


def confidence_sequence(
    estimate: float,
    variance: float,
    *,
    t: float,
    alpha: float = 0.05,
    constant: float | None = None,
) -> AlwaysValidEstimate:
    """Asymptotic confidence sequence at t times the size it is tuned to.

    Needs enough units for a mean to be near normal: 25 converters or 100 orders an arm.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024); checked against gbstats.
    """
    if not (math.isfinite(variance) and variance > 0):
        raise ZeroVariance("variance", variance)
    c = tuning_constant(alpha) if constant is None else constant
    half = mixture_line(t, alpha=alpha, constant=c) * math.sqrt(variance)
    log_e = log_e_value(estimate / math.sqrt(variance), c * t)
    interval = Interval(estimate - half, estimate + half)
    return AlwaysValidEstimate(estimate, interval, always_valid_p([log_e])[0], log_e)


def msprt(
    estimate: float, variance: float, *, tau: float, alpha: float = 0.05
) -> AlwaysValidEstimate:
    """Mixture sequential probability ratio test with a normal mixture of deviation tau.

    The same as the confidence sequence with r = tau^2 / variance.

    Source: Robbins (1970); Johari, Koomen, Pekelis & Walsh (2022).
    """
    if not (math.isfinite(variance) and variance > 0):
        raise ZeroVariance("variance", variance)
    if not (math.isfinite(tau) and tau > 0):
        raise NotANumber("tau", "finite and above 0", tau)
    return confidence_sequence(estimate, variance, t=tau**2 / variance, alpha=alpha, constant=1.0)


def msprt_stream(values: Sequence[float], *, sigma: float, tau: float) -> tuple[float, ...]:
    """Log evidence that a mean is not 0 after each value of known deviation sigma.

    Raises:
        ZeroVariance, NotANumber: sigma is not positive, or tau or a value no number.
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise ZeroVariance("sigma", sigma)
    total, logs = 0.0, []
    for n, value in enumerate(values, start=1):
        total += value
        z, r = total / (sigma * math.sqrt(n)), n * tau**2 / sigma**2
        logs.append(log_e_value(z, r))
    return tuple(logs)


def regression_log_e(t_squared: float, *, df: float, n: float, g: float) -> float:
    """Log evidence against one coefficient of a regression being 0, exact for normal errors.

    Source: Lindon, Ham, Tingley & Bojinov (2022); checked against avlm.
    """
    if not (math.isfinite(t_squared) and t_squared >= 0 and df > 0 and n > 0 and g > 0):
        raise NotANumber("t^2, df, n, g", "finite; t^2 0 or more, others above 0", (t_squared, df))
    shrunk = g / (g + n)
    gain = math.log1p(t_squared / df) - math.log1p(shrunk * t_squared / df)
    return math.log(shrunk) / 2 + (df + 1) / 2 * gain


def regression_sequence(
    estimate: float, se: float, *, df: float, n: float, g: float, alpha: float = 0.05
) -> AlwaysValidEstimate:
    """Anytime-valid interval and p-value of a regression coefficient (a CUPED-adjusted effect).

    Raises:
        ZeroVariance: its standard error is not positive.
    """
    if not (math.isfinite(se) and se > 0):
        raise ZeroVariance("standard error", se)
    log_e = regression_log_e((estimate / se) ** 2, df=df, n=n, g=g)
    half = se * math.sqrt(_refuted_t_squared(df, n, g, alpha))
    interval = Interval(estimate - half, estimate + half)
    return AlwaysValidEstimate(estimate, interval, always_valid_p([log_e])[0], log_e)


def _refuted_t_squared(df: float, n: float, g: float, alpha: float) -> float:
    """The t^2 that is just enough evidence; infinite while n is too small for any to be."""
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    shrunk = g / (g + n)
    # log E = log(1/alpha) solved for t^2.
    level = math.exp(2 / (df + 1) * (-math.log(alpha) - math.log(shrunk) / 2))
    rest = 1 - level * shrunk
    return math.inf if rest <= 0 else df * (level - 1) / rest


def regression_tuning(n: float, *, parameters: int, alpha: float = 0.05) -> float:
    """The g that makes the regression interval narrowest at n rows.

    Source: minimum of the closed form; avlm's optimal_g, and n / c for large n.
    """
    df = n - parameters
    if df <= 0:
        raise NotANumber("n", f"above the number of parameters, {parameters}", n)

    def slope(log_g: float) -> float:
        above, below = (
            _refuted_t_squared(df, n, math.exp(log_g + step), alpha) for step in (1e-4, -1e-4)
        )
        return above - below

    centre = math.log(n / tuning_constant(alpha))
    return math.exp(root(slope, centre - 1.5, centre + 1.5, tol=1e-7))

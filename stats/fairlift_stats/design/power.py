"""Power and sample size: units for an effect, and the minimum detectable effect of units."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from fairlift_stats.data.summary import Summary
from fairlift_stats.data.sums import NOISE
from fairlift_stats.errors import BadQuestion, NoEstimate
from fairlift_stats.methods import dunnett

__all__ = [
    "STANDARD",
    "PowerDesign",
    "Variability",
    "cohen_h_units",
    "mde",
    "power_of_t",
    "rate_power",
    "rate_units",
    "t_mde",
    "t_units",
    "units_needed",
]

# Beyond this noncentrality the distribution is a normal to the last digit, and scipy's loses hold.
FAR_NONCENTRAL = 37.0


@dataclass(frozen=True, slots=True)
class PowerDesign:
    """The error rates and the shape of a comparison.

    Attributes:
        alpha: two-sided, or one-sided where a margin is tested.
        power: probability of detecting a true effect of the planned size.
        ratio: units in a treatment per unit in the control.
        treatments: arms compared with the control; more arms need more units (Dunnett).
        one_sided: test one direction only, as non-inferiority does.

    Raises:
        BadQuestion: a number is outside what a design can have.
    """

    alpha: float = 0.05
    power: float = 0.8
    ratio: float = 1.0
    treatments: int = 1
    one_sided: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that no design can have."""
        if not 0 < self.alpha < 1:
            raise BadQuestion(f"alpha: is {self.alpha}, must lie between 0 and 1")
        if not self.alpha < self.power < 1:
            raise BadQuestion(f"power: is {self.power}, must lie between alpha and 1")
        if not 0 < self.ratio < math.inf:
            raise BadQuestion(f"ratio: is {self.ratio}, must be positive and finite")
        if self.treatments < 1 or self.treatments != int(self.treatments):
            raise BadQuestion(f"treatments: are {self.treatments}, must be whole, 1 or more")

    @property
    def z_alpha(self) -> float:
        """Critical value; with several treatments, of the greatest of them."""
        if self.one_sided:
            return -float(ndtri(self.alpha / self.treatments))
        if self.treatments == 1:
            return -float(ndtri(self.alpha / 2))
        loading = math.sqrt(self.ratio / (1 + self.ratio))
        return float(dunnett.critical_value(self.alpha, np.full(self.treatments, loading)))

    @property
    def z_power(self) -> float:
        """Normal deviate of the power."""
        return float(ndtri(self.power))


STANDARD = PowerDesign()


@dataclass(frozen=True, slots=True)
class Variability:
    """Mean and variance per unit of a metric in the control, from history.

    Raises:
        BadQuestion: the mean is not finite, or the variance not positive and finite.
    """

    mean: float
    variance: float

    def __post_init__(self) -> None:
        """Refuse values without a variance."""
        if not (math.isfinite(self.mean) and 0 < self.variance < math.inf):
            raise BadQuestion(f"mean {self.mean}, variance {self.variance}: needs a finite mean "
                              "and a positive, finite variance")  # fmt: skip

    @classmethod
    def of_mean(cls, summary: Summary, column: str) -> "Variability":
        """Variability of a mean per unit."""
        return cls(summary.mean(column), summary.variance(column))

    @classmethod
    def of_ratio(cls, summary: Summary, numerator: str, denominator: str) -> "Variability":
        """Variability of a ratio of sums, per unit (the variance of its linear form).

        Raises:
            NoEstimate: the denominator is 0.
        """
        base = summary.mean(denominator)
        if base == 0:
            raise NoEstimate(f"{denominator}: is 0 in all units, so there is no ratio")
        r = summary.mean(numerator) / base
        of_parts = summary.variance(numerator) + r * r * summary.variance(denominator)
        variance = of_parts - 2 * r * summary.covariance(numerator, denominator)
        # One price for all orders: rounding alone must not pass for a variance.
        return cls(r, variance / base**2 if variance > NOISE * of_parts else 0.0)

    @property
    def cv(self) -> float:
        """Coefficient of variation, which determines how long a test takes."""
        return math.sqrt(self.variance) / abs(self.mean) if self.mean else math.inf

    def explained(self, correlation: float) -> "Variability":
        """What is left when a covariate with this correlation is used (CUPED).

        Raises:
            BadQuestion: the correlation is not within (−1, 1).
        """
        if not -1 < correlation < 1:
            raise BadQuestion(f"correlation: is {correlation}, must lie between −1 and 1")
        return Variability(self.mean, self.variance * (1 - correlation**2))


def units_needed(
    spread: Variability, effect: float, design: PowerDesign = STANDARD, *, margin: float = 0.0
) -> float:
    """Units in the control that an absolute effect needs; treatments get `ratio` times as many.

    With a margin (absolute, positive) the test is non-inferiority: the true difference is effect +
    margin away from the bound. The test is one-sided if the design is.

    Raises:
        BadQuestion: effect and margin leave nothing to detect.
    """
    distance = _distance(effect, margin)
    noise = spread.variance * (1 + 1 / design.ratio)
    return noise * ((design.z_alpha + design.z_power) / distance) ** 2


def mde(spread: Variability, n_control: float, design: PowerDesign = STANDARD) -> float:
    """Minimum detectable effect (absolute) of this many units in the control.

    Raises:
        BadQuestion: units are not positive and finite.
    """
    _check_units(n_control)
    noise = spread.variance * (1 + 1 / design.ratio) / n_control
    return (design.z_alpha + design.z_power) * math.sqrt(noise)


def rate_units(
    control: float,
    treatment: float,
    design: PowerDesign = STANDARD,
    *,
    margin: float = 0.0,
) -> float:
    """Units in the control needed to detect the difference of two rates.

    Pooled variance under no difference, own variances under the alternative; with a margin,
    own variances in both.

    Raises:
        BadQuestion: a rate is outside (0, 1), or they do not differ.

    Source: Fleiss (1981); equals R's power.prop.test.
    """
    own, pooled = _rate_errors(control, treatment, design.ratio)
    distance = _distance(treatment - control, margin)
    null = own if margin else pooled
    return ((design.z_alpha * null + design.z_power * own) / distance) ** 2


def rate_power(
    control: float, treatment: float, n_control: float, design: PowerDesign = STANDARD
) -> float:
    """Power of this many units to detect the difference of two rates.

    Raises:
        BadQuestion: a rate is outside (0, 1), they are equal, or there are no units.
    """
    _check_units(n_control)
    own, pooled = _rate_errors(control, treatment, design.ratio)
    distance = _distance(treatment - control, 0.0) * math.sqrt(n_control)
    return float(ndtr((distance - design.z_alpha * pooled) / own))


def cohen_h_units(control: float, treatment: float, design: PowerDesign = STANDARD) -> float:
    """Units in the control by the arcsine difference, both tails counted, to compare with others.

    Raises:
        BadQuestion: a rate is outside (0, 1), or they are equal.

    Source: Cohen (1988); equals R's pwr.2p.test.
    """
    _rate_errors(control, treatment, design.ratio)
    h = 2 * (math.asin(math.sqrt(treatment)) - math.asin(math.sqrt(control)))
    _distance(h, 0.0)
    shift = _shift(design)
    return (1 + 1 / design.ratio) * (shift / h) ** 2


def power_of_t(n_control: float, effect: float, sd: float, design: PowerDesign = STANDARD) -> float:
    """Power of a t-test with equal variances, exact for normal data.

    Raises:
        BadQuestion: fewer than three units in all, or a number is not finite, or the spread is 0.

    Source: noncentral t; equals R's power.t.test(strict = TRUE).
    """
    n_treatment = n_control * design.ratio
    df = n_control + n_treatment - 2
    if not (1 - 1e-9 <= df < math.inf and 0 < sd < math.inf and math.isfinite(effect)):
        raise BadQuestion(
            f"n {n_control}, effect {effect}, sd {sd}: needs three units in all, a finite effect, "
            "and a spread"
        )
    shift = abs(effect) / sd * math.sqrt(n_control * n_treatment / (n_control + n_treatment))
    tail = design.alpha if design.one_sided else design.alpha / 2
    k = float(-stdtrit(df, tail / design.treatments))
    if shift > FAR_NONCENTRAL:
        return 1.0
    upper = 1 - _noncentral(df, shift, k)
    return upper if design.one_sided else upper + _noncentral(df, shift, -k)


def _noncentral(df: float, shift: float, t: float) -> float:
    """P(T ≤ t) of the noncentral t; scipy returns NaN where it underflows."""
    below = float(nctdtr(df, shift, t))
    return 0.0 if math.isnan(below) else below


def t_units(effect: float, sd: float, design: PowerDesign = STANDARD) -> float:
    """Units in the control for a t-test, exact for normal data: what `units` becomes below ~500.

    Raises:
        BadQuestion: there is no effect, or no spread.
    """
    from scipy.optimize import brentq

    start = units_needed(Variability(0.0, sd * sd), effect, design)
    least = 3 / (1 + design.ratio)

    def short(n: float) -> float:
        return power_of_t(n, effect, sd, design) - design.power

    if short(least) > 0:
        return least
    return float(brentq(short, least, 2 * start + 10, xtol=1e-9, rtol=1e-13))


def t_mde(n_control: float, sd: float, design: PowerDesign = STANDARD) -> float:
    """Minimum detectable effect (absolute) of a t-test on this many units in the control.

    Raises:
        BadQuestion: fewer than two units, or no spread.
    """
    from scipy.optimize import brentq

    start = mde(Variability(0.0, sd * sd), n_control, design)
    high = start
    while power_of_t(n_control, high, sd, design) < design.power:
        high *= 2
    return float(
        brentq(
            lambda effect: power_of_t(n_control, effect, sd, design) - design.power,
            start / 2,
            high,
            xtol=1e-12 * start,
            rtol=1e-13,
        )
    )


def _shift(design: PowerDesign) -> float:
    """Standardised effect that a z test detects with the design's power, in either tail."""
    from scipy.optimize import brentq

    z = design.z_alpha
    tails = 0 if design.one_sided else 1
    top = z + design.z_power + 1
    return float(
        brentq(lambda d: ndtr(d - z) + tails * ndtr(-d - z) - design.power, 0, top, xtol=1e-12)
    )


def _rate_errors(control: float, treatment: float, ratio: float) -> tuple[float, float]:
    """Standard errors times √n of a difference of rates: own variances, pooled variance."""
    if not (0 < control < 1 and 0 < treatment < 1):
        raise BadQuestion(f"rates {control}, {treatment}: each must lie between 0 and 1")
    mixed = (control + ratio * treatment) / (1 + ratio)
    own = control * (1 - control) + treatment * (1 - treatment) / ratio
    return math.sqrt(own), math.sqrt(mixed * (1 - mixed) * (1 + 1 / ratio))


def _check_units(n_control: float) -> None:
    if not 0 < n_control < math.inf:
        raise BadQuestion(f"n_control: is {n_control}, must be above 0, and finite")


def _distance(effect: float, margin: float) -> float:
    if not (math.isfinite(effect) and 0 <= margin < math.inf):
        raise BadQuestion(f"effect {effect}, margin {margin}: finite, and the margin 0 or more")
    distance = effect + margin if margin else abs(effect)
    if distance <= 0:
        raise BadQuestion(
            f"effect {effect} with margin {margin}: nothing is left to detect; "
            "use a larger effect or margin"
        )
    return distance

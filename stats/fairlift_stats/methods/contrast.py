"""Two figures side by side: one function for the limits of a lift, one for non-inferiority.

The table of a report and the verdict above it both come here, so that no page shows two answers.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fairlift_stats.effects import CannotSayCode
from fairlift_stats.errors import BadSummary
from fairlift_stats.methods import fieller, score
from fairlift_stats.methods.two_rates import TwoRates

__all__ = ["NON_INFERIORITY_LEVEL", "Contrast", "Direction", "Margin", "no_lift"]

Direction: TypeAlias = Literal["higher", "lower"]

# One-sided error of showing that a guardrail is safe, in the table and in the verdict. All of them
# must be safe before something ships, so it is not divided among them.
NON_INFERIORITY_LEVEL: Final = 0.05
# Student's t with more degrees of freedom than this is the normal to all digits that are shown.
_NORMAL_FROM: Final = 1e6


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse a guardrail may be: a share of the control, or an amount in its own unit."""

    size: float
    is_absolute: bool = False


def no_lift(
    *,
    control: float,
    treatment: float,
    control_variance: float,
    treatment_variance: float,
    k: float,
    is_rate: bool = False,
) -> CannotSayCode | None:
    """Why this comparison has no lift; None when it has one.

    A control at zero, below it, or not told from it at k standard errors has no lift: `k` is the
    largest critical value that a page shows, so that a lift is there in all its places or in none.
    """
    if is_rate:
        if control > 0:
            return None
        return CannotSayCode.NO_EVENTS if treatment == 0 else CannotSayCode.CONTROL_ZERO
    if control <= 0:
        return CannotSayCode.CONTROL_ZERO if control == 0 else CannotSayCode.NOT_POSITIVE
    if k * k * control_variance >= control * control:
        return CannotSayCode.CONTROL_NEAR_ZERO
    if treatment == 0 and treatment_variance == 0:
        return CannotSayCode.TREATMENT_ZERO
    return None


@dataclass(frozen=True, slots=True)
class Contrast:
    """A treatment's figure against the control's, with all that their limits need.

    Attributes:
        control, treatment: the figures, per unit, in the metric's own unit.
        control_variance, treatment_variance: of the figures.
        covariance: of the two, where covariates make one.
        df: degrees of freedom of the test of the difference; infinite for a normal test.
        rates: the counts behind two rates, which are judged by score tests; None for others.
    """

    control: float
    treatment: float
    control_variance: float
    treatment_variance: float
    covariance: float = 0.0
    df: float = math.inf
    rates: TwoRates | None = None

    def __post_init__(self) -> None:
        """Refuse figures that cannot come from data."""
        numbers = (
            self.control,
            self.treatment,
            self.control_variance,
            self.treatment_variance,
            self.covariance,
        )
        if not all(map(math.isfinite, numbers)) or min(numbers[2:4]) < 0 or not self.df > 0:
            raise BadSummary(f"{self}: figures must be finite, variances 0 or more, and df above 0")

    @property
    def difference(self) -> float:
        """Treatment minus control."""
        return self.treatment - self.control

    @property
    def lift(self) -> float:
        """Treatment over control, minus 1; see `no_lift` before it is shown."""
        return self.treatment / self.control - 1

    @property
    def se(self) -> float:
        """Standard error of the difference."""
        spread = self.treatment_variance + self.control_variance - 2 * self.covariance
        if spread <= 0 and self.rates is not None:
            # All against none: neither arm varies, but both together do.
            pooled = (self.rates.xt + self.rates.xc) / (self.rates.nt + self.rates.nc)
            spread = pooled * (1 - pooled) * (1 / self.rates.nt + 1 / self.rates.nc)
        return math.sqrt(max(0.0, spread))

    def no_lift(self, k: float) -> CannotSayCode | None:
        """Why there is no lift when the largest critical value on the page is k; None if there is.

        k is a normal deviate: at few degrees of freedom the limits use Student's.
        """
        return no_lift(
            control=self.control,
            treatment=self.treatment,
            control_variance=self.control_variance,
            treatment_variance=self.treatment_variance,
            k=abs(self._critical(k)),
            is_rate=self.rates is not None,
        )

    def difference_limit(self, k: float) -> float:
        """The difference that lies k standard errors below the estimate; above it for k < 0."""
        if self.rates is None or k == 0:
            return self.difference - self._critical(k) * self.se
        if math.isinf(k):
            return math.copysign(1.0, -k)
        limits, _ = score.limits(*self.rates.counts, np.array([[abs(k)]]))
        return float(limits[0 if k > 0 else 1].item())

    def lift_limit(self, k: float) -> float:
        """The lift R - 1 at which z(R) equals k: below the estimate for k > 0, above it for k < 0.

        z(R) = (m_t - R m_c) / sqrt(v_t - 2 R cov + R^2 v_c) for means and ratios (Fieller); the
        score statistic of the ratio for rates. Infinite where no such lift exists.

        Source: Fieller (1954); Koopman (1984), Miettinen & Nurminen (1985).
        """
        if k == 0:
            return self.lift
        if self.rates is not None:
            if math.isinf(k):
                return -1.0 if k > 0 else math.inf
            _, limits = score.limits(*self.rates.counts, np.array([[abs(k)]]))
            return float(limits[0 if k > 0 else 1].item()) - 1
        low, high = fieller.lift_limits(
            np.array(self.treatment),
            np.array(self.control),
            np.array(self.treatment_variance),
            np.array(self.control_variance),
            np.array(abs(self._critical(k))),
            self.covariance,
        )
        found = float(low if k > 0 else high)
        return found if math.isfinite(found) else math.copysign(math.inf, -k)

    def non_inferiority_z(self, margin: Margin, direction: Direction, k: float) -> float | None:
        """The z of "no worse than the margin allows"; None where the control has no share.

        A share of a control at zero, below it or not told from it means nothing, as a lift of it
        does, and is refused by the same k; a margin in the metric's own unit can be judged there.

        Higher is better: z of m_t - (1 - m) m_c; lower is better: of (1 + m) m_c - m_t; for an
        absolute margin a: of m_t - m_c + a and its mirror.

        Source: Farrington & Manning (1990) for rates; Fieller's t at the margin for others.
        """
        sign = 1.0 if direction == "higher" else -1.0
        if margin.is_absolute:
            return sign * self._z_of_difference(-sign * margin.size)
        if not self.has_share(k):
            return None
        return sign * self._z_of_ratio(1 - sign * margin.size)

    def has_share(self, k: float) -> bool:
        """True when the control is told to be above zero at the largest critical value k of a page.

        Where it is not, a page shows no lift. A treatment of which all units are zero has no lift
        either, but is a share of its control all the same: none of it.
        """
        return self.no_lift(k) in (None, CannotSayCode.TREATMENT_ZERO)

    def _z_of_ratio(self, ratio: float) -> float:
        if self.rates is not None:
            return float(score.ratio_z(*self.rates.counts, np.array([ratio]))[0])
        spread = (
            self.treatment_variance
            - 2 * ratio * self.covariance
            + ratio * ratio * self.control_variance
        )
        return self._deviate(self.treatment - ratio * self.control, spread)

    def _z_of_difference(self, gap: float) -> float:
        if self.rates is not None:
            return float(score.difference_z(*self.rates.counts, np.array([gap]))[0])
        return self._deviate(self.difference - gap, self.se**2)

    def _deviate(self, distance: float, variance: float) -> float:
        """The normal deviate with the p-value of this t statistic."""
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        t = distance / math.sqrt(variance)
        if self.df >= _NORMAL_FROM:
            return t
        p = float(stdtr(self.df, -abs(t)))
        return math.copysign(-float(ndtri(p)) if p > 0 else abs(t), t)

    def _critical(self, k: float) -> float:
        """Student's quantile with the tail of the normal deviate k."""
        tail = float(ndtr(-abs(k)))
        if self.df >= _NORMAL_FROM or tail == 0:
            return k
        return math.copysign(-float(stdtrit(self.df, tail)), k)

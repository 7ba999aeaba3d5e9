"""The posteriors of all arms of one metric, computed when one of them is read."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fairlift_stats.bayes.best import (
    Best,
    best_of,
    lift_cdf,
    lift_mean,
    lift_quantiles,
    p_greater,
)
from fairlift_stats.bayes.marginals import Beta, Hurdle, Marginal, Student
from fairlift_stats.bayes.shrinkage import LiftPrior, best_lift
from fairlift_stats.data.metrics import Direction
from fairlift_stats.effects import CannotSay, CannotSayCode, Interval, Posterior
from fairlift_stats.errors import NoEstimate, StatisticsError, TooFewUnits

__all__ = ["ArmData", "BuyerSums", "MetricPosteriors", "TrialCounts"]


# A mean's posterior has one degree of freedom less than units, and needs three.
MIN_UNITS_FOR_POSTERIOR = 4


class TrialCounts(NamedTuple):
    """Successes and trials of a rate."""

    successes: float
    trials: float


class BuyerSums(NamedTuple):
    """Visitors, buyers, Σ revenue and Σ revenue²: what a hurdle posterior is computed from."""

    visitors: float
    buyers: float
    revenue: float
    squares: float


@dataclass(frozen=True, slots=True)
class ArmData:
    """One arm's data of one metric, enough for its posterior.

    Attributes:
        value, variance: the estimate and its variance.
        units: that the variance is estimated from.
        trials: of a rate; None for other metrics.
        buyers: of a mean that names its buyers; None for other metrics.
    """

    value: float
    variance: float
    units: float
    trials: TrialCounts | None = None
    buyers: BuyerSums | None = None

    @property
    def marginal(self) -> Marginal:
        """The posterior of this arm without a prior on lifts.

        Raises:
            StatisticsError: there are too few units, or nothing varies.
        """
        if self.trials is not None:
            return Beta.of(self.trials.successes, self.trials.trials)
        if self.buyers is not None:
            return Hurdle.of(*self.buyers)
        return Student(self.value, math.sqrt(self.variance), self.units - 1)


@dataclass(slots=True)
class MetricPosteriors:
    """Posteriors of all treatments of one metric, computed when the first one is read.

    Attributes:
        arms: the control first.
        has_lift: per treatment; without one only what needs no ratio is computed: the chances to be
            better and best, and the losses.
        direction: which way is better.
        prior: on the lift; None is flat.
        rope: the lift that counts as no lift.
        confidence: of the intervals.
    """

    arms: tuple[ArmData, ...] = field(repr=False)
    has_lift: tuple[bool, ...]
    direction: Direction
    prior: LiftPrior | None
    rope: float
    confidence: float
    _posteriors: tuple[Posterior | CannotSay, ...] | None = field(default=None, repr=False)

    def __getitem__(self, treatment: int) -> Posterior | CannotSay:
        """The posterior of one treatment, 0 being the first after the control."""
        if self._posteriors is None:
            self._posteriors = self._all(self.arms)
        return self._posteriors[treatment]

    def _all(self, arms: tuple[ArmData, ...]) -> tuple[Posterior | CannotSay, ...]:
        try:
            _check_units(arms)
            return self._flat(arms) if self.prior is None else self._shrunk(arms, self.prior)
        except TooFewUnits as error:
            refusal = CannotSay(CannotSayCode.TOO_FEW_UNITS, f"No posterior: {error}.")
        except NoEstimate as error:
            reason = (
                CannotSayCode.CONTROL_NEAR_ZERO
                if self.prior is None
                else CannotSayCode.NOT_POSITIVE
            )
            refusal = CannotSay(reason, f"No posterior: {error}.")
        except StatisticsError as error:
            refusal = CannotSay(CannotSayCode.NO_VARIATION, f"No posterior: {error}.")
        return (refusal,) * (len(arms) - 1)

    def _flat(self, arms: tuple[ArmData, ...]) -> tuple[Posterior, ...]:
        control, *treatments = (arm.marginal for arm in arms)
        best = best_of([control, *treatments], direction=self.direction)
        tail = (1 - self.confidence) / 2
        posteriors = []
        for i, treatment in enumerate(treatments, start=1):
            if not self.has_lift[i - 1]:
                p_positive = p_greater(treatment, control)
                posteriors.append(_without_lift(best, i, p_positive=p_positive))
                continue
            low, median, high = lift_quantiles(treatment, control, [tail, 0.5, 1 - tail])
            below = lift_cdf(treatment, control, np.array([-self.rope, 0.0, self.rope]))
            mean = lift_mean(treatment, control)
            posteriors.append(
                Posterior(
                    lift=median if mean is None else mean,
                    interval=Interval(low, high),
                    p_positive=float(np.clip(1 - below[1], 0, 1)),
                    p_best=best.p_best[i],
                    expected_loss=best.expected_loss[i],
                    expected_loss_relative=best.expected_loss[i] / control.mean,
                    control_p_best=best.p_best[0],
                    control_expected_loss=best.expected_loss[0],
                    p_equivalent=float(np.clip(below[2] - below[0], 0, 1)),
                    prior="flat",
                )
            )
        return tuple(posteriors)

    def _shrunk(self, arms: tuple[ArmData, ...], prior: LiftPrior) -> tuple[Posterior, ...]:
        value = np.array([arm.value for arm in arms])
        variance = np.array([arm.variance for arm in arms])
        if not (value > 0).all():
            raise NoEstimate("an arm's estimate is not positive, so its lift has no logarithm")
        if not ((variance > 0) & np.isfinite(variance)).all():
            raise StatisticsError("nothing varies in one of the arms")
        spread = variance / value**2
        normals, best = best_lift(
            np.log(value[1:] / value[0]), spread[1:], float(spread[0]), prior,
            direction=self.direction,
        )  # fmt: skip
        low, high = math.log1p(-self.rope), math.log1p(self.rope)
        posteriors = []
        for i, posterior in enumerate(normals, start=1):
            limits = posterior.interval(self.confidence)
            loss, control_loss = (math.expm1(best.expected_loss[arm]) for arm in (i, 0))
            posteriors.append(
                Posterior(
                    lift=math.expm1(posterior.mean + posterior.sd**2 / 2),
                    interval=Interval(*map(math.expm1, limits)),
                    p_positive=posterior.p_positive,
                    p_best=best.p_best[i],
                    expected_loss=loss * float(value[0]),
                    expected_loss_relative=loss,
                    control_p_best=best.p_best[0],
                    control_expected_loss=control_loss * float(value[0]),
                    p_equivalent=posterior.p_within(low, high),
                    prior=str(prior),
                )
            )
        return tuple(posteriors)


def _without_lift(best: Best, i: int, *, p_positive: float) -> Posterior:
    """Posterior of a treatment without a lift: chances and losses of the difference."""
    return Posterior(
        lift=None,
        interval=None,
        p_positive=p_positive,
        p_best=best.p_best[i],
        expected_loss=best.expected_loss[i],
        expected_loss_relative=None,
        control_p_best=best.p_best[0],
        control_expected_loss=best.expected_loss[0],
        p_equivalent=None,
        prior="flat",
    )


def _check_units(arms: tuple[ArmData, ...]) -> None:
    """Refuse an arm without data: its prior alone would compete with the others."""
    for arm in arms:
        least = 1 if arm.trials is not None else MIN_UNITS_FOR_POSTERIOR
        if not arm.units >= least:
            raise TooFewUnits(
                f"an arm has {arm.units:.0f} units; the chance to be best needs {least}"
            )

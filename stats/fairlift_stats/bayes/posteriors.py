"""The belief about every arm of one metric, worked out when somebody asks for it."""

import math
from dataclasses import dataclass, field

import numpy as np

from fairlift_stats.bayes.best import best_of, lift_cdf, lift_mean, lift_quantiles
from fairlift_stats.bayes.marginals import Beta, Hurdle, Marginal, Student
from fairlift_stats.bayes.shrinkage import LiftPrior, best_lift
from fairlift_stats.data.metrics import Direction
from fairlift_stats.effects import CannotSay, Interval, Posterior, Reason
from fairlift_stats.errors import NoEstimate, StatisticsError, TooFewUnits

__all__ = ["ArmFacts", "Belief"]


# A mean's posterior has one degree of freedom less than units, and needs three.
LEAST_UNITS = 4


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What the data say about one arm of one metric, enough for its posterior.

    Attributes:
        value, variance: the estimate and its variance.
        units: what the variance stands on.
        events: successes and trials of a rate; None for others.
        spending: visitors, buyers, revenue and Σ revenue² for a hurdle; None for others.
    """

    value: float
    variance: float
    units: float
    events: tuple[float, float] | None = None
    spending: tuple[float, float, float, float] | None = None

    @property
    def marginal(self) -> Marginal:
        """The posterior of this arm without a prior on lifts.

        Raises:
            StatisticsError: there are too few units, or nothing varies.
        """
        if self.events is not None:
            return Beta.of(*self.events)
        if self.spending is not None:
            return Hurdle.of(*self.spending)
        return Student(self.value, math.sqrt(self.variance), self.units - 1)


@dataclass(slots=True)
class Belief:
    """Posteriors of all treatments of one metric, the control first among the arms."""

    facts: tuple[ArmFacts, ...] = field(repr=False)
    direction: Direction
    prior: LiftPrior | None
    rope: float
    confidence: float
    _found: tuple[Posterior | CannotSay, ...] | None = field(default=None, repr=False)

    def __getitem__(self, treatment: int) -> Posterior | CannotSay:
        """The posterior of one treatment, 0 being the first after the control."""
        if self._found is None:
            self._found = self._all(self.facts)
        return self._found[treatment]

    def _all(self, arms: tuple[ArmFacts, ...]) -> tuple[Posterior | CannotSay, ...]:
        try:
            _check_units(arms)
            return self._flat(arms) if self.prior is None else self._shrunk(arms, self.prior)
        except TooFewUnits as error:
            answer = CannotSay(Reason.TOO_FEW_UNITS, f"No posterior: {error}.")
        except NoEstimate as error:
            reason = Reason.CONTROL_NEAR_ZERO if self.prior is None else Reason.NOT_POSITIVE
            answer = CannotSay(reason, f"No posterior: {error}.")
        except StatisticsError as error:
            answer = CannotSay(Reason.NO_VARIATION, f"No posterior: {error}.")
        return (answer,) * (len(arms) - 1)

    def _flat(self, arms: tuple[ArmFacts, ...]) -> tuple[Posterior, ...]:
        control, *treatments = (arm.marginal for arm in arms)
        best = best_of([control, *treatments], direction=self.direction)
        tail = (1 - self.confidence) / 2
        found = []
        for i, treatment in enumerate(treatments, start=1):
            low, median, high = lift_quantiles(treatment, control, [tail, 0.5, 1 - tail])
            below = lift_cdf(treatment, control, np.array([-self.rope, 0.0, self.rope]))
            mean = lift_mean(treatment, control)
            found.append(
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
        return tuple(found)

    def _shrunk(self, arms: tuple[ArmFacts, ...], prior: LiftPrior) -> tuple[Posterior, ...]:
        value = np.array([arm.value for arm in arms])
        variance = np.array([arm.variance for arm in arms])
        if not (value > 0).all():
            raise NoEstimate("an arm's estimate is not positive, so its lift has no logarithm")
        if not ((variance > 0) & np.isfinite(variance)).all():
            raise StatisticsError("nothing varies in one of the arms")
        spread = variance / value**2
        found, best = best_lift(
            np.log(value[1:] / value[0]), spread[1:], float(spread[0]), prior,
            direction=self.direction,
        )  # fmt: skip
        low, high = math.log1p(-self.rope), math.log1p(self.rope)
        answers = []
        for i, posterior in enumerate(found, start=1):
            limits = posterior.interval(self.confidence)
            loss, kept = math.expm1(best.expected_loss[i]), math.expm1(best.expected_loss[0])
            answers.append(
                Posterior(
                    lift=math.expm1(posterior.mean + posterior.sd**2 / 2),
                    interval=Interval(*map(math.expm1, limits)),
                    p_positive=posterior.p_positive,
                    p_best=best.p_best[i],
                    expected_loss=loss * float(value[0]),
                    expected_loss_relative=loss,
                    control_p_best=best.p_best[0],
                    control_expected_loss=kept * float(value[0]),
                    p_equivalent=posterior.p_within(low, high),
                    prior=str(prior),
                )
            )
        return tuple(answers)


def _check_units(arms: tuple[ArmFacts, ...]) -> None:
    """Refuse an arm that knows nothing: its prior alone would be a rival of the others."""
    for arm in arms:
        least = 1 if arm.events is not None else LEAST_UNITS
        if not arm.units >= least:
            raise TooFewUnits(f"an arm has {arm.units:.0f} units, the best of all needs {least}")

"""Posteriors of lifts under a prior: most campaigns move little."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from fairlift_stats.arrays import Array
from fairlift_stats.bayes.best import Best
from fairlift_stats.bayes.marginals import gauss, gauss_rows
from fairlift_stats.data.metrics import Direction
from fairlift_stats.errors import BadQuestion, TooFewUnits
from fairlift_stats.methods.one_rate import critical_z
from fairlift_stats.methods.random_effects import paule_mandel

__all__ = ["SCEPTICAL", "LiftPrior", "NormalPosterior", "best_lift", "normal_posterior"]


# Below this many past experiments their spread is too uncertain to be a prior.
ENOUGH_HISTORY = 10


@dataclass(frozen=True, slots=True)
class LiftPrior:
    """Normal prior on ln(1 + lift).

    Raises:
        BadQuestion: the standard deviation is not positive and finite, or the mean not finite.
    """

    mean: float
    sd: float
    source: str = "declared"

    def __post_init__(self) -> None:
        """Refuse what is not a distribution; for a flat prior, pass no prior."""
        if not (math.isfinite(self.mean) and 0 < self.sd < math.inf):
            raise BadQuestion(
                f"prior N({self.mean}, {self.sd}²): needs a finite mean and a positive, finite sd; "
                "leave the prior out for a flat one"
            )

    @classmethod
    def fitted(cls, lifts: Sequence[float], standard_errors: Sequence[float]) -> "LiftPrior":
        """Prior fitted to an organisation's past experiments.

        Args:
            lifts: past estimates of ln(1 + lift), one an experiment, winners and losers alike.
            standard_errors: theirs.

        Raises:
            TooFewUnits: fewer than ten experiments.
            BadQuestion: a standard error is not positive, or the lifts vary less than their noise.

        Source: Paule and Mandel (1982).
        """
        if len(lifts) < ENOUGH_HISTORY:
            raise TooFewUnits(
                f"history: has {len(lifts)} experiments, needs {ENOUGH_HISTORY}; "
                "use the sceptical prior until then"
            )
        if not (np.asarray(standard_errors) > 0).all():
            raise BadQuestion(f"standard errors: are {list(standard_errors)}, must be above 0")
        fit = paule_mandel(lifts, np.square(standard_errors))
        if fit.tau2 == 0:
            raise BadQuestion(
                "history: past lifts vary no more than their own noise, so the spread of "
                "true lifts is unknown; use the sceptical prior"
            )
        return cls(fit.mean, math.sqrt(fit.tau2), f"{len(lifts)} past experiments")

    def __str__(self) -> str:
        return f"ln(1+lift) ~ N({self.mean:.3g}, {self.sd:.3g}²), {self.source}"


SCEPTICAL = LiftPrior(0.0, 0.10, "sceptical")


@dataclass(frozen=True, slots=True)
class NormalPosterior:
    """A normal posterior of an effect, with its probabilities and losses in closed form.

    Raises:
        BadQuestion: the mean is not finite, or the standard deviation not positive and finite.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse what is not a distribution."""
        if not (math.isfinite(self.mean) and 0 < self.sd < math.inf):
            raise BadQuestion(f"mean {self.mean}, sd {self.sd}: finite, and the sd positive")

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Central credible limits."""
        half = critical_z(confidence) * self.sd
        return self.mean - half, self.mean + half

    @property
    def p_positive(self) -> float:
        """P(effect > 0)."""
        return float(ndtr(self.mean / self.sd))

    def p_within(self, low: float, high: float) -> float:
        """P(low < effect < high)."""
        return float(ndtr((high - self.mean) / self.sd) - ndtr((low - self.mean) / self.sd))

    @property
    def loss_of_treatment(self) -> float:
        """E[max(−effect, 0)]: what choosing the treatment costs on average."""
        r = self.mean / self.sd
        return self.sd * _phi(r) - self.mean * float(ndtr(-r))

    @property
    def loss_of_control(self) -> float:
        """E[max(effect, 0)]: what keeping the control costs on average."""
        return self.mean + self.loss_of_treatment


def normal_posterior(
    estimate: float, standard_error: float, prior: LiftPrior | None = None
) -> NormalPosterior:
    """Posterior of an effect with normal noise; flat without a prior.

    Raises:
        BadQuestion: the standard error is not positive and finite, or the estimate not finite.

    Source: precision weighting; checked against gbstats.
    """
    if not (math.isfinite(estimate) and 0 < standard_error < math.inf):
        raise BadQuestion(f"estimate {estimate} ± {standard_error}: needs a positive, finite error")
    if prior is None:
        return NormalPosterior(estimate, standard_error)
    # The share of the data, in a form that no extreme error overflows.
    share = 1 / (1 + (standard_error / prior.sd) ** 2)
    return NormalPosterior(
        prior.mean + share * (estimate - prior.mean), prior.sd * math.sqrt(1 - share)
    )


def best_lift(
    log_lifts: Array,
    treatment_variance: Array,
    control_variance: float,
    prior: LiftPrior | None,
    *,
    direction: Direction = "higher",
) -> tuple[list[NormalPosterior], Best]:
    """Posteriors of several treatments' log lifts, and which arm is best, the control first.

    All lifts share the control's noise and are independent conditional on it, so one integral over
    it is exact. Losses are on the scale of ln(1 + lift).

    Args:
        log_lifts: (treatments,) ln(1 + lift).
        treatment_variance: (treatments,) the treatment's part of each variance.
        control_variance: the control's part, common to all.
        prior: None is flat.
        direction: which way is better.

    Raises:
        BadQuestion: a lift is not finite, or a treatment's variance not positive and finite.
    """
    if not (np.isfinite(log_lifts).all() and _all_positive(treatment_variance)):
        raise BadQuestion("lifts must be finite, and their variances positive and finite")
    sign = 1.0 if direction == "higher" else -1.0
    precision = 0.0 if prior is None else prior.sd**-2
    centre = 0.0 if prior is None else prior.mean
    # The noise is a diagonal plus one factor, and so is the posterior covariance: diag(d) + c·uuᵀ.
    d = 1 / (1 / treatment_variance + precision)
    u = d / treatment_variance
    factor = control_variance / (1 + control_variance * float(np.sum((1 - u) / treatment_variance)))
    covariance = np.diag(d) + factor * np.outer(u, u)
    noise = np.diag(treatment_variance) + control_variance
    mean = centre + covariance @ np.linalg.solve(noise, log_lifts - centre)
    posteriors = [
        NormalPosterior(float(m), math.sqrt(v))
        for m, v in zip(mean, np.diagonal(covariance), strict=True)
    ]
    f, weight = gauss(-8.5, 8.5, 64)
    weight = weight * np.exp(-f * f / 2) / math.sqrt(2 * math.pi)
    conditional = sign * (mean + np.outer(f * math.sqrt(factor), u))
    return posteriors, _best_against_zero(conditional, np.sqrt(d), weight / weight.sum())


def _best_against_zero(centres: Array, sds: Array, weight: Array) -> Best:
    """Best of a control at 0 and normal arms, (factor nodes, arms), averaged over the factor."""
    zero = float(weight @ np.prod(ndtr(-centres / sds), axis=1))
    p_best, expected = [zero], 0.0
    for i, sd in enumerate(sds):
        centre = centres[:, i, None]
        # From 0 up: below it the control is better, and a kink would cost the rule its digits.
        low, high = np.maximum(centre - 8.5 * sd, 0), np.maximum(centre + 8.5 * sd, 0)
        x, w = gauss_rows(low, high, 64)
        density = w * np.exp(-(((x - centre) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))
        below = [ndtr((x - centres[:, j, None]) / s) for j, s in enumerate(sds) if j != i]
        wins = density * np.prod(below, axis=0)
        p_best.append(float(weight @ wins.sum(axis=1)))
        expected += float(weight @ (wins * x).sum(axis=1))
    means = [0.0, *(weight @ centres).tolist()]
    total = sum(p_best)
    losses = tuple(max(expected - m, 0.0) for m in means)
    return Best(tuple(p / total for p in p_best), losses, expected)


def _all_positive(values: Array) -> bool:
    return bool(((values > 0) & np.isfinite(values)).all())


def _phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

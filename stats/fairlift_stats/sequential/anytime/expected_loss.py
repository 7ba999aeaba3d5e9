"""Stopping by the loss to expect is honest only with a prior that shrinks; here is the rule.

The prior, not the threshold, makes it honest: with a flat one and daily peeking a quarter of the
shipped variants are no better, and lifts are reported ten times too large.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fairlift_stats.messages import Message, Number
from fairlift_stats.sequential.errors import BadPlan, FlatPrior, NotANumber, ZeroVariance
from fairlift_stats.sequential.numerics.recursion import Floats

Bools = NDArray[np.bool_]


def shrunk_lift(lift: float, se: float, *, prior_sd: float | None) -> tuple[float, float]:
    """Mean and deviation of the true lift, given its estimate and a prior N(0, prior_sd^2).

    Raises:
        FlatPrior: the prior does not shrink.
        ZeroVariance: the standard error is not positive.
    """
    if prior_sd is None or not (math.isfinite(prior_sd) and prior_sd > 0):
        raise FlatPrior(prior_sd)
    if not (math.isfinite(se) and se > 0):
        raise ZeroVariance("standard error of the lift", se)
    if not math.isfinite(lift):
        raise NotANumber("lift", "finite", lift)
    kept = prior_sd**2 / (prior_sd**2 + se**2)
    return kept * lift, math.sqrt(kept) * se


def expected_losses(mean: float, sd: float) -> tuple[float, float]:
    """What to expect to lose by choosing the treatment, and by keeping the control; normal belief.

    Source: closed form s (phi(u) - u Phi(-u)), u = mean / sd.

    >>> [round(loss, 6) for loss in expected_losses(0.002, 0.0018)]
    [0.000121, 0.002121]
    """
    if not (math.isfinite(sd) and sd > 0):
        raise ZeroVariance("deviation of the belief", sd)
    if not math.isfinite(mean):
        raise NotANumber("mean of the belief", "finite", mean)
    u = mean / sd
    density = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    return (
        max(0.0, sd * (density - u * float(ndtr(-u)))),
        max(0.0, sd * (density + u * float(ndtr(u)))),
    )


@dataclass(frozen=True, slots=True)
class StoppingTable:
    """What a stopping rule does, seen by a frequentist: to be printed with every Bayesian plan.

    Attributes:
        effects: true lifts.
        ships: (effects,) share of campaigns in which the treatment is shipped.
        keeps: (effects,) share in which the control is kept before the end.
        mean_days: (effects,) mean number of looks.
        right: share truly better of those shipped, true lifts following the prior or `true_sd`.
        reported: mean lift reported of those.
        true: mean true lift of those.
    """

    effects: tuple[float, ...]
    ships: tuple[float, ...]
    keeps: tuple[float, ...]
    mean_days: tuple[float, ...]
    right: float
    reported: float
    true: float

    @property
    def message(self) -> Message:
        """The table in one sentence, for the effect nearest to none."""
        at = min(range(len(self.effects)), key=lambda i: abs(self.effects[i]))
        return Message.of(
            "price.bayes", nothing=Number(100 * self.ships[at]), right=Number(100 * self.right)
        )


@dataclass(frozen=True, slots=True)
class LossRule:
    """Stop when the loss to expect is below a threshold, under a prior that shrinks.

    Attributes:
        prior_sd: deviation of true lifts.
        threshold: relative loss that may be risked.
        looks: planned number of looks, one a day.
        first_look: no stop before.
        se_per_look: standard error of the lift after one look's traffic.
    """

    prior_sd: float
    threshold: float
    looks: int
    se_per_look: float
    first_look: int = 7

    def __post_init__(self) -> None:
        """Refuse a flat prior and numbers that are none."""
        if not (math.isfinite(self.prior_sd) and self.prior_sd > 0):
            raise FlatPrior(self.prior_sd)
        if not (math.isfinite(self.se_per_look) and self.se_per_look > 0):
            raise ZeroVariance("standard error per look", self.se_per_look)
        if not 1 <= self.first_look <= self.looks or not 0 < self.threshold < 1:
            raise BadPlan(
                f"first_look, looks, threshold: are {self.first_look}, {self.looks},"
                f" {self.threshold}; need 1 <= first_look <= looks and a threshold in (0, 1)"
            )


def stopping_table(
    rule: LossRule,
    *,
    effects: tuple[float, ...],
    rng: np.random.Generator,
    runs: int = 20_000,
    true_sd: float | None = None,
) -> StoppingTable:
    """The rule's behaviour by simulation of the lift's random walk at the user's traffic.

    `true_sd` is the deviation of true lifts for the last three figures, when it is not the prior's.

    Source: Deng, Lu & Chen (2016) for the check under the prior.
    """
    by_effect = [_play(rule, np.full(runs, effect), rng) for effect in effects]
    truth = rng.normal(0.0, rule.prior_sd if true_sd is None else true_sd, runs)
    won, _, _, reported = _play(rule, truth, rng)
    some = won.any()
    return StoppingTable(
        effects,
        tuple(float(ships.mean()) for ships, _, _, _ in by_effect),
        tuple(float(keeps.mean()) for _, keeps, _, _ in by_effect),
        tuple(float(days.mean()) for _, _, days, _ in by_effect),
        float((truth[won] > 0).mean()) if some else math.nan,
        float(reported[won].mean()) if some else math.nan,
        float(truth[won].mean()) if some else math.nan,
    )


def _play(
    rule: LossRule, truth: Floats, rng: np.random.Generator
) -> tuple[Bools, Bools, Floats, Floats]:
    """(runs,) shipped, kept, looks used and posterior mean at the stop."""
    look = np.arange(1, rule.looks + 1)
    noise = rng.normal(0.0, rule.se_per_look, (truth.size, rule.looks)).cumsum(axis=1)
    lift = truth[:, None] + noise / look
    se = rule.se_per_look / np.sqrt(look)
    kept = rule.prior_sd**2 / (rule.prior_sd**2 + se**2)
    mean, sd = lift * kept, np.sqrt(kept) * se
    u = mean / sd
    density = np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    ready = look >= rule.first_look
    ship = (sd * (density - u * ndtr(-u)) < rule.threshold) & ready & (mean > 0)
    keep = (sd * (density + u * ndtr(u)) < rule.threshold) & ready & (mean <= 0)
    stop = ship | keep
    stopped = stop.any(axis=1)
    at = np.where(stopped, stop.argmax(axis=1), rule.looks - 1)
    rows = np.arange(truth.size)
    return ship[rows, at], keep[rows, at], at + 1.0, mean[rows, at]

"""Chance to be best, expected loss, and lifts of independent posteriors, by quadrature."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from fairlift_stats.arrays import Array
from fairlift_stats.bayes.marginals import Marginal
from fairlift_stats.data.metrics import Direction
from fairlift_stats.errors import BadQuestion, NoEstimate

__all__ = ["Best", "best_of", "lift_cdf", "lift_mean", "lift_quantiles", "p_greater"]


# To a wide arm, an arm narrower than this share looks like a step: the mesh is cut there.
NARROW = 0.25
STEP_REACH = 8.0
# A Beta with a smaller second parameter ends at 1 with a root's slope: the mesh closes in on it.
STEEP = 2.0
TOWARDS_END = 1 - np.array([0.4, 0.06, 0.009, 0.00135, 0.0])


@dataclass(frozen=True, slots=True)
class Best:
    """Per arm: P(it is the best) and the expected loss of choosing it, in the metric's unit."""

    p_best: tuple[float, ...]
    expected_loss: tuple[float, ...]
    expected_best: float


def p_greater(treatment: Marginal, control: Marginal) -> float:
    """P(treatment > control) of two independent posteriors.

    Source: ∫ f_c·(1−F_t) by quadrature; checked against R's integrate.
    """
    # The narrower one gives the points: a step seen through a wide mesh would lose digits.
    if spread_of(treatment) < spread_of(control):
        x, weight = treatment.rule
        return float(np.clip(control.cdf(x) @ weight, 0, 1))
    x, weight = control.rule
    return float(np.clip(1 - treatment.cdf(x) @ weight, 0, 1))


def best_of(arms: Sequence[Marginal], *, direction: Direction = "higher") -> Best:
    """Chance to be best and expected loss of each of several independent posteriors.

    P(best_i) = ∫ f_i ∏ F_j, and E[max] = Σ_i ∫ x f_i ∏ F_j; the loss is E[max] − mean_i.

    Raises:
        BadQuestion: fewer than two arms.
    """
    if len(arms) < 2:
        raise BadQuestion(f"best of {len(arms)}: needs two arms or more")
    means, p_best, expected = [], [], 0.0
    spreads = [spread_of(arm) for arm in arms]
    for i, arm in enumerate(arms):
        steps = [
            other.mean + side * STEP_REACH * spread
            for other, spread in zip(arms, spreads, strict=True)
            for side in (-1, 1)
            if spread < NARROW * spreads[i]
        ]
        x, weight = arm.quadrature(steps) if steps else arm.rule
        below = [other.cdf(x) for j, other in enumerate(arms) if j != i]
        wins = weight * np.prod(below if direction == "higher" else [1 - f for f in below], axis=0)
        p_best.append(float(wins.sum()))
        means.append(float(weight @ x))
        expected += float(wins @ x)
    total = sum(p_best)
    sign = 1 if direction == "higher" else -1
    return Best(
        tuple(p / total for p in p_best),
        tuple(max(sign * (expected - mean), 0.0) for mean in means),
        expected,
    )


def lift_cdf(treatment: Marginal, control: Marginal, lift: Array) -> Array:
    """P(treatment/control − 1 ≤ lift)."""
    return _ratio_cdf(treatment, control, np.asarray(lift) + 1)[0]


def lift_mean(treatment: Marginal, control: Marginal) -> float | None:
    """E[treatment/control] − 1; None where the control may be 0 and no mean exists."""
    x, weight = control.rule
    # A Beta with a ≤ 1 has weight enough at 0 that E[1/X] diverges.
    if x[0] <= 0 or getattr(control, "a", math.inf) <= 1:
        return None
    return float(treatment.mean * (weight @ (1 / x)) - 1)


def lift_quantiles(
    treatment: Marginal, control: Marginal, probabilities: Sequence[float]
) -> tuple[float, ...]:
    """Quantiles of treatment/control − 1.

    Raises:
        NoEstimate: the control is negative or cannot be told from zero.
    """
    if not control.mean > 0:
        raise NoEstimate(f"the control's mean is {control.mean}; a lift needs a positive one")
    p = np.asarray(probabilities, dtype=float)
    low, high = _bracket(treatment, control, p)
    ratio = np.clip(_log_normal(treatment, control, p), low, high)
    step, finished = 0, False
    while not finished and step < 200:
        value, slope = _ratio_cdf(treatment, control, ratio)
        low, high = np.where(value < p, ratio, low), np.where(value < p, high, ratio)
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = ratio - (value - p) / slope
        usable = (guess >= low) & (guess <= high) & (step % 8 != 7)
        new = np.where(usable, guess, (low + high) / 2)
        settled = usable & (np.abs(new - ratio) <= 1e-8 * np.maximum(np.abs(new), 1e-3))
        finished = bool((settled | (high - low <= 1e-13 * np.abs(high))).all())
        ratio, step = new, step + 1
    return tuple((ratio - 1).tolist())


def _ratio_cdf(treatment: Marginal, control: Marginal, ratio: Array) -> tuple[Array, Array]:
    """P(T ≤ ratio·C) and its slope in the ratio; where C is negative the sides change."""
    # The narrower arm gives the points, for the same reason as in p_greater.
    by_treatment = (
        control.rule[0][0] > 0
        and treatment.rule[0][0] > 0
        and spread_of(treatment) * control.mean < spread_of(control) * treatment.mean
    )
    of_one = _by_treatment if by_treatment else _by_control
    points, other = (treatment, control) if by_treatment else (control, treatment)
    # Where every unit of the other arm converted, its distribution reaches 1 like a square root.
    if not getattr(other, "b", math.inf) < STEEP:
        # Where the control changes its sign the integrand jumps: the mesh is cut there.
        rule = points.quadrature((0.0,)) if points.rule[0][0] < 0 else points.rule
        return of_one(rule, other, ratio)
    pairs = [
        of_one(
            points.quadrature((r if by_treatment else 1 / r) * TOWARDS_END), other, np.array([r])
        )
        for r in np.maximum(ratio, 1e-100).tolist()
    ]
    below, slope = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return np.where(ratio > 0, below, 0.0), np.where(ratio > 0, slope, 0.0)


def _by_control(
    rule: tuple[Array, Array], treatment: Marginal, ratio: Array
) -> tuple[Array, Array]:
    x, weight = rule
    at = np.multiply.outer(ratio, x)
    below = treatment.cdf(at)
    below = np.where(x > 0, below, 1 - below) if x[0] <= 0 else below
    return below @ weight, treatment.pdf(at) @ (weight * np.abs(x))


def _by_treatment(
    rule: tuple[Array, Array], control: Marginal, ratio: Array
) -> tuple[Array, Array]:
    y, share = rule
    safe = np.where(ratio > 0, ratio, 1.0)
    at = np.multiply.outer(1 / safe, y)
    inside = np.where(ratio > 0, 1 - control.cdf(at) @ share, 0.0)
    return inside, np.where(ratio > 0, control.pdf(at) @ (share * y) / safe**2, 0.0)


def spread_of(arm: Marginal) -> float:
    """Standard deviation of a posterior, by its own rule."""
    x, weight = arm.rule
    return math.sqrt(float(weight @ (x - arm.mean) ** 2))


def _log_normal(treatment: Marginal, control: Marginal, p: Array) -> Array:
    """Starting values: the quantiles of a log-normal ratio."""
    spread = 0.0
    for arm in (treatment, control):
        spread += (spread_of(arm) / arm.mean) ** 2 if arm.mean else 1.0
    return np.asarray(treatment.mean / control.mean * np.exp(ndtri(p) * min(spread, 1.0) ** 0.5))


def _bracket(treatment: Marginal, control: Marginal, p: Array) -> tuple[Array, Array]:
    """Ratios between which the quantiles lie."""
    centre = treatment.mean / control.mean
    reach = abs(centre) + 1e-9
    for _ in range(200):
        edges = np.array([centre - reach, centre + reach])
        below, above = _ratio_cdf(treatment, control, edges)[0]
        if below < p.min() and above > p.max():
            return np.full(p.shape, edges[0]), np.full(p.shape, edges[1])
        reach *= 2
    raise NoEstimate("the control is too close to zero: the lift has no finite quantiles")

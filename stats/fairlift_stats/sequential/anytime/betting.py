"""The mean of a bounded number, by betting against each value that it might have.

Source: Waudby-Smith & Ramdas (2023).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.errors import BadLevel, NoAnswer, NotANumber
from fairlift_stats.sequential.numerics.recursion import Floats
from fairlift_stats.sequential.numerics.roots import root

_HALF: Final = 0.5
_GRID: Final = 400


def _bounded(values: Sequence[float]) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0 or not np.isfinite(x).all() or x.min() < 0 or x.max() > 1:
        raise NotANumber("values", "one or more, each between 0 and 1; divide by the cap", x.size)
    return x


def _past_moments(x: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of what came before each value, started at 1/2 and 1/4."""
    steps = np.arange(1, x.size + 1)
    means = (_HALF + np.cumsum(x)) / (steps + 1)
    variances = (_HALF**2 + np.cumsum((x - means) ** 2)) / (steps + 1)
    return np.append(_HALF, means[:-1]), np.append(_HALF**2, variances[:-1])


def _plug_in_bets(x: Floats, level: float) -> Floats:
    """Predictable plug-in bets, their sizes fitted to the variance seen before each value."""
    steps = np.arange(1, x.size + 1)
    variance = _past_moments(x)[1]
    return np.asarray(np.sqrt(2 * math.log(1 / level) / (variance * steps * np.log1p(steps))))


def betting_log_wealth(
    values: Sequence[float],
    mean: float,
    *,
    alpha: float = 0.05,
    theta: float = 0.5,
    cap: float = 0.5,
) -> Floats:
    """Log wealth after each value of a hedged bettor who doubts this mean; reaches 1/alpha rarely.

    `theta` of the wealth bets that the mean is higher. No bet risks more than `cap` of the wealth.

    Source: sec. 4.2 there; checked against confseq's betting_mart and ville.
    """
    x = _bounded(values)
    for name, share in (
        ("mean", mean),
        ("theta", theta),
        ("alpha", alpha),
        ("cap", cap),
    ):
        if not 0 < share < 1:
            raise BadLevel(name, share)
    bets = _plug_in_bets(x, alpha / 2)
    higher = np.cumsum(np.log1p(np.minimum(bets, cap / mean) * (x - mean)))
    lower = np.cumsum(np.log1p(-np.minimum(bets, cap / (1 - mean)) * (x - mean)))
    return np.logaddexp(math.log(theta) + higher, math.log1p(-theta) + lower)


def betting_interval(
    values: Sequence[float],
    *,
    alpha: float = 0.05,
    theta: float = 0.5,
    cap: float = 0.5,
    intersected: bool = True,
) -> Interval:
    """Means that the bettor has not refuted: at any time so far, or only by the last value.

    Raises:
        NoAnswer: every mean is refuted; the values do not come from one mean.

    Source: sec. 4.2 there; checked against ville's BettingCS.
    """
    limit = -math.log(alpha)

    def spare(mean: float) -> float:
        wealth = betting_log_wealth(values, mean, alpha=alpha, theta=theta, cap=cap)
        return float(wealth.max() if intersected else wealth[-1]) - limit

    grid = np.linspace(0, 1, _GRID + 1)[1:-1].tolist()
    kept = [mean for mean in grid if spare(mean) < 0]
    if not kept:
        raise NoAnswer("betting interval: every mean is refuted, the values have no common mean")
    low, high, step = kept[0], kept[-1], 1 / _GRID
    return Interval(
        0.0 if low == grid[0] else root(spare, low - step, low, tol=1e-7),
        1.0 if high == grid[-1] else root(spare, high, high + step, tol=1e-7),
    )


def bernstein_interval(
    values: Sequence[float], *, alpha: float = 0.05, cap: float = 0.5
) -> Interval:
    """Empirical Bernstein confidence sequence at the last value, closed form and intersected.

    For capped revenue divide by the cap first.

    Source: Theorem 2 there; checked against confseq and ville.
    """
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    x = _bounded(values)
    bets = np.minimum(_plug_in_bets(x, alpha / 2), cap)
    spread = (x - _past_moments(x)[0]) ** 2
    # v psi_E(bet), with v = 4 (x - mean)^2 and psi_E = (-log(1 - bet) - bet) / 4.
    cost = np.cumsum(spread * (-np.log1p(-bets) - bets))
    total = np.cumsum(bets)
    centre = np.cumsum(bets * x) / total
    half = (math.log(2 / alpha) + cost) / total
    low, high = float((centre - half).max()), float((centre + half).min())
    return Interval(max(0.0, low), min(1.0, high))


@dataclass(frozen=True, slots=True)
class BatchBets:
    """Bets on daily counts: the bet of each day and the wealth after it."""

    bets: tuple[float, ...]
    wealth: tuple[float, ...]


def batch_betting(days: Sequence[tuple[int, int]], rate: float) -> BatchBets:
    """Evidence against one rate from daily (units, successes); exact, each bet set the day before.

    Source: sec. 2.2.5 of our design: the product over a day's units has a closed form.
    """
    if not 0 < rate < 1:
        raise BadLevel("rate", rate)
    n = s = 0
    log_wealth = 0.0
    bets: list[float] = []
    wealth: list[float] = []
    for units, successes in days:
        if not 0 <= successes <= units:
            raise NotANumber("successes", f"between 0 and the day's {units}", successes)
        guess = (s + 0.5) / (n + 1)
        wanted = (guess - rate) / (rate * (1 - rate)) if n else 0.0
        bet = min(max(wanted, -0.5 / (1 - rate)), 0.5 / rate)
        log_wealth += successes * math.log1p(bet * (1 - rate))
        log_wealth += (units - successes) * math.log1p(-bet * rate)
        n, s = n + units, s + successes
        bets.append(bet)
        wealth.append(math.exp(log_wealth))
    return BatchBets(tuple(bets), tuple(wealth))

"""Two equal arms under Thompson's shares: which interval still holds the truth?"""

import math
from dataclasses import dataclass

import numpy as np
from fairlift_stats.sequential.anytime.mixture import mixture_line
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BanditCoverage:
    """Share of runs whose interval holds 0: pooled, inverse variance, batched, at all times."""

    pooled: float
    weighted: float
    batched: float
    sequence: float


def coverage(
    floor: float, runs: int, rng: np.random.Generator, *, days: int = 28, visitors: int = 2000
) -> BanditCoverage:
    """Daily batches at 3 % conversion, shares from period-stratified means, additive floor."""
    rate = 0.03
    share = np.full(runs, 0.5)
    n, x = np.zeros((2, runs)), np.zeros((2, runs))
    precision, weighted, z_sum, root_sum = np.zeros((4, runs))
    held = np.ones(runs, dtype=bool)
    planned = days * visitors / 4 / (rate * (1 - rate))
    for _ in range(days):
        b = rng.binomial(visitors, share).clip(1, visitors - 1)
        units = np.stack([visitors - b, b])
        won = rng.binomial(units, rate)
        n, x = n + units, x + won
        pooled = won.sum(axis=0) / visitors
        se = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / units).sum(axis=0))
        d = won[1] / units[1] - won[0] / units[0]
        precision, weighted = precision + se**-2, weighted + d * se**-2
        z_sum, root_sum = z_sum + d / se, root_sum + 1 / se
        estimate = weighted / precision
        lines = np.array([mixture_line(float(t)) for t in np.round(precision / planned, 4)])
        held &= np.abs(estimate) < lines / np.sqrt(precision)
        share = floor + (1 - 2 * floor) * ndtr(estimate * np.sqrt(precision))
    p = x / n
    pooled_z = (p[1] - p[0]) / np.sqrt((p * (1 - p) / n).sum(axis=0))
    return BanditCoverage(
        float((np.abs(pooled_z) < 1.959964).mean()),
        float((np.abs(estimate) * np.sqrt(precision) < 1.959964).mean()),
        float((np.abs(z_sum) / math.sqrt(days) < 1.959964).mean()),
        float(held.mean()),
    )

"""The question "when will we know?" deserves days with their chances, not one number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fairlift_stats.sequential.errors import BadLook, NotANumber
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    Exits,
    exit_probabilities,
)
from fairlift_stats.sequential.numerics.recursion import Floats

_HERMITE_NODES = 48


@lru_cache(maxsize=1)
def _hermite() -> tuple[Floats, Floats]:
    """Nodes and weights of a standard normal average."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_HERMITE_NODES)
    return nodes, weights / weights.sum()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Chances from here on.

    Attributes:
        times: information fractions of the looks to come.
        under_plan: (looks,) probability to have won by then if the planned effect is true.
        predicted: (looks,) the same, averaged over what the effect may be given the data.
        decided: (looks,) predictive probability to have stopped by then, either way.
    """

    times: tuple[float, ...]
    under_plan: tuple[float, ...]
    predicted: tuple[float, ...]
    decided: tuple[float, ...]

    @property
    def conditional_power(self) -> float:
        """Probability to win by the end if the planned effect is true."""
        return self.under_plan[-1] if self.under_plan else 0.0

    @property
    def predictive_power(self) -> float:
        """Probability to win by the end, averaged over what the effect may be."""
        return self.predicted[-1] if self.predicted else 0.0

    def decided_by(self, chance: float) -> float | None:
        """The first information fraction by which a decision has this chance, if one has."""
        return first_reaching(self.times, self.decided, chance)


def first_reaching(times: Sequence[float], chances: Sequence[float], chance: float) -> float | None:
    """The first of these times whose cumulative chance is at least this, if one is."""
    return next((t for t, p in zip(times, chances, strict=True) if p >= chance), None)


def conditional_exits(
    boundaries: Boundaries, drifts: Sequence[float], *, look: int, z: float
) -> Exits:
    """How a test that stands at `z` at look number `look` goes on, under each drift.

    Source: Jennison & Turnbull (2000), ch. 10; checked against gsDesign's gsCP.
    """
    if not 1 <= look < len(boundaries.times):
        raise BadLook(f"look: is {look}, must be one of 1 to {len(boundaries.times) - 1}")
    if not math.isfinite(z):
        raise NotANumber("z", "finite", z)
    time = boundaries.times[look - 1]
    return exit_probabilities(boundaries.after(look), drifts, time=time, z=z)


def shrunk_drift(
    z: float, time: float, *, prior_mean: float = 0.0, prior_sd: float = math.inf
) -> tuple[float, float]:
    """Mean and deviation of the drift given `z` at `time` and a normal prior (flat by default)."""
    prior_precision = 0.0 if math.isinf(prior_sd) else prior_sd**-2
    precision = time + prior_precision
    return (z * math.sqrt(time) + prior_mean * prior_precision) / precision, precision**-0.5


def predictive_exits(
    boundaries: Boundaries, *, look: int, z: float, mean: float, sd: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Cumulative chances to cross the upper and the lower line, averaged over a normal drift.

    Source: Spiegelhalter, Freedman & Blackburn (1986); Gauss-Hermite over the drift.
    """
    nodes, weights = _hermite()
    exits = conditional_exits(boundaries, tuple(mean + sd * nodes), look=look, z=z)
    up, down = np.cumsum(weights @ exits.up), np.cumsum(weights @ exits.down)
    return tuple(up.tolist()), tuple(down.tolist())


def forecast(
    boundaries: Boundaries,
    *,
    look: int,
    z: float,
    planned_drift: float,
    prior_mean: float = 0.0,
    prior_sd: float = math.inf,
) -> Forecast:
    """Chances of the looks to come: if the plan's effect is true, and given what was seen.

    The current estimate is shrunk by the prior on the drift; E[Z] of the planned effect is the
    natural scale for its deviation.
    """
    mean, sd = shrunk_drift(z, boundaries.times[look - 1], prior_mean=prior_mean, prior_sd=prior_sd)
    planned = conditional_exits(boundaries, [planned_drift], look=look, z=z)
    up, down = predictive_exits(boundaries, look=look, z=z, mean=mean, sd=sd)
    return Forecast(
        boundaries.times[look:],
        tuple(np.cumsum(planned.up[0]).tolist()),
        up,
        tuple(u + d for u, d in zip(up, down, strict=True)),
    )

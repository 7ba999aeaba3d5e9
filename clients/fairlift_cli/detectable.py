"""What lift can be detected with how many units, and how many weeks a lift needs.

Imports the statistics, so only a check that found a `traffic.yaml` imports this module.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairlift_stats.design.planning import Baseline, plan_for
from fairlift_stats.sequential.plan import Engine, SequentialMetric, SequentialPlan

# Nobody waits longer; messages then say so instead of a number.
MOST_WEEKS: Final = 520
# Times the planned effect: so far away that its square need not be known.
_FAR = 1e6
# More weeks change what looking early costs by less than a per cent.
_MOST_LOOKS = 13


@dataclass(frozen=True, slots=True)
class Design:
    """What the cost of looking depends on: the comparisons, the errors and the stopping rule."""

    arms: int
    primaries: int
    alpha: float
    power: float
    engine: Engine


def lift_after(
    baseline: Baseline, design: Design, weekly: float, weeks: int, shares: Sequence[float]
) -> float:
    """The relative lift that so many weeks detect; shares of the variants, the control's first."""
    return lift_of_units(baseline, design, weekly * weeks, weeks, shares)


def lift_of_units(
    baseline: Baseline, design: Design, units: float, weeks: int, shares: Sequence[float]
) -> float:
    """The relative lift that so many units detect, looked at once a week."""
    return baseline.lift_at(_drift(design, min(weeks, _MOST_LOOKS)), n_max=units, shares=shares)


def weeks_needed(
    baseline: Baseline, design: Design, weekly: float, effect: float, shares: Sequence[float]
) -> int:
    """The first whole week at whose end the effect is detected; at most MOST_WEEKS + 1."""
    weeks = 1
    while (lift := lift_after(baseline, design, weekly, weeks, shares)) > effect:
        times = min(lift / effect, _FAR) ** 2
        if weeks * times > MOST_WEEKS + 1:
            return MOST_WEEKS + 1
        # What looks cost grows slowly, so this never passes the first week.
        weeks = max(weeks + 1, math.floor(weeks * times))
    return weeks


@functools.cache
def _drift(design: Design, looks: int) -> float:
    """Standard errors that the effect must have, with a look that judges each week."""
    looks = 1 if design.engine == "fixed" else looks
    arms = tuple(f"arm-{number}" for number in range(design.arms))
    metrics = tuple(SequentialMetric(f"metric_{n}") for n in range(design.primaries))
    plan = SequentialPlan(
        arms, metrics, n_max=1_000, alpha=design.alpha, power=design.power, engine=design.engine
    )
    unit = Baseline(1.0, 1.0)
    shares = (1 / design.arms,) * design.arms
    horizon = plan_for(plan, unit, [1_000.0] * looks, looks_per_week=1).horizon
    return horizon.mde / unit.lift_at(1.0, n_max=horizon.n_max, shares=shares)

"""Most tests end without a win; leaving them early saves half of their traffic."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fairlift_stats.sequential.errors import BadLevel
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    exit_probabilities,
    spending_boundaries,
)
from fairlift_stats.sequential.group_sequential.characteristics import fixed_drift
from fairlift_stats.sequential.group_sequential.spending import Side
from fairlift_stats.sequential.numerics.recursion import Stage, begin, bound_for
from fairlift_stats.sequential.numerics.roots import root


@dataclass(frozen=True, slots=True)
class FutilityDesign:
    """An upper line for success, a lower line to give up, and what they cost.

    Attributes:
        boundaries: both lines; they meet at the last look.
        drift: E[Z] at t = 1 for which the design has its power.
        inflation: maximum size over the fixed test's.
        alpha: error of the upper side.
    """

    boundaries: Boundaries
    drift: float
    inflation: float
    alpha: float

    def mean_size(self, share_of_effect: float) -> float:
        """Mean size over the fixed test's, at this multiple of the design's effect."""
        exits = exit_probabilities(self.boundaries, [share_of_effect * self.drift])
        return self.inflation * float(exits.expected_time[0])


@lru_cache(maxsize=128)
def futility_design(
    times: tuple[float, ...],
    *,
    success: Side,
    give_up: Side,
    harm: Side | None = None,
    binding: bool = False,
) -> FutilityDesign:
    """Design whose lower line spends the beta of `give_up` under the effect it has power for.

    Non-binding (the default): the upper line is found as if nobody ever gave up, so its error holds
    when a team plays on. `harm` is a lower line of its own, in force below the one to give up.

    Source: Pampallona, Tsiatis & Kim (2001); checked against gsDesign (test.type 3, 4) and rpact.
    """
    if give_up.level >= 1 - success.level:
        raise BadLevel("beta", give_up.level)
    fixed = fixed_drift(alpha=success.level, sides=1, power=1 - give_up.level)

    def spare(drift: float) -> float:
        """Power at this drift beyond what is asked."""
        rule = _Rule(drift, success, give_up, harm, binding)
        looks = _all_solved(rule, times, closes=True)
        return sum(_won(look, drift) for look in looks) - (1 - give_up.level)

    drift = root(spare, *_bracket(spare, fixed), tol=1e-9)
    lines = futility_lines(
        times, drift=drift, success=success, give_up=give_up, harm=harm, binding=binding
    )
    return FutilityDesign(lines, drift, (drift / fixed) ** 2, success.level)


def _won(look: "_Look", drift: float) -> float:
    """Probability to cross the upper line here first."""
    return float(look.stage.crossings(-math.inf, look.upper, np.array([drift]))[1][0])


def _bracket(spare: Callable[[float], float], fixed: float) -> tuple[float, float]:
    """Two drifts of which the second is enough; giving up never makes the test cheaper."""
    high = 1.2 * fixed
    while spare(high) <= 0:
        high *= 1.5
    return 0.9 * fixed, high


def futility_lines(
    times: tuple[float, ...],
    *,
    drift: float,
    success: Side,
    give_up: Side,
    harm: Side | None = None,
    binding: bool = False,
    closes: bool = True,
) -> Boundaries:
    """Both lines at these looks for an effect of known drift; they meet last when it `closes`.

    A running campaign asks for them look by look, with the drift that its plan has written down.
    The last look of one that closes spends what is left of the error, at t = 1 or before.
    """
    rule = _Rule(drift, success, give_up, harm, binding)
    looks = _all_solved(rule, times, closes=closes)
    upper = tuple(look.upper for look in looks)
    lower = tuple(look.lower for look in looks)
    return Boundaries(times, (*lower[:-1], upper[-1]) if closes else lower, upper)


@dataclass(frozen=True, slots=True)
class _Rule:
    drift: float
    success: Side
    give_up: Side
    harm: Side | None
    binding: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    stage: Stage
    lower: float
    upper: float


def _all_solved(rule: _Rule, times: tuple[float, ...], *, closes: bool) -> list[_Look]:
    last = len(times)
    return [_solved(rule, times[:look], closes and look == last) for look in range(1, last + 1)]


@lru_cache(maxsize=4096)
def _solved(rule: _Rule, times: tuple[float, ...], closes: bool) -> _Look:
    """The last of these looks; the earlier ones are found in the cache, so a new look costs one."""
    at, before = times[-1], times[-2] if len(times) > 1 else 0.0
    if len(times) == 1:
        stage = begin(at)
    else:
        last = _solved(rule, times[:-1], False)
        stage = last.stage.then(last.lower, last.upper, at)
    if rule.binding:
        upper = bound_for(stage, rule.success.spent_between(before, 1.0 if closes else at))
    else:
        upper = spending_boundaries(
            times, upper=rule.success, lower=rule.harm, closes=closes
        ).upper[-1]
    spend = rule.give_up.spent_between(before, at)
    floor = -bound_for(stage.mirrored(), spend, drift=-rule.drift)
    return _Look(stage, min(floor, upper), upper)

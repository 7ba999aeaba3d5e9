"""What a stopping rule costs and finds, exactly, before it is used."""

from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtri

from fairlift_stats.sequential.errors import BadLevel, BadPlan, NoAnswer
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries, exit_probabilities
from fairlift_stats.sequential.numerics.roots import root


@dataclass(frozen=True, slots=True)
class Characteristics:
    """A rule's behaviour, sample sizes relative to the fixed test of the same error and power.

    Attributes:
        type_one: probability of a false alarm on either side.
        power: probability to cross the upper line at the effect that the fixed test was sized for.
        mean_size: mean size at that effect, when the maximum is the fixed test's size.
        mean_size_double: the same at twice that effect.
        inflation: maximum size that gives the rule the fixed test's power.
    """

    type_one: float
    power: float
    mean_size: float
    mean_size_double: float
    inflation: float


def fixed_drift(*, alpha: float, sides: int, power: float) -> float:
    """Mean of z at the end at which a fixed test has this power."""
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise BadLevel(name, value)
    if sides not in (1, 2):
        raise BadPlan(f"sides: is {sides}, must be 1 or 2")
    return float(-ndtri(alpha / sides) + ndtri(power))


def drift_for_power(boundaries: Boundaries, power: float) -> float:
    """Drift (E[Z] at t = 1) at which the upper line is crossed with this probability.

    Raises:
        BadLevel: the power is not strictly between 0 and 1.
        NoAnswer: no drift up to 40 reaches it, or none is needed.

    Source: Jennison & Turnbull (2000), ch. 7; checked against ldbounds and rpact.
    """
    if not 0 < power < 1:
        raise BadLevel("power", power)
    return root(_shortfall(boundaries, power), 0.0, _enough(boundaries, power), tol=1e-10)


def _shortfall(boundaries: Boundaries, power: float) -> Callable[[float], float]:
    return lambda drift: float(exit_probabilities(boundaries, [drift]).power[0]) - power


def _enough(boundaries: Boundaries, power: float) -> float:
    for drift in (5.0, 10.0, 20.0, 40.0):
        if _shortfall(boundaries, power)(drift) > 0:
            return drift
    raise NoAnswer(f"power {power}: no drift up to 40 reaches it with these lines")


def inflation(boundaries: Boundaries, *, alpha: float, sides: int, power: float) -> float:
    """Maximum size of the rule over the fixed test's, at equal power against the same effect."""
    ratio = drift_for_power(boundaries, power) / fixed_drift(alpha=alpha, sides=sides, power=power)
    return ratio**2


def characteristics(
    boundaries: Boundaries, *, alpha: float = 0.05, sides: int = 2, power: float = 0.8
) -> Characteristics:
    """A rule's exact behaviour by the recursion, against the fixed test of this error and power.

    Source: own recursion; the table of Armitage, McPherson & Rowe (1969) for naive peeking, rpact
    for the rest.
    """
    fixed = fixed_drift(alpha=alpha, sides=sides, power=power)
    exits = exit_probabilities(boundaries, [0.0, fixed, 2 * fixed])
    mean = exits.expected_time
    return Characteristics(
        type_one=float(exits.error[0]),
        power=float(exits.power[1]),
        mean_size=float(mean[1]),
        mean_size_double=float(mean[2]),
        inflation=inflation(boundaries, alpha=alpha, sides=sides, power=power),
    )

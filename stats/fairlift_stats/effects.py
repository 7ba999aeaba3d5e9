"""The parts of a result: estimates, intervals, posteriors, warnings, and why there is none."""

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal, TypeAlias

from fairlift_stats.locale import text
from fairlift_stats.messages import Message

__all__ = [
    "LOWEST_LIFT",
    "Arm",
    "CannotSay",
    "CannotSayCode",
    "Effect",
    "Flag",
    "FlagCode",
    "Interval",
    "NonInferiority",
    "Posterior",
    "Role",
    "possible_lift",
]

# Of a figure that is never negative: everything is lost.
LOWEST_LIFT: Final = -1.0

Role: TypeAlias = Literal["primary", "secondary", "guardrail"]


def possible_lift(lift: float) -> float:
    """The nearest lift that a figure can have which is never negative; infinite: none is known."""
    return max(LOWEST_LIFT, lift) if math.isfinite(lift) else lift


class CannotSayCode(Enum):
    """Why a result has no number.

    NO_MATURE_UNITS is for whoever knows how many units entered: they did, and no window is over.
    """

    NO_UNITS = "no_units"
    TOO_FEW_UNITS = "too_few_units"
    NO_EVENTS = "no_events"
    NO_DENOMINATOR = "no_denominator"
    NO_VARIATION = "no_variation"
    TIED_VALUES = "tied_values"
    CONTROL_ZERO = "control_zero"
    TREATMENT_ZERO = "treatment_zero"
    CONTROL_NEAR_ZERO = "control_near_zero"
    NOT_POSITIVE = "not_positive"
    NO_MATURE_UNITS = "no_mature_units"


class FlagCode(Enum):
    """What a reader must know before trusting a number."""

    FEW_EVENTS = "few_events"
    FEW_BUYERS = "few_buyers"
    SKEWED = "skewed"
    TOO_SKEWED = "too_skewed"
    CONDITIONAL_ON_BUYING = "conditional_on_buying"
    ADJUSTED = "adjusted"


@dataclass(frozen=True, slots=True)
class Interval:
    """Two limits; either may be infinite."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """True strictly between the limits: a limit equal to the value excludes it."""
        return self.low < value < self.high

    @property
    def width(self) -> float:
        """Distance between the limits."""
        return self.high - self.low

    def possible(self) -> "Interval":
        """Of a lift of a figure that is never negative: without the lifts below −100 %."""
        return Interval(possible_lift(self.low), possible_lift(self.high))


@dataclass(frozen=True, slots=True)
class CannotSay:
    """A result without a number: a code, one sentence, and the limits that are known.

    A rate whose control has no event keeps the lower limit of its lift: above 0 it still says that
    the treatment is better.
    """

    reason: CannotSayCode
    sentence: str
    interval: Interval = Interval(-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate with its interval, and the simultaneous interval for all treatments."""

    value: float
    interval: Interval
    simultaneous: Interval

    def possible(self) -> "Effect":
        """The lift of a figure that is never negative: without those below −100 %."""
        value = possible_lift(self.value)
        return Effect(value, self.interval.possible(), self.simultaneous.possible())


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant's own estimate. The interval is None where it cannot be estimated."""

    variant: str
    n: int
    estimate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Posterior:
    """Posterior of one treatment, from the data and the prior.

    Attributes:
        lift: posterior mean of the lift, or its median where the mean does not exist; None where
            the control has no lift (zero, below it, or not told from it).
        interval: central credible interval of the lift; None with it.
        p_positive: P(the treatment's figure is higher than the control's).
        p_best: P(this arm is the best, including the control), by the metric's direction.
        expected_loss: what choosing this arm costs on average, per unit, in the metric's own unit.
        expected_loss_relative: the same as a share of the control's estimate; None without lift.
        control_p_best: P(the control is the best).
        control_expected_loss: what keeping the control costs on average, per unit.
        p_equivalent: P(lift lies within the region of practical equivalence); None without lift.
        prior: the prior in words.
    """

    lift: float | None
    interval: Interval | None
    p_positive: float
    p_best: float
    expected_loss: float
    expected_loss_relative: float | None
    control_p_best: float
    control_expected_loss: float
    p_equivalent: float | None
    prior: str

    def possible(self) -> "Posterior":
        """Of a figure that is never negative: without the lifts below −100 %."""
        if self.lift is None or self.interval is None:
            return self
        lift, interval = possible_lift(self.lift), self.interval.possible()
        return replace(self, lift=lift, interval=interval)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """One-sided test that the treatment is no worse than the margin allows.

    Attributes:
        margin: a share of the control, or an amount in the metric's own unit.
        p_value: None where there is no test, as of a share of a control that is zero.
        holds: shown, by a single look at the 5 % that a verdict spends over all of its looks.
        is_absolute: the margin is an amount.
    """

    margin: float
    p_value: float | None
    holds: bool
    is_absolute: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """A warning about a number: a code for programs, a message for people."""

    code: FlagCode
    message: Message

    @property
    def sentence(self) -> str:
        """The warning in English."""
        return text(self.message)

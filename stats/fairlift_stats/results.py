"""The one shape of an answer: the same fields for every metric and every treatment arm."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from fairlift_stats.answers import Answers

__all__ = [
    "Arm",
    "CannotSay",
    "Effect",
    "Flag",
    "FlagCode",
    "Interval",
    "NonInferiority",
    "Posterior",
    "Reason",
    "Result",
    "Role",
]

Role: TypeAlias = Literal["primary", "secondary", "guardrail"]


class Reason(Enum):
    """Why there is no number."""

    NO_UNITS = "no_units"
    TOO_FEW_UNITS = "too_few_units"
    NO_EVENTS = "no_events"
    NO_DENOMINATOR = "no_denominator"
    NO_VARIATION = "no_variation"
    CONTROL_ZERO = "control_zero"
    TREATMENT_ZERO = "treatment_zero"
    CONTROL_NEAR_ZERO = "control_near_zero"
    NOT_POSITIVE = "not_positive"


class FlagCode(Enum):
    """What a reader must know before trusting the number beside it."""

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
        """Distance of the limits."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class CannotSay:
    """The honest absence of an answer: a code, one sentence, and the limits if there are any.

    A rate whose control has no event keeps the lower limit of its lift: above 0 it still says that
    the treatment is better.
    """

    reason: Reason
    sentence: str
    interval: Interval = Interval(-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate with its interval, and the wider one that holds for all treatments at once."""

    value: float
    interval: Interval
    simultaneous: Interval


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant's own estimate. The interval is None where an arm has no spread to judge by."""

    variant: str
    n: int
    estimate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Posterior:
    """What to believe about one treatment arm, given the data and the prior.

    Attributes:
        lift: posterior mean of the lift, or its median where the mean does not exist.
        interval: central credible interval of the lift.
        p_positive: P(lift > 0).
        p_best: P(this arm is the best of all, the control among them), by the metric's direction.
        expected_loss: what choosing this arm costs on average, per unit, in the metric's own unit.
        expected_loss_relative: the same as a share of the control's estimate.
        control_p_best: P(the control is the best of all).
        control_expected_loss: what keeping the control costs on average, per unit.
        p_equivalent: P(lift lies within the region of practical equivalence).
        prior: the prior in words.
    """

    lift: float
    interval: Interval
    p_positive: float
    p_best: float
    expected_loss: float
    expected_loss_relative: float
    control_p_best: float
    control_expected_loss: float
    p_equivalent: float
    prior: str


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Is the treatment worse than the control by less than the margin? One-sided."""

    margin: float
    p_value: float | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A warning beside a number: a code for programs, one sentence for people."""

    code: FlagCode
    sentence: str


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """One metric of one treatment arm against the control: a view of all answers to the metric.

    The p-value, the interval of the difference and the interval of the lift come from one test: the
    intervals leave zero out exactly when the p-value is below 1 − confidence.
    """

    answers: "Answers"
    place: int

    @property
    def metric(self) -> str:
        """What was compared."""
        return self.answers.row.metric.name

    @property
    def role(self) -> Role:
        """Why it is in the plan."""
        return self.answers.row.planned.role

    @property
    def variant(self) -> str:
        """The treatment."""
        return self.answers.variants[self.place]

    @property
    def control(self) -> Arm:
        """The control's own estimate, in the metric's unit."""
        return self.answers.arm(0)

    @property
    def treatment(self) -> Arm:
        """The treatment's own estimate, in the metric's unit."""
        return self.answers.arm(self.place)

    @property
    def n(self) -> int:
        """Units in both arms together."""
        return self.control.n + self.treatment.n

    @property
    def difference(self) -> Effect | CannotSay:
        """Treatment − control, in the metric's unit."""
        return self.answers.difference(self.place)

    @property
    def lift(self) -> Effect | CannotSay:
        """Treatment ÷ control − 1."""
        return self.answers.lift(self.place)

    @property
    def p_value(self) -> float | None:
        """Two-sided, of no difference; None if there is no test."""
        return self.answers.p_value(self.place)

    @property
    def adjusted_p(self) -> float | None:
        """The same, adjusted for the arms and for the metrics of its role."""
        return self.answers.adjusted[self.place - 1]

    @property
    def non_inferiority(self) -> NonInferiority | None:
        """The answer of a guardrail; None for other roles."""
        return self.answers.non_inferiority(self.place)

    @property
    def posterior(self) -> Posterior | CannotSay:
        """The belief about this arm; worked out for all arms of the metric at the first call."""
        return self.answers.posterior(self.place)

    @property
    def method(self) -> str:
        """The test in words."""
        return self.answers.method

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What to know before trusting the numbers."""
        return self.answers.flags(self.place)

    def __repr__(self) -> str:
        """All but the posterior, which takes work."""
        shown = (
            "metric", "role", "variant", "control", "treatment", "difference", "lift", "p_value",
            "adjusted_p", "non_inferiority", "method", "flags",
        )  # fmt: skip
        return f"Result({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

"""A result: the same fields for every metric and every treatment."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from fairlift_stats.effects import (
    Arm,
    CannotSay,
    Effect,
    Flag,
    Interval,
    NonInferiority,
    Posterior,
    Role,
)
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.report.answers import Answers

__all__ = ["Result"]

Scalar: TypeAlias = str | int | float | bool | None


class Result(Mapping[str, Scalar]):
    """One metric of one treatment against the control.

    The p-value, the interval of the difference and the interval of the lift come from one test: the
    intervals exclude zero exactly when the p-value is below 1 − confidence.

    As a mapping it is one row of a table, by column: pandas and polars take a sequence of mappings.
    A dataclass would not do, because pandas makes a column of each of its fields.
    """

    __slots__ = ("answers", "place")

    def __init__(self, answers: Answers, place: int) -> None:
        self.answers = answers
        self.place = place

    def __getitem__(self, column: str) -> Scalar:
        """One figure: `result["lift_low"]`."""
        return _COLUMNS[column](self)

    def __iter__(self) -> Iterator[str]:
        """The names of the columns."""
        return iter(_COLUMNS)

    def __len__(self) -> int:
        """The number of columns."""
        return len(_COLUMNS)

    @property
    def metric(self) -> str:
        """What was compared."""
        return self.answers.row.metric.name

    @property
    def role(self) -> Role:
        """Its role in the plan."""
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
        """Whether a guardrail holds; None for other roles."""
        return self.answers.non_inferiority(self.place)

    @property
    def contrast(self) -> Contrast:
        """Both figures with what their limits need, for looks and verdicts."""
        return self.answers.contrast(self.place)

    @property
    def units_of_all_arms(self) -> int:
        """Units of all arms of the report together."""
        return int(sum(self.answers.row.n))

    @property
    def posterior(self) -> Posterior | CannotSay:
        """The posterior of this arm; computed for all arms of the metric at the first call."""
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
        """All fields but the posterior, which takes time."""
        shown = (
            "metric", "role", "variant", "control", "treatment", "difference", "lift", "p_value",
            "adjusted_p", "non_inferiority", "method", "flags",
        )  # fmt: skip
        return f"Result({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _value(said: Effect | CannotSay) -> float | None:
    return None if isinstance(said, CannotSay) else said.value


def _simultaneous(said: Effect | CannotSay) -> Interval:
    return said.interval if isinstance(said, CannotSay) else said.simultaneous


def _reason(result: Result) -> str | None:
    reasons = (s.reason for s in (result.difference, result.lift) if isinstance(s, CannotSay))
    return next((reason.value for reason in reasons), None)


def _guard(result: Result, name: str) -> float | bool | None:
    answer: float | bool | None = getattr(result.non_inferiority, name, None)
    return answer


# All but the posterior, which takes work.
_COLUMNS: Mapping[str, Callable[[Result], Scalar]] = {
    "metric": lambda result: result.metric,
    "role": lambda result: result.role,
    "variant": lambda result: result.variant,
    "n": lambda result: result.n,
    "control": lambda result: result.control.estimate,
    "treatment": lambda result: result.treatment.estimate,
    "difference": lambda result: _value(result.difference),
    "difference_low": lambda result: result.difference.interval.low,
    "difference_high": lambda result: result.difference.interval.high,
    "difference_simultaneous_low": lambda result: _simultaneous(result.difference).low,
    "difference_simultaneous_high": lambda result: _simultaneous(result.difference).high,
    "lift": lambda result: _value(result.lift),
    "lift_low": lambda result: result.lift.interval.low,
    "lift_high": lambda result: result.lift.interval.high,
    "lift_simultaneous_low": lambda result: _simultaneous(result.lift).low,
    "lift_simultaneous_high": lambda result: _simultaneous(result.lift).high,
    "p_value": lambda result: result.p_value,
    "adjusted_p": lambda result: result.adjusted_p,
    "margin": lambda result: _guard(result, "margin"),
    "margin_p_value": lambda result: _guard(result, "p_value"),
    "margin_holds": lambda result: _guard(result, "holds"),
    "cannot_say": _reason,
    "flags": lambda result: ", ".join(flag.code.value for flag in result.flags),
    "method": lambda result: result.method,
}

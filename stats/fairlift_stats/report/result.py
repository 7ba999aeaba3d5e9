"""A result: the same fields for every metric and every treatment."""

from dataclasses import dataclass

from fairlift_stats.effects import Arm, CannotSay, Effect, Flag, NonInferiority, Posterior, Role
from fairlift_stats.report.answers import Answers

__all__ = ["Result"]


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """One metric of one treatment against the control.

    The p-value, the interval of the difference and the interval of the lift come from one test: the
    intervals exclude zero exactly when the p-value is below 1 − confidence.
    """

    answers: Answers
    place: int

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

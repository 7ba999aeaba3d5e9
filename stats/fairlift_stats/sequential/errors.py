"""What sequential analysis refuses, drawn as a tree: where, the value, the rule, a way out.

StatisticsError
└── SequentialError
    ├── BadPlan            a plan, spending function or prior that cannot be obeyed
    │   ├── BadLevel       an error rate or power outside (0, 1)
    │   └── FlatPrior      Bayesian stopping without a prior that shrinks
    ├── BadLook            a look that cannot follow the ones before it
    │   ├── LooksOutOfOrder
    │   ├── InformationFell
    │   ├── BeyondPlan     more units or days than the plan paid for
    │   ├── PlanChanged    the log was begun under another plan
    │   ├── LookEdited     a look in the store is not the one that was written
    │   └── UnknownArm
    ├── NotANumber         NaN, an infinity, a count below zero
    ├── ZeroVariance       nothing varies, so nothing can be weighed
    └── NoAnswer           the question has no finite answer
"""

from fairlift_stats.errors import StatisticsError


class SequentialError(StatisticsError):
    """Anything that sequential analysis refuses."""


class BadPlan(SequentialError):
    """A plan that cannot be obeyed."""


class BadLevel(BadPlan):
    """An error rate or power that is no probability."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__(f"{name}: is {value}, must be above 0 and below 1; 0.05 is usual")


class FlatPrior(BadPlan):
    """Bayesian stopping without a prior that shrinks."""

    def __init__(self, value: float | None) -> None:
        super().__init__(
            f"prior_sd: is {value}, must be finite and above 0. With a flat prior and daily peeking"
            " only 75 of 100 shipped variants are truly better and lifts are reported ten times"
            " too large; use the spread of your past lifts, or 0.03"
        )


class BadLook(SequentialError):
    """A look that cannot follow the ones before it."""


class LooksOutOfOrder(BadLook):
    """A look is older than the one before it."""

    def __init__(self, before: str, now: str) -> None:
        super().__init__(
            f"look at {now}: comes after the look at {before} in the log, must be later;"
            " looks are added in the order of time, never inserted"
        )


class InformationFell(BadLook):
    """Information did not rise from one judged look to the next."""

    def __init__(self, before: float, now: float) -> None:
        super().__init__(
            f"information: is {now} after {before}, must be positive and rise;"
            " measure it by units, not by an estimated variance"
        )


class BeyondPlan(BadLook):
    """More units or days than the plan paid for."""

    def __init__(self, what: str, found: float, end: float) -> None:
        super().__init__(
            f"{what}: {found:g}, the plan ends at {end:g}. A look beyond it raises false winners to"
            " 8 in 100: cut the data where the plan ends, start a new campaign, or plan a reserve"
            " of alpha for more units"
        )


class PlanChanged(BadLook):
    """The log was begun under another plan."""

    def __init__(self, sealed: str, judged: str) -> None:
        super().__init__(
            f"look log: was begun under plan {sealed[:12]}, it is judged by plan {judged[:12]};"
            " a plan is sealed at the start: start a new epoch to change it"
        )


class LookEdited(BadLook):
    """A look in the store is not the one that was written."""

    def __init__(self, number: int, day: int | None) -> None:
        self.number = number
        where = "" if day is None else f" (day {day})"
        super().__init__(
            f"look {number}{where}: its content is not what was sealed when it was made;"
            " somebody changed it in the store: restore it from a backup, or start a new epoch"
        )


class UnknownArm(BadLook):
    """An arm or metric that the plan or the look does not have, or one that the look lacks."""

    def __init__(self, what: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"look: {what} {name!r} does not match the plan, which has {list(known)}")


class NotANumber(SequentialError):
    """A figure that is no figure."""

    def __init__(self, name: str, rule: str, value: object) -> None:
        super().__init__(f"{name}: is {value}, must be {rule}")


class ZeroVariance(SequentialError):
    """Nothing varies."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__(
            f"{name}: is {value}, must be above 0; without variation there is"
            " nothing to test: wait for more units"
        )


class NoAnswer(SequentialError):
    """The question has no finite answer."""

"""Metrics: each names the columns it needs and the direction that is better."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fairlift_stats.errors import BadQuestion

__all__ = [
    "Direction",
    "Funnel",
    "Mean",
    "Metric",
    "MetricUnit",
    "Quantile",
    "Rate",
    "Ratio",
    "Summed",
]

Direction: TypeAlias = Literal["higher", "lower"]
MetricUnit: TypeAlias = Literal["share", "money", "count"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of units with an event: a 0/1 column over all units, or over those with `of` = 1.

    `covariates` are pre-period columns for CUPED; with them a rate is tested as a mean of 0/1.

    >>> Rate("conversion_rate", "converted").columns
    ('converted',)
    """

    name: str
    column: str
    of: str | None = None
    direction: Direction = "higher"
    covariates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse covariates where the denominator is itself an outcome."""
        if self.of is not None and self.covariates:
            raise BadQuestion(f"{self.name}: a rate among some units takes no covariates")

    @property
    def unit(self) -> MetricUnit:
        """A rate is always a share."""
        return "share"

    @property
    def is_never_negative(self) -> bool:
        """A share is 0 or more."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the summary must have."""
        base = () if self.of is None else (self.of,)
        return (self.column, *base, *self.covariates)


@dataclass(frozen=True, slots=True)
class Mean:
    """A number per unit, zeros included, e.g. revenue per visitor.

    `buyers` names the 0/1 column of the units that can be non-zero. With it, low counts are flagged
    and the posterior is the hurdle model: who buys, times how much. `is_never_negative` says that
    no unit is below zero: then no lift is below −100 %.
    """

    name: str
    column: str
    buyers: str | None = None
    unit: MetricUnit = "money"
    direction: Direction = "higher"
    covariates: tuple[str, ...] = ()
    is_never_negative: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the summary must have."""
        return _distinct(self.column, self.buyers, *self.covariates)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sum of one column over sum of another, both per unit, e.g. revenue ÷ orders.

    `buyers` names the 0/1 column of units with a denominator: degrees of freedom come from them.
    `covariates` are pairs (numerator, denominator) of the pre-period; without a denominator it is a
    plain number per unit. `is_never_negative` is said of both columns, as in `Mean`.
    """

    name: str
    numerator: str
    denominator: str
    buyers: str | None = None
    unit: MetricUnit = "money"
    direction: Direction = "higher"
    covariates: tuple[tuple[str, str | None], ...] = ()
    is_never_negative: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the summary must have."""
        pre = (name for pair in self.covariates for name in pair)
        return _distinct(self.numerator, self.denominator, self.buyers, *pre)


@dataclass(frozen=True, slots=True)
class Quantile:
    """The value that a share `at` of the values does not exceed, e.g. the median order.

    It cannot be computed from sums: pass one `QuantileArm` per variant with the summaries, or name
    the `column` of the frame whose values it is of. `is_never_negative` is said of the values, as
    in `Mean`.

    Raises:
        BadQuestion: the share is not between 0 and 1.
    """

    name: str
    at: float
    unit: MetricUnit = "money"
    direction: Direction = "higher"
    column: str | None = None
    is_never_negative: bool = False

    def __post_init__(self) -> None:
        """Refuse a share that is not a quantile."""
        if not 0 < self.at < 1:
            raise BadQuestion(f"{self.name}: at is {self.at}, must lie between 0 and 1, e.g. 0.5")

    @property
    def columns(self) -> tuple[str, ...]:
        """None: a quantile is not computed from sums."""
        return ()

    @property
    def covariates(self) -> tuple[str, ...]:
        """None: adjustment needs sums."""
        return ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps in declared order, each a 0/1 column; read as rates, per step and from step to step."""

    name: str
    steps: tuple[str, ...]
    direction: Direction = "higher"

    def __post_init__(self) -> None:
        """Refuse one step, which is a rate, and steps that repeat."""
        if len(self.steps) < 2 or len(set(self.steps)) != len(self.steps):
            raise BadQuestion(f"{self.name}: a funnel needs two or more different steps")

    @property
    def rates(self) -> tuple[Rate, ...]:
        """One rate per step over all units, then one from each step to the next."""
        of_all = (Rate(f"{self.name}.{s}", s, direction=self.direction) for s in self.steps)
        step_to_step = (
            Rate(f"{self.name}.{a}>{b}", b, of=a, direction=self.direction)
            for a, b in zip(self.steps, self.steps[1:], strict=False)
        )
        return (*of_all, *step_to_step)


# Metrics that sums per unit are enough for.
Summed: TypeAlias = Rate | Mean | Ratio
Metric: TypeAlias = Summed | Quantile


def _distinct(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))

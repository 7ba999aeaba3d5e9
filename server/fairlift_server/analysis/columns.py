"""What a plan asks of a unit: its metrics as columns, one number per unit each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlift.engine import metric as planned
from fairlift.engine.metric import (
    MONEY_MEASURES,
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    Measure,
    Metric,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift_stats.data.metrics import Direction, Funnel, Mean, MetricUnit, Quantile, Rate, Ratio
from fairlift_stats.data.metrics import Metric as Tested

MICROS = 1_000_000
# What a planned metric becomes; a funnel is several.
Measured: TypeAlias = Tested | Funnel

_DIRECTIONS: dict[planned.Direction, Direction] = {
    planned.Direction.HIGHER: "higher",
    planned.Direction.LOWER: "lower",
}
_UNITS: dict[planned.Quantity, MetricUnit] = {
    planned.Quantity.SHARE: "share",
    planned.Quantity.MONEY: "money",
    planned.Quantity.COUNT: "count",
}
# Already 0 or 1 for each unit.
_ZERO_OR_ONE = frozenset(
    {
        OrderMeasure.BUYERS,
        OrderMeasure.REPEAT_BUYERS,
        OrderMeasure.FIRST_PURCHASES,
        OrderMeasure.ABANDONED_CARTS,
    }
)
# The units that a ratio of two 0/1 columns is a share of.
_AMONG = frozenset({OrderMeasure.BUYERS})


@dataclass(frozen=True, slots=True)
class UnitColumn:
    """One number per unit, from its events.

    Attributes:
        name: unique among the columns of a question.
        measure: what is counted or added up; money in micros.
        window_days: from first exposure on; 0 is until the analysis.
        before_days: if not 0, the days before first exposure instead: a covariate.
        is_indicator: 1 where the measure is positive, else 0.
        cap: values above it count as it.
    """

    name: str
    measure: Measure
    window_days: int = 0
    before_days: int = 0
    is_indicator: bool = False
    cap: CapAtAmount | CapAtQuantile | None = None

    @property
    def is_money(self) -> bool:
        """Whether it is in micros."""
        return self.measure in MONEY_MEASURES and not self.is_indicator


@dataclass(frozen=True, slots=True)
class UnitQuantile:
    """The value of a column that a share `at` of a variant's units does not exceed."""

    metric: str
    column: str
    at: float


@dataclass(slots=True)
class Columns:
    """Collects the columns that metrics need, each once, and the quantiles of them."""

    window_days: int
    covariate_days: int = 0
    found: dict[str, UnitColumn] = field(default_factory=dict)
    quantiles: list[UnitQuantile] = field(default_factory=list)

    def measured(self, metric: Metric) -> Measured:
        """The metric over the columns it needs."""
        window = self.window_days if metric.window_days is None else metric.window_days
        direction, unit = _DIRECTIONS[metric.direction], _UNITS[metric.reads_as]
        match metric.kind:
            case planned.Rate(of):
                column = self._indicator(of, window)
                return Rate(metric.name, column, None, direction, self._before(of, column))
            case planned.Mean(of):
                column = self._plain(of, window, metric.cap)
                buyers = self._indicator(_whose(of), window)
                before = self._before(of, column)
                return Mean(metric.name, column, buyers, unit, direction, before)
            case planned.Ratio(top, base) if top in _ZERO_OR_ONE and base in _AMONG:
                among = self._indicator(base, window)
                return Rate(metric.name, self._indicator(top, window), among, direction)
            case planned.Ratio(top, base):
                above = self._plain(top, window, metric.cap)
                below = self._plain(base, window)
                buyers = self._indicator(base, window)
                pairs = self._pairs(top, base)
                return Ratio(metric.name, above, below, buyers, unit, direction, pairs)
            case planned.Funnel(steps):
                columns = tuple(self._indicator(step, window) for step in steps)
                return Funnel(metric.name, columns, direction)
            case planned.Quantile(of, at):
                column = self._plain(of, window, metric.cap)
                self.quantiles.append(UnitQuantile(metric.name, column, at))
                return Quantile(metric.name, at, unit, direction)

    def add(self, measures: Iterable[Measure]) -> None:
        """The plain columns of these measures, in the plan's window."""
        for measure in measures:
            self._plain(measure, self.window_days)

    def _plain(
        self, measure: Measure, window: int, cap: CapAtAmount | CapAtQuantile | None = None
    ) -> str:
        name = _name(measure, window)
        match cap:
            case CapAtAmount(amount):
                name = f"{name}|{amount:g}"
            case CapAtQuantile(quantile):
                name = f"{name}|p{quantile:g}"
        return self._keep(UnitColumn(name, measure, window, cap=cap))

    def _indicator(self, measure: Measure, window: int) -> str:
        if _is_zero_or_one(measure):
            return self._plain(measure, window)
        name = f"any:{_name(measure, window)}"
        return self._keep(UnitColumn(name, measure, window, is_indicator=True))

    def _before(self, measure: Measure, column: str) -> tuple[str, ...]:
        days = self.covariate_days
        if not days or isinstance(measure, ReturnMeasure):
            return ()
        indicator = self.found[column].is_indicator
        name = f"{column}<{days}"
        return (self._keep(UnitColumn(name, measure, before_days=days, is_indicator=indicator)),)

    def _pairs(self, top: Measure, base: Measure) -> tuple[tuple[str, str], ...]:
        if not self.covariate_days or ReturnMeasure in (type(top), type(base)):
            return ()
        above = self._before(top, self._plain(top, self.window_days))
        below = self._before(base, self._plain(base, self.window_days))
        return ((above[0], below[0]),)

    def _keep(self, column: UnitColumn) -> str:
        self.found.setdefault(column.name, column)
        return column.name


def _is_zero_or_one(measure: Measure) -> bool:
    match measure:
        case ActionMeasure(_, of):
            return of is ActionOf.ANY
        case ReturnMeasure():
            return True
    return measure in _ZERO_OR_ONE


def _whose(measure: Measure) -> Measure:
    """What tells the units that can have an amount other than zero."""
    match measure:
        case ActionMeasure(name):
            return ActionMeasure(name)
        case ReturnMeasure():
            return measure
    return OrderMeasure.BUYERS


def _name(measure: Measure, window: int) -> str:
    match measure:
        case ActionMeasure(name, of):
            text = f"{name}.{of}"
        case ReturnMeasure(first, last, bought):
            return f"{'bought' if bought else 'back'}.d{first}-{last}"
        case _:
            text = str(measure)
    return f"{text}@{window}" if window else text

"""Collects the numbers per unit that metrics need: each once, under a name that looks keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fairlift.engine import metric as planned
from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    LineMeasure,
    LineOf,
    Measure,
    Metric,
    OrderMeasure,
    ReturnMeasure,
)
from fairlift_stats.data.metrics import Direction, Mean, MetricUnit, Quantile, Rate, Ratio

from fairlift_server.analysis.columns import (
    FunnelColumns,
    FunnelStep,
    FunnelSteps,
    MetricColumns,
    UnitColumn,
    UnitQuantile,
    Window,
    WorthColumns,
    longest,
    name_of_lines,
)

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


@dataclass(slots=True)
class ColumnSet:
    """Collects the columns that metrics need, each once, and the quantiles of them.

    Attributes:
        worths: by action, what one is worth; None is worked out from the control.
    """

    window: Window
    covariate_days: int = 0
    worths: Mapping[str, float | None] = field(default_factory=dict)
    columns: dict[str, UnitColumn] = field(default_factory=dict)
    quantiles: list[UnitQuantile] = field(default_factory=list)

    def add_metric(self, metric: Metric) -> MetricColumns:
        """The metric over the columns it needs."""
        window = self.window if metric.window_days is None else metric.window_days
        direction, unit = _DIRECTIONS[metric.direction], _UNITS[metric.reads_as]
        never = metric.is_never_negative
        match metric.kind:
            case planned.RateMetric(of):
                column = self._indicator(of, window)
                return Rate(metric.name, column, None, direction, self._before(of, column))
            case planned.MeanMetric(of):
                column = self._plain(of, window, metric.cap)
                buyers = self._indicator(_nonzero_where(of), window)
                before = self._before(of, column)
                return Mean(metric.name, column, buyers, unit, direction, before, never)
            case planned.RatioMetric(top, base) if top in _ZERO_OR_ONE and base in _AMONG:
                among = self._indicator(base, window)
                return Rate(metric.name, self._indicator(top, window), among, direction)
            case planned.RatioMetric(top, base):
                above = self._plain(top, window, metric.cap)
                below = self._plain(base, window)
                buyers = self._indicator(base, window)
                pairs = self._pairs(top, base)
                return Ratio(metric.name, above, below, buyers, unit, direction, pairs, never)
            case planned.FunnelMetric(steps):
                return self._funnel(metric.name, steps, window, direction)
            case planned.QuantileMetric(of, at):
                column = self._plain(of, window, metric.cap)
                self.quantiles.append(UnitQuantile(metric.name, column, at))
                return Quantile(metric.name, at, unit, direction, is_never_negative=never)

    def worth_columns(self, metric: Metric) -> WorthColumns | None:
        """What the worth behind a metric is worked out from; None where none is behind it."""
        window = self.window if metric.window_days is None else metric.window_days
        for measure in metric.measures:
            if isinstance(measure, ActionMeasure) and measure.of is ActionOf.WORTH:
                counted, weight = _name(measure, window), self.worths[measure.name]
                if weight is not None:
                    return WorthColumns(measure.name, counted, weight)
                steps = FunnelSteps((ActionMeasure(measure.name), OrderMeasure.ORDERS))
                name = _name(measure, window).replace(".worth", ".followed")
                # A funnel's step is reached after the step before: that column is read, too.
                self._add(UnitColumn(f"{name}.1", FunnelSteps(steps.steps[:1]), window))
                return WorthColumns(
                    measure.name,
                    counted,
                    None,
                    self._add(UnitColumn(f"{name}.2", steps, window)),
                    self._plain(OrderMeasure.ORDERS, window),
                    self._plain(OrderMeasure.REVENUE, window),
                )
        return None

    def add_measures(self, measures: Iterable[Measure], window: Window) -> None:
        """The plain columns of these measures."""
        for measure in measures:
            self._plain(measure, window)

    def maturity(self, columns: Iterable[str]) -> Window:
        """When all these columns of a unit are final."""
        return longest(self.columns[name].maturity for name in columns)

    def _plain(
        self, measure: Measure, window: Window, cap: CapAtAmount | CapAtQuantile | None = None
    ) -> str:
        name = _name(measure, window)
        match cap:
            case CapAtAmount(amount):
                name = f"{name}|{amount:g}"
            case CapAtQuantile(quantile):
                name = f"{name}|p{quantile:g}"
        return self._add(UnitColumn(name, measure, window, cap=cap, worth=self._worth(measure)))

    def _worth(self, measure: Measure) -> float:
        if isinstance(measure, ActionMeasure) and measure.of is ActionOf.WORTH:
            # What the control's worth is is known when a look is read.
            return self.worths[measure.name] or 1.0
        return 1.0

    def _indicator(self, measure: Measure, window: Window) -> str:
        if _is_zero_or_one(measure):
            return self._plain(measure, window)
        name = f"any:{_name(measure, window)}"
        return self._add(UnitColumn(name, measure, window, is_indicator=True))

    def _before(self, measure: Measure, column: str) -> tuple[str, ...]:
        days = self.covariate_days
        if not days or isinstance(measure, ReturnMeasure):
            return ()
        indicator = self.columns[column].is_indicator
        name = f"{column}<{days}"
        return (self._add(UnitColumn(name, measure, before_days=days, is_indicator=indicator)),)

    def _pairs(self, top: Measure, base: Measure) -> tuple[tuple[str, str], ...]:
        if not self.covariate_days or ReturnMeasure in (type(top), type(base)):
            return ()
        above = self._before(top, self._plain(top, self.window))
        below = self._before(base, self._plain(base, self.window))
        return ((above[0], below[0]),)

    def _funnel(
        self, name: str, steps: tuple[Measure, ...], window: Window, direction: Direction
    ) -> FunnelColumns:
        columns = [
            self._add(UnitColumn(f"{name}.{number}", FunnelSteps(steps[:number]), window))
            for number in range(1, len(steps) + 1)
        ]
        return FunnelColumns(
            Rate(name, columns[-1], direction=direction),
            tuple(
                FunnelStep(_step_name(step), column)
                for step, column in zip(steps, columns, strict=True)
            ),
        )

    def _add(self, column: UnitColumn) -> str:
        self.columns.setdefault(column.name, column)
        return column.name


def _is_zero_or_one(measure: Measure) -> bool:
    match measure:
        case ActionMeasure(_, of):
            return of is ActionOf.ANY
        case ReturnMeasure():
            return True
        case LineMeasure():
            return False
    return measure in _ZERO_OR_ONE


def _nonzero_where(measure: Measure) -> Measure:
    """What tells the units that can have an amount other than zero."""
    match measure:
        case ActionMeasure(name):
            return ActionMeasure(name)
        case ReturnMeasure():
            return measure
        case LineMeasure(_, kinds, categories, products):
            return LineMeasure(LineOf.ITEMS, kinds, categories, products)
    return OrderMeasure.BUYERS


def _step_name(measure: Measure) -> str:
    match measure:
        case ActionMeasure(name):
            return name
        case ReturnMeasure(first, last, bought):
            return f"{'bought' if bought else 'back'}_d{first}_{last}"
        case LineMeasure(of, kinds, categories, products):
            return "_".join((*kinds, *categories, *products, of))
    return str(measure)


def _name(measure: Measure, window: Window) -> str:
    match measure:
        case ActionMeasure(name, of):
            text = f"{name}.{of}"
        case ReturnMeasure(first, last, bought):
            return f"{'bought' if bought else 'back'}.d{first}-{last}"
        case LineMeasure():
            text = name_of_lines(measure)
        case _:
            text = str(measure)
    match window:
        case None:
            return text
        case 0:
            return f"{text}@visit"
    return f"{text}@{window}"

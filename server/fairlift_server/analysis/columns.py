"""The numbers per unit that a plan's metrics are made of: one column each."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

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
    is_money,
)
from fairlift_stats.data.metrics import Direction, Mean, MetricUnit, Quantile, Rate, Ratio
from fairlift_stats.data.metrics import Metric as SummaryMetric

from fairlift_server.analysis.day_calendar import DAY_US

MICROS = 1_000_000

# Days from the first exposure; 0 is the same visit; None has no end.
Window: TypeAlias = int | None
# A visit is over when its visitor has been quiet for half an hour, in the usage of the trade.
VISIT_US = 1_800 * 1_000_000

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
class FunnelSteps:
    """1 for a unit that went through all these steps, each at or after the step before."""

    steps: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class UnitColumn:
    """One number per unit, from its events.

    Attributes:
        name: unique among the columns of a query.
        measure: what is counted or added up; money in micros.
        window: from the first exposure on.
        before_days: if not 0, the days before the first exposure instead: a covariate.
        is_indicator: 1 where the measure is positive, else 0.
        cap: values above it count as it.
        worth: of one action, where it is what actions are worth; the column counts them.
    """

    name: str
    measure: Measure | FunnelSteps
    window: Window = None
    before_days: int = 0
    is_indicator: bool = False
    cap: CapAtAmount | CapAtQuantile | None = None
    worth: float = 1.0

    @property
    def is_money(self) -> bool:
        """Whether it is in micros."""
        if self.is_indicator or isinstance(self.measure, FunnelSteps | ActionMeasure):
            return False
        return is_money(self.measure)

    @property
    def unit(self) -> float:
        """What one of the column's numbers is in the metric's own unit."""
        if self.is_indicator:
            return 1.0
        if self.measure is OrderMeasure.DAYS_BETWEEN_ORDERS:
            return 1 / DAY_US
        return 1 / MICROS if self.is_money else self.worth

    @property
    def maturity(self) -> Window:
        """How long a unit waits before it counts; None: not at all."""
        if self.before_days:
            return None
        if isinstance(self.measure, ReturnMeasure):
            return self.measure.to_day
        return self.window


def maturity_us(maturity: Window) -> int:
    """The time from a unit's first exposure until it counts."""
    match maturity:
        case None:
            return 0
        case 0:
            return VISIT_US
        case days:
            return days * DAY_US


def longest(windows: Iterable[Window]) -> Window:
    """The window that units wait for the longest; nobody waits for one without an end.

    >>> longest([None, 3, 14, 0])
    14
    """
    return max(windows, key=maturity_us)


@dataclass(frozen=True, slots=True)
class UnitQuantile:
    """The value of a column that a share `at` of a variant's units does not exceed."""

    metric: str
    column: str
    at: float


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """A step's name, such as newsletter or orders, and its column: 1 for units that reached it."""

    name: str
    column: str


@dataclass(frozen=True, slots=True)
class FunnelColumns:
    """A funnel as columns: how far units came. What is tested is who came through.

    Attributes:
        completion: the share of all units that went through every step.
        steps: in their order.
    """

    completion: Rate
    steps: tuple[FunnelStep, ...]


# What a planned metric becomes.
MetricColumns: TypeAlias = SummaryMetric | FunnelColumns


@dataclass(frozen=True, slots=True)
class WorthColumns:
    """What the worth of an action is worked out from, beside the column that counts it.

    Attributes:
        action: its name.
        counted: the column of its number.
        weight: what one is worth; None is worked out from the three columns below.
        followed: 1 for units that ordered after the action.
        orders, revenue: of all units.
    """

    action: str
    counted: str
    weight: float | None
    followed: str = ""
    orders: str = ""
    revenue: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are read."""
        return () if self.weight is not None else (self.followed, self.orders, self.revenue)


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


def measures_behind(columns: Iterable[UnitColumn]) -> Iterator[Measure]:
    """Every measure behind these columns, the steps of funnels too."""
    for column in columns:
        if isinstance(column.measure, FunnelSteps):
            yield from column.measure.steps
        else:
            yield column.measure


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


def name_of_lines(measure: LineMeasure) -> str:
    """Short, however many products are listed; looks keep it, so it must not change."""
    lists = "\n".join((*measure.categories, "", *measure.products))
    digest = hashlib.sha256(lists.encode()).hexdigest()[:12] if len(lists) > 1 else ""
    return ".".join(filter(None, ("lines", *measure.kinds, digest, measure.of)))

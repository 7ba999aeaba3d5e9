"""The numbers per unit that a plan's metrics are made of: one column each."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fairlift.engine.metric import (
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    LineMeasure,
    Measure,
    OrderMeasure,
    ReturnMeasure,
    is_money,
)
from fairlift_stats.data.metrics import Metric as SummaryMetric
from fairlift_stats.data.metrics import Rate

from fairlift_server.analysis.day_calendar import DAY_US

MICROS = 1_000_000

# Days from the first exposure; 0 is the same visit; None has no end.
Window: TypeAlias = int | None
# A visit is over when its visitor has been quiet for half an hour, in the usage of the trade.
VISIT_US = 1_800 * 1_000_000


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


def measures_behind(columns: Iterable[UnitColumn]) -> Iterator[Measure]:
    """Every measure behind these columns, the steps of funnels too."""
    for column in columns:
        if isinstance(column.measure, FunnelSteps):
            yield from column.measure.steps
        else:
            yield column.measure


def values_added_up(columns: Iterable[UnitColumn]) -> set[str]:
    """The actions of which some column adds up values; nothing uses those of other actions."""
    measures = [column.measure for column in columns]
    return {
        measure.name
        for measure in measures
        if isinstance(measure, ActionMeasure) and measure.of is ActionOf.VALUE
    }


def name_of_lines(measure: LineMeasure) -> str:
    """Short, however many products are listed; looks keep it, so it must not change."""
    lists = "\n".join((*measure.categories, "", *measure.products))
    digest = hashlib.sha256(lists.encode()).hexdigest()[:12] if len(lists) > 1 else ""
    return ".".join(filter(None, ("lines", *measure.kinds, digest, measure.of)))

"""A campaign's plan as what the ledger is asked and what the mathematics needs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from fairlift.engine.campaign import Campaign, coupon_of
from fairlift.engine.metric import (
    HEADLINE_METRICS,
    CapAtAmount,
    LineMeasure,
    Measure,
    OrderMeasure,
)
from fairlift.engine.plan import Plan
from fairlift_stats.data.metrics import Mean, Metric, Quantile, Rate, Ratio, Summed
from fairlift_stats.data.summary import Summary
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.question import Guardrail
from fairlift_stats.sequential.plan import SequentialPlan

from fairlift_server.analysis.column_set import ColumnSet
from fairlift_server.analysis.columns import (
    FunnelColumns,
    FunnelStep,
    MetricColumns,
    UnitColumn,
    UnitQuantile,
    Window,
    WorthColumns,
    longest,
)
from fairlift_server.analysis.entry_rules import ENTRY_OF_ALL, EntryRules
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    LedgerQuery,
    LiveQuestion,
)
from fairlift_server.results.stopping_rule import stopping_plan

TOTALS = (
    OrderMeasure.BUYERS,
    OrderMeasure.ORDERS,
    OrderMeasure.REVENUE,
    OrderMeasure.NET_REVENUE,
    OrderMeasure.REFUNDED_ORDERS,
)
# Of the built-in alarm: a dead checkout is seen within a day.
ALARM_WINDOW: Window = 1


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """Everything that a look at one epoch of a campaign needs; travels between processes.

    Attributes:
        campaign, epoch: what is looked at.
        time_zone: of the campaign's days.
        arms: variants, the control first.
        plan: as it was sealed.
        analysis: the plan's metrics.
        descriptive: metrics shown beside them, judged by nobody; None when there are none.
        sequential: the stopping rule.
        columns, groups, quantiles, coupons: what the ledger is asked; one group for each window.
        maturity: by metric, how long a unit waits before it counts.
        capped: names of metrics whose cap was fixed before the start.
        funnels: the steps of metrics that are funnels, by name.
        entry: which exposures count.
        worths: by metric, what the worth of its action is worked out from.
        seen_columns: by metric, columns that are 0 where nothing of its first measure was seen.
        traffic_share: of the audience that enters the campaign at present; 1 is all of it.
    """

    campaign: str
    epoch: int
    time_zone: str
    arms: tuple[str, ...]
    plan: Plan
    analysis: Analysis
    descriptive: Analysis | None
    sequential: SequentialPlan
    columns: tuple[UnitColumn, ...]
    groups: tuple[ColumnGroup, ...]
    quantiles: tuple[UnitQuantile, ...]
    maturity: Mapping[str, Window]
    coupons: tuple[tuple[str, str], ...]
    capped: frozenset[str]
    funnels: Mapping[str, tuple[FunnelStep, ...]]
    entry: EntryRules = ENTRY_OF_ALL
    worths: Mapping[str, WorthColumns] = field(default_factory=dict)
    seen_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traffic_share: float = 1.0

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def window(self) -> Window:
        """The window of metrics that name none of their own, and of the totals."""
        return self.plan.window_days

    @property
    def counted(self) -> Window:
        """How long a unit waits before it counts for every primary metric."""
        return longest(self.maturity[metric.metric] for metric in self.plan.primary)

    def query(self, *, as_of_day: int | None, live: LiveQuestion | None = None) -> LedgerQuery:
        """What the ledger is asked: as of the end of a day, or of everything."""
        return LedgerQuery(
            self.campaign,
            self.epoch,
            self.plan.identity_policy,
            self.time_zone,
            self.columns,
            self.groups,
            self.segment_groups if self.plan.segments else (),
            self.quantiles,
            self.coupons,
            as_of_day,
            live,
            self.entry,
            self.plan.segments,
            self.plan.bands,
        )

    def group(self, maturity: Window) -> ColumnGroup:
        """The columns of units that wait so long."""
        return next(group for group in self.groups if group.maturity == maturity)

    @property
    def segment_metrics(self) -> tuple[Summed, ...]:
        """The primary and secondary metrics that sums tell; conversion where there is none."""
        summed = tuple(
            in_role.metric
            for in_role in self.analysis.metrics
            if in_role.role != "guardrail" and not isinstance(in_role.metric, Quantile)
        )
        return summed or (Rate(HEADLINE_METRICS[0], self.column(OrderMeasure.BUYERS)),)

    @property
    def segment_groups(self) -> tuple[ColumnGroup, ...]:
        """What is added up by segment, one group for each window."""
        return _merged(
            ColumnGroup(self.maturity[metric.name], question.columns, question.products)
            for metric in self.segment_metrics
            for question in [Analysis(primary=(metric,))]
        )

    def column(self, measure: OrderMeasure) -> str:
        """The name of a measure's plain column in the plan's window."""
        return _plain_column(self.columns, measure, self.window)

    def count(self, measure: OrderMeasure, window: Window, summary: Summary) -> int:
        """Buyers or orders within a window of some metric of the stopping rule."""
        return int(summary.sum(_plain_column(self.columns, measure, window)))


def analysis_plan_of(campaign: Campaign, *, currency: str) -> AnalysisPlan:
    """The analysis plan of a campaign's epoch."""
    plan = campaign.plan
    assert plan is not None, "a campaign without a plan cannot start"
    columns = ColumnSet(plan.window_days, plan.covariate_days, plan.worths)
    metrics = {
        name: columns.add_metric(plan.metric(name))
        for name in (
            *(metric.metric for metric in (*plan.primary, *plan.secondary, *plan.guardrails)),
            *HEADLINE_METRICS,
        )
    }
    analysis = Analysis(
        primary=tuple(_tested(metrics[metric.metric]) for metric in plan.primary),
        secondary=tuple(_tested(metrics[metric.metric]) for metric in plan.secondary),
        guardrails=tuple(
            Guardrail(
                _tested(metrics[guardrail.metric]), guardrail.margin, guardrail.absolute_margin
            )
            for guardrail in plan.guardrails
        ),
        control=campaign.control.id,
        confidence=1 - plan.alpha,
    )
    descriptive = _descriptive(metrics, analysis)
    in_roles = [*analysis.metrics, *(descriptive.metrics if descriptive else ())]
    maturity = {in_role.metric.name: _maturity(in_role.metric, columns) for in_role in in_roles}
    groups = [_group_of((r.metric,), maturity[r.metric.name]) for r in in_roles]
    funnels = {
        name: metric.steps for name, metric in metrics.items() if isinstance(metric, FunnelColumns)
    }
    groups += [
        ColumnGroup(maturity[name], tuple(step.column for step in steps))
        for name, steps in funnels.items()
    ]
    worths = {
        name: worth
        for name in metrics
        if (worth := columns.worth_columns(plan.metric(name))) is not None
    }
    groups += [ColumnGroup(maturity[name], worth.columns) for name, worth in worths.items()]
    judged = [maturity[metric.metric] for metric in (*plan.primary, *plan.guardrails)]
    counted = longest(maturity[metric.metric] for metric in plan.primary)
    groups += _count_groups(columns, dict.fromkeys((*judged, counted, ALARM_WINDOW)))
    arms = (campaign.control, *campaign.treatments)
    return AnalysisPlan(
        campaign=campaign.id,
        epoch=campaign.lifecycle.epoch,
        time_zone=campaign.time_zone,
        arms=tuple(arm.id for arm in arms),
        plan=plan,
        analysis=analysis,
        descriptive=descriptive,
        sequential=stopping_plan(
            campaign, plan, analysis, window_days=counted or 0, currency=currency
        ),
        columns=tuple(columns.columns.values()),
        groups=_merged(groups),
        quantiles=tuple(columns.quantiles),
        maturity=maturity,
        coupons=_coupons(campaign),
        capped=frozenset(
            name for name in metrics if isinstance(plan.metric(name).cap, CapAtAmount)
        ),
        funnels=funnels,
        worths=worths,
        seen_columns={
            name: _seen_columns(metric, plan.metric(name).measures[0])
            for name, metric in metrics.items()
        },
    )


def _seen_columns(metric: MetricColumns, first: Measure) -> tuple[str, ...]:
    """What tells whether the first measure of a metric was ever there."""
    if isinstance(metric, Ratio) and isinstance(first, LineMeasure):
        return (metric.numerator,)
    match metric:
        case FunnelColumns(_, steps):
            return (steps[0].column,)
        case Rate(column=column, of=None) | Mean(column=column):
            return (column,)
        case Ratio(denominator=column) | Rate(of=str(column)):
            # Scores may add up to 0; their number does not.
            return (column,)
    return ()


def _tested(metric: MetricColumns) -> Metric:
    """What is tested: of a funnel, the share of units that came through."""
    return metric.completion if isinstance(metric, FunnelColumns) else metric


def _descriptive(metrics: Mapping[str, MetricColumns], analysis: Analysis) -> Analysis | None:
    """The headline metrics that the plan does not name."""
    in_plan = {in_role.metric.name for in_role in analysis.metrics}
    descriptive = tuple(_tested(metric) for name, metric in metrics.items() if name not in in_plan)
    if not descriptive:
        return None
    return Analysis(primary=descriptive, control=analysis.control, confidence=analysis.confidence)


def _maturity(metric: Metric, columns: ColumnSet) -> Window:
    if isinstance(metric, Quantile):
        return next(
            columns.maturity([q.column]) for q in columns.quantiles if q.metric == metric.name
        )
    return columns.maturity(metric.columns)


def _group_of(metrics: tuple[Metric, ...], maturity: Window) -> ColumnGroup:
    """What the reports of these metrics need."""
    question = Analysis(primary=metrics)
    return ColumnGroup(maturity, question.columns, question.products, question.thirds)


def _count_groups(columns: ColumnSet, windows: Collection[Window]) -> list[ColumnGroup]:
    """Totals in the plan's window, and buyers and orders in the others."""
    counts = (OrderMeasure.BUYERS, OrderMeasure.ORDERS)
    groups = []
    for measures, window in ((TOTALS, columns.window), *((counts, window) for window in windows)):
        columns.add_measures(measures, window)
        names = [_plain_column(columns.columns.values(), m, window) for m in measures]
        # What takes revenue per visitor apart needs its factors with each other.
        factors = names[:3]
        pairs = tuple((a, b) for i, a in enumerate(factors) for b in factors[i:])
        groups.append(ColumnGroup(window, tuple(names), pairs))
    return groups


def _merged(groups: Iterable[ColumnGroup]) -> tuple[ColumnGroup, ...]:
    """One group for each window."""
    by_window: dict[Window, ColumnGroup] = {}
    for group in groups:
        before = by_window.get(group.maturity, ColumnGroup(group.maturity, ()))
        pairs = {frozenset(pair): pair for pair in (*group.products, *before.products)}
        by_window[group.maturity] = ColumnGroup(
            group.maturity,
            tuple(dict.fromkeys((*before.columns, *group.columns))),
            tuple(pairs.values()),
            tuple(dict.fromkeys((*before.thirds, *group.thirds))),
        )
    return tuple(by_window.values())


def _plain_column(columns: Iterable[UnitColumn], measure: OrderMeasure, window: Window) -> str:
    return next(
        column.name
        for column in columns
        if (column.measure, column.window) == (measure, window)
        and not (column.is_indicator or column.before_days or column.cap)
    )


def _coupons(campaign: Campaign) -> tuple[tuple[str, str], ...]:
    """The variants whose payload names a coupon, each with its code."""
    codes = ((variant.id, coupon_of(variant)) for variant in campaign.variants)
    return tuple((variant, code) for variant, code in codes if code)

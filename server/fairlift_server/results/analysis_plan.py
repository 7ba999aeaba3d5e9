"""A campaign's plan as what the ledger is asked and what the mathematics needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fairlift.engine import plan as planned
from fairlift.engine.campaign import Campaign
from fairlift.engine.metric import CapAtAmount, OrderMeasure
from fairlift.engine.plan import Plan
from fairlift_stats.data.metrics import Funnel, Metric, Quantile, Rate, Summed
from fairlift_stats.data.summary import Pair
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.question import Guardrail
from fairlift_stats.sequential.plan import SequentialPlan

from fairlift_server.analysis.columns import Columns, Measured, UnitColumn, UnitQuantile
from fairlift_server.analysis.question import Question
from fairlift_server.results.stopping_rule import stopping_plan

# Always shown, whatever the plan is about.
HEADLINE = ("conversion_rate", "average_ticket", "revenue_per_visitor")
TOTALS = (
    OrderMeasure.BUYERS,
    OrderMeasure.ORDERS,
    OrderMeasure.REVENUE,
    OrderMeasure.NET_REVENUE,
    OrderMeasure.REFUNDED_ORDERS,
)
_COUPON_KEYS = ("coupon", "coupon_code")


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that a look at one epoch of a campaign needs; travels between processes.

    Attributes:
        arms: variants, the control first.
        plan: as it was sealed.
        analysis: the plan's metrics; `described`: metrics shown beside them, judged by nobody.
        sequential: the rule of stopping.
        capped: names of metrics whose cap was fixed before the start.
        quantiles: what the ledger is asked beside sums.
    """

    campaign: str
    epoch: int
    arms: tuple[str, ...]
    plan: Plan
    analysis: Analysis
    described: Analysis | None
    sequential: SequentialPlan
    columns: tuple[UnitColumn, ...]
    products: tuple[Pair, ...]
    coupons: Mapping[str, str]
    capped: frozenset[str]
    quantiles: tuple[UnitQuantile, ...]

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0]

    def question(self, *, first_units: int | None = None) -> Question:
        """What the ledger is asked for all metrics."""
        return Question(
            self.campaign,
            self.epoch,
            self.plan.identity_policy,
            self.columns,
            self.products,
            self.analysis.thirds,
            self.coupons,
            first_units=first_units,
            quantiles=self.quantiles,
        )

    def cut(self, segment: str, *, first_units: int | None = None) -> Question:
        """What it is asked for the metric that is cut by segment."""
        metric = self.cut_metric
        needed = Analysis(primary=(metric,))
        columns = tuple(column for column in self.columns if column.name in needed.columns)
        return Question(
            self.campaign,
            self.epoch,
            self.plan.identity_policy,
            columns,
            needed.products,
            coupons=self.coupons,
            segment=segment,
            first_units=first_units,
        )

    @property
    def cut_metric(self) -> Summed:
        """The first metric that sums tell, primary ones first; conversion where none does."""
        summed = (
            each.metric for each in self.analysis.metrics if not isinstance(each.metric, Quantile)
        )
        return next(summed, Rate(HEADLINE[0], self.column(OrderMeasure.BUYERS)))

    def column(self, measure: OrderMeasure) -> str:
        """The name of a measure's plain column in the plan's window."""
        window = self.plan.window_days
        return next(
            c.name
            for c in self.columns
            if c.measure is measure and c.window_days == window and _is_plain(c)
        )


def study(campaign: Campaign, *, currency: str) -> Study:
    """The study of a campaign's epoch."""
    plan = campaign.plan
    assert plan is not None, "a campaign without a plan cannot start"
    columns = Columns(plan.window_days, plan.covariate_days)
    measured = {
        name: columns.measured(plan.metric(name))
        for name in (
            *(each.metric for each in (*plan.primary, *plan.secondary, *plan.guardrails)),
            *HEADLINE,
        )
    }
    columns.add(TOTALS)
    analysis = Analysis(
        primary=tuple(_deciding(measured, plan.primary)),
        secondary=tuple(measured[each.metric] for each in plan.secondary),
        guardrails=tuple(
            Guardrail(metric, each.margin)
            for each in plan.guardrails
            if each.margin is not None
            for metric in _deciding(measured, (each,))
        ),
        control=campaign.control.id,
        confidence=1 - plan.alpha,
    )
    described = _described(plan, measured, analysis)
    arms = (campaign.control, *campaign.treatments)
    return Study(
        campaign=campaign.id,
        epoch=campaign.lifecycle.epoch,
        arms=tuple(arm.id for arm in arms),
        plan=plan,
        analysis=analysis,
        described=described,
        sequential=stopping_plan(campaign, plan, analysis, currency=currency),
        columns=tuple(columns.found.values()),
        products=_products(analysis, described, columns),
        coupons=_coupons(campaign),
        capped=frozenset(
            name for name in measured if isinstance(plan.metric(name).cap, CapAtAmount)
        ),
        quantiles=tuple(columns.quantiles),
    )


def _deciding(
    measured: Mapping[str, Measured], chosen: Iterable[planned.PlannedMetric]
) -> Iterable[Metric]:
    """What is tested: of a funnel its last step."""
    for each in chosen:
        metric = measured[each.metric]
        if isinstance(metric, Funnel):
            yield Rate(metric.name, metric.steps[-1], direction=metric.direction)
        else:
            yield metric


def _described(plan: Plan, measured: Mapping[str, Measured], analysis: Analysis) -> Analysis | None:
    """The headline metrics that the plan does not name, and the funnels that it decides by."""
    asked = {metric.metric.name for metric in analysis.metrics}
    tested = {each.metric for each in (*plan.primary, *plan.guardrails)}
    shown = tuple(
        metric
        for name, metric in measured.items()
        if (name in HEADLINE and name not in asked)
        or (isinstance(metric, Funnel) and name in tested)
    )
    if not shown:
        return None
    return Analysis(primary=shown, control=analysis.control, confidence=analysis.confidence)


def _products(analysis: Analysis, described: Analysis | None, columns: Columns) -> tuple[Pair, ...]:
    window = columns.window_days
    parts = [
        column.name
        for measure in (OrderMeasure.BUYERS, OrderMeasure.ORDERS, OrderMeasure.REVENUE)
        for column in columns.found.values()
        if column.measure is measure and column.window_days == window and _is_plain(column)
    ]
    # What takes revenue per visitor apart needs them all with each other.
    pairs = [(a, b) for i, a in enumerate(parts) for b in parts[i:]]
    found: dict[frozenset[str], Pair] = {}
    for pair in (*analysis.products, *(described.products if described else ()), *pairs):
        found.setdefault(frozenset(pair), pair)
    return tuple(found.values())


def _is_plain(column: UnitColumn) -> bool:
    return not (column.is_indicator or column.before_days or column.cap)


def _coupons(campaign: Campaign) -> dict[str, str]:
    """By variant, the coupon that its payload names."""
    found = {}
    for variant in campaign.variants:
        for key in _COUPON_KEYS:
            code = variant.payload.get(key)
            if isinstance(code, str) and code:
                found[variant.id] = code
    return found

"""Simulated campaigns, judged from the first sum to the last sentence by the product's own code.

Daily sums become summaries, the report's comparisons, the evidence of a look, the look log and its
verdict, as the server does it. Nothing here computes a statistic.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Protocol

from fairlift_stats.data.metrics import Metric, Quantile, Rate
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.question import Guardrail, MetricInRole
from fairlift_stats.sequential.calendar import last_day
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.sequential.sealed_plan import fingerprint

# A Monday.
START: Final = date(2026, 11, 2)
CONVERSION: Final = Rate("conversion_rate", "buyers")


class History(Protocol):
    """What the ledger of one campaign says at the end of each day, by arm, the control first."""

    def counted(self, day: int) -> Sequence[Summary]:
        """Sums over the units that count on this day."""

    def quantiles(self, day: int) -> Sequence[Quantiles]:
        """Quantiles of the same units; empty where no metric is one."""

    def entered(self, day: int) -> Sequence[int]:
        """Units that entered by the end of this day."""

    def first_days(self, day: int) -> Sequence[tuple[int, int]]:
        """Buyers within a day, and the units that had a day."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a simulated campaign is judged: a sealed plan, and the report that feeds its looks.

    Attributes:
        plan: the stopping rule.
        analysis: the metrics, each on columns of the history.
        capped: names of metrics whose tickets are cut at an amount fixed before the start.
    """

    plan: SequentialPlan
    analysis: Analysis
    capped: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        *primary: Metric,
        treatments: int = 1,
        guardrails: tuple[Guardrail, ...] = (),
        capped: Collection[str] = (),
        **fields: object,
    ) -> "Setup":
        """A setup of these metrics; `fields` are those of `SequentialPlan`."""
        analysis = Analysis(primary=primary, guardrails=guardrails)
        names = ("coupon",) if treatments == 1 else tuple(f"arm_{i + 1}" for i in range(treatments))
        plan = SequentialPlan(
            ("control", *names),
            tuple(map(_in_plan, analysis.metrics)),
            **{"n_max": 28_000, "maximum_days": 28, **fields},  # type: ignore[arg-type]  # by name
        )
        return cls(plan, analysis, frozenset(capped))


def _in_plan(in_role: MetricInRole) -> SequentialMetric:
    metric = in_role.metric
    return SequentialMetric(
        metric.name,
        in_role.role,
        metric.direction,
        metric.unit,
        "converters"
        if isinstance(metric, Rate)
        else "orders"
        if _has_orders(metric)
        else "nothing",
        in_role.margin,
        in_role.absolute_margin,
    )


def _has_orders(metric: Metric) -> bool:
    """Metrics of money and of orders need orders; what is measured on everybody needs nothing."""
    return isinstance(metric, Quantile) or "buyers" in metric.columns or metric.unit == "money"


def look_log(setup: Setup, history: History) -> LookLog:
    """A look at the end of every day until the campaign closes."""
    plan = setup.plan
    end = last_day(plan)
    assert end is not None, "a simulated campaign has an end"
    looks: list[Look] = []
    for day in range(1, end + 1):
        look = _look(setup, history, day)
        looks.append(replace(look, closing=look.occasion(plan).closing))
        if looks[-1].closing is not None:
            break
    return LookLog(fingerprint(plan), tuple(looks))


def _look(setup: Setup, history: History, day: int) -> Look:
    summaries = dict(zip(setup.plan.arms, history.counted(day), strict=True))
    counts = tuple(
        ArmCount(
            arm,
            summary.n,
            converters=_total(summary, "buyers"),
            orders=_total(summary, "orders", "buyers"),
            entered=entered,
            alarm_units=units,
            alarm_converters=buyers,
        )
        for (arm, summary), entered, (buyers, units) in zip(
            summaries.items(), history.entered(day), history.first_days(day), strict=True
        )
    )
    at = (START + timedelta(days=day - 1)).isoformat()
    if min(summary.n for summary in summaries.values()) < 2:
        return Look(at, day, counts)
    quantiles = dict(zip(setup.plan.arms, history.quantiles(day), strict=True))
    return Look(at, day, counts, tuple(_evidence(setup, summaries, quantiles)))


def _evidence(
    setup: Setup, summaries: Mapping[str, Summary], quantiles: Mapping[str, Quantiles]
) -> Iterable[Evidence]:
    metrics = {in_role.metric.name: in_role.metric for in_role in setup.analysis.metrics}
    control = summaries[setup.plan.control]
    for result in setup.analysis.report(summaries, quantiles).results:
        evidence = evidence_of(
            result,
            metrics[result.metric],
            control,
            summaries[result.variant],
            events=_events(setup, result.metric, control, summaries[result.variant]),
            capped=result.metric in setup.capped,
        )
        if evidence is not None:
            yield evidence


def _events(
    setup: Setup, metric: str, control: Summary, treatment: Summary
) -> tuple[int, int] | None:
    needs = setup.plan.metric(metric).needs
    if needs == "nothing":
        return None
    columns = ("buyers",) if needs == "converters" else ("orders", "buyers")
    return _total(control, *columns), _total(treatment, *columns)


def _total(summary: Summary, *columns: str) -> int:
    """The sum of the first of these columns that the summary has; 0 where it has none."""
    return next((int(summary.sum(c)) for c in columns if c in summary.columns), 0)

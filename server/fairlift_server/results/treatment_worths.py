"""What each treatment is worth in money a week, from the figures that a report has already."""

from collections.abc import Sequence

from fairlift.engine.metric import Direction, MeanMetric, OrderMeasure
from fairlift_stats.report.result import Result
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.weekly_worth import WeeklyWorth, weekly_worth

from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.look_report import LookReport

# The most complete first: profit is net of goods and shipping, net revenue of refunds, and all of
# them of discounts.
_MEASURES = (OrderMeasure.PROFIT, OrderMeasure.NET_REVENUE, OrderMeasure.REVENUE)


def treatment_worths(
    plan: AnalysisPlan,
    days: CampaignDays,
    looks: Sequence[FrozenLook],
    verdict: Verdict,
    report: LookReport,
) -> tuple[WeeklyWorth, ...]:
    """One for each treatment; none where the report has no metric of money per unit."""
    return tuple(
        weekly_worth(
            plan.sequential,
            [record.look for record in looks],
            verdict,
            result,
            share=plan.traffic_share or 1.0,
            stopped=days.stop_date,
        )
        for result in _results(plan, report)
    )


def _results(plan: AnalysisPlan, report: LookReport) -> list[Result]:
    """Of the most complete metric of money per unit; of several such, the first of the plan."""
    parts = [part for part in (report.tested, report.descriptive) if part is not None]
    results = [result for part in parts for result in part.results]
    ranks = {
        name: rank
        for name in {result.metric for result in results}
        if (rank := _rank(plan, name)) is not None
    }
    if not ranks:
        return []
    chosen = min((r.metric for r in results if r.metric in ranks), key=ranks.__getitem__)
    return [result for result in results if result.metric == chosen]


def _rank(plan: AnalysisPlan, name: str) -> int | None:
    metric = plan.plan.metric(name)
    kind = metric.kind
    if not isinstance(kind, MeanMetric) or kind.of not in _MEASURES:
        return None
    return _MEASURES.index(kind.of) if metric.direction is Direction.HIGHER else None

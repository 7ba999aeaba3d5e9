"""Windows that outlast the plan: the campaign then decides long after its last visitor came."""

from collections.abc import Iterator

from fairlift.engine.metric import ReturnMeasure
from fairlift.engine.plan import Plan, PlannedMetric

from fairlift_cli.checks.judgement import Judgement

_JUDGED = ("primary", "guardrails")


def window_judgements(plan: Plan) -> Iterator[Judgement]:
    """Windows of judged metrics that are as long as the entry, each where it is written.

    A window that the plan gives to several metrics is told once.
    """
    by_plan: list[str] = []
    for role in _JUDGED:
        for index, planned in enumerate(getattr(plan, role)):
            days = _days_of_metric(plan, planned)
            if days is None:
                if planned.metric not in by_plan:
                    by_plan.append(planned.metric)
            elif days >= plan.maximum_days:
                field = _place(plan, planned, f"{role}[{index}]")
                value = planned.metric if field.endswith(".metric") else days
                yield Judgement("FL512", field, f"is {value}: {_outlasts(plan, days)}")
    days = plan.window_days
    if by_plan and days is not None and days >= plan.maximum_days:
        message = f"is {days}, for {', '.join(by_plan)}: {_outlasts(plan, days)}"
        yield Judgement("FL512", "window_days", message)


def _days_of_metric(plan: Plan, planned: PlannedMetric) -> int | None:
    """Days until a unit counts, as the metric says it; None for those of the plan."""
    metric = plan.metric(planned.metric)
    returns = [m.to_day for m in metric.measures if isinstance(m, ReturnMeasure)]
    return max(returns) if returns else metric.window_days


def _place(plan: Plan, planned: PlannedMetric, item: str) -> str:
    """The field that says the window; a name such as clv_90 says it, too."""
    if planned.window_days is not None:
        return f"{item}.window_days"
    for index, metric in enumerate(plan.metrics):
        if metric.name == planned.metric and metric.window_days is not None:
            return f"metrics[{index}].window_days"
    return f"{item}.metric"


def _outlasts(plan: Plan, days: int) -> str:
    return (
        f"a visitor counts after {days} days, and visitors enter for at most {plan.maximum_days}; "
        f"the campaign ends up to {days} days after that, on day {days + plan.maximum_days}, and "
        f"nothing is decided before day {days + plan.minimum_days}"
    )

"""Whether results depend on the identity policy: the first metric under each of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from fairlift.engine.identity import IdentityPolicy
from fairlift_stats.data.metrics import Quantile, Summed
from fairlift_stats.effects import CannotSay
from fairlift_stats.report.analysis import Analysis

from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerAnswer, LedgerQuery
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.due_looks import last_entry
from fairlift_server.results.frozen_look import FrozenLook


@dataclass(frozen=True, slots=True)
class PolicyCount:
    """How many units there are under an identity policy, and how many it leaves out as mixed.

    Attributes:
        metric: the first primary metric that sums tell; empty where there is none, or no look.
        lifts: of it by treatment, of the units that the newest look counts; those that cannot be
            said are left out.
    """

    policy: IdentityPolicy
    units: int
    left_out: int
    metric: str = ""
    lifts: Mapping[str, float] = field(default_factory=dict)


def policy_queries(plan: AnalysisPlan) -> list[LedgerQuery]:
    """What is asked of all units under every policy."""
    metric = _metric(plan)
    # Without a metric that sums tell, units are counted all the same.
    group = plan.groups[0] if metric is None else _group(plan, metric)
    query = replace(
        plan.query(as_of_day=None),
        columns=tuple(column for column in plan.columns if column.name in group.columns),
        groups=(group,),
        segment_groups=(),
        quantiles=(),
    )
    return [replace(query, identity_policy=policy) for policy in IdentityPolicy]


def policy_counts(
    plan: AnalysisPlan,
    answers: Collection[LedgerAnswer],
    days: CampaignDays,
    looks: Sequence[FrozenLook],
) -> tuple[PolicyCount, ...]:
    """The answers to `policy_queries`, with lifts as of the newest look."""
    metric = _metric(plan) if looks else None
    counts = []
    for answer in answers:
        sample = answer.sample(None)
        count = PolicyCount(
            answer.query.identity_policy,
            sum(sample.entered.get(arm, 0) for arm in plan.arms),
            sum(sample.contaminated.values()),
        )
        if metric is not None:
            lifts = _lifts(plan, metric, answer, days, looks[-1].look.day)
            count = replace(count, metric=metric.name, lifts=lifts)
        counts.append(count)
    return tuple(counts)


def _metric(plan: AnalysisPlan) -> Summed | None:
    metrics = (in_role.metric for in_role in plan.analysis.metrics if in_role.role == "primary")
    return next((metric for metric in metrics if not isinstance(metric, Quantile)), None)


def _group(plan: AnalysisPlan, metric: Summed) -> ColumnGroup:
    question = Analysis(primary=(metric,))
    return ColumnGroup(
        plan.maturity[metric.name], question.columns, question.products, question.thirds
    )


def _lifts(
    plan: AnalysisPlan, metric: Summed, answer: LedgerAnswer, days: CampaignDays, look_day: int
) -> dict[str, float]:
    """By treatment. What an action is worth changes no lift, so that it is not asked for."""
    calendar_days = list(islice(days.calendar_days(), look_day))
    window = plan.maturity[metric.name]
    sample = answer.sample(calendar_days[-1], {window: last_entry(calendar_days, window)})
    arms = {arm: sample.summaries[window].get(arm) for arm in plan.arms}
    analysis = Analysis(
        primary=(metric,), control=plan.control, confidence=plan.analysis.confidence
    )
    group = answer.query.groups[0]
    report = analysis.report({arm: each or group.empty() for arm, each in arms.items()})
    return {
        result.variant: result.lift.value
        for result in report.results
        if not isinstance(result.lift, CannotSay)
    }

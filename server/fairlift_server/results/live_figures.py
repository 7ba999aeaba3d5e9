"""What the ledger says now, mature or not: shown as provisional, judged by nobody."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from fairlift.engine.metric import ActionMeasure, LineMeasure, Measure
from fairlift_stats.messages import Listed, Message, Verbatim
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.combined import combined_report

from fairlift_server.analysis.columns import Window
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.ledger_facts import ChannelCount
from fairlift_server.analysis.ledger_query import CouponCount, LedgerAnswer, LedgerSample
from fairlift_server.results.action_worth import with_worth, without_unknown_worth
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import Summaries
from fairlift_server.results.look_report import attempt

_MOST_NAMES = 3
# By variant and metric.
Estimates: TypeAlias = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class DayCount:
    """What one calendar day brought to one variant; orders by their own day."""

    date: date
    variant: str
    entered: int
    orders: int
    revenue_micros: int


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Counts and estimates as of now, of all units that met one variant only.

    Attributes:
        totals: sums by variant, in the plan's window.
        mature: by variant, units whose windows of the primary metrics are over.
        immature: by variant and metric, units whose window of that metric is open.
        estimates: by variant and metric, of mature and immature units together.
        days: by day and variant, every day from the first to the last with events.
        coupons: by variant and coupon.
        channels: what they cost and brought.
        unseen: by metric, that nothing of what it begins with was ever there.
    """

    totals: Summaries
    mature: Mapping[str, int]
    immature: Mapping[tuple[str, str], int]
    estimates: Estimates
    days: tuple[DayCount, ...]
    coupons: tuple[CouponCount, ...]
    channels: tuple[ChannelCount, ...] = ()
    unseen: Mapping[str, Message] = field(default_factory=dict)


def live_figures(plan: AnalysisPlan, answer: LedgerAnswer) -> LiveFigures:
    """The figures of an answer that takes everything, with its question of now."""
    sample = answer.sample(None)
    summaries = with_every_arm(plan, sample)
    mature = {window: answer.mature(window) for window in summaries}
    return LiveFigures(
        totals=summaries[plan.window],
        mature={arm: mature[plan.counted].get(arm, 0) for arm in plan.arms},
        immature={
            (arm, metric): sample.entered.get(arm, 0) - mature[window].get(arm, 0)
            for metric, window in plan.maturity.items()
            for arm in plan.arms
        },
        estimates=_estimates(plan, sample, summaries),
        days=tuple(_days(plan, answer)),
        coupons=tuple(count for count in answer.coupons if count.variant in plan.arms),
        channels=answer.facts.channels,
        unseen=_unseen(plan, summaries),
    )


def _unseen(plan: AnalysisPlan, summaries: Mapping[Window, Summaries]) -> dict[str, Message]:
    """By metric, that its action, or an order of its lines, is in no variant."""
    unseen: dict[str, Message] = {}
    for name, window in plan.maturity.items():
        for measure in plan.plan.metric(name).measures[:1]:
            message = _not_seen(measure)
            columns = plan.seen_columns.get(name, ())
            arms = [arm for arm in summaries[window].values() if arm.n]
            if message is None or not (arms and columns):
                continue
            if not any(arm.sum(column) for arm in arms for column in columns):
                unseen[name] = message
    return unseen


def _not_seen(measure: Measure) -> Message | None:
    """That nothing of a measure was seen; None where that is no sign of a name that is wrong."""
    match measure:
        case ActionMeasure(name):
            return Message.of("metric.unseen_action", action=Verbatim(name))
        case LineMeasure(categories=categories, products=products) if categories or products:
            names = Listed(tuple(map(Verbatim, (*categories, *products)[:_MOST_NAMES])), "or")
            return Message.of("metric.unseen_lines", names=names)
    return None


def with_every_arm(plan: AnalysisPlan, sample: LedgerSample) -> dict[Window, Summaries]:
    """The summaries with every arm in order, those without units too."""
    return {
        window: {arm: by_variant.get(arm, plan.group(window).empty()) for arm in plan.arms}
        for window, by_variant in sample.summaries.items()
    }


def _estimates(
    plan: AnalysisPlan, sample: LedgerSample, summaries: Mapping[Window, Summaries]
) -> Estimates:
    """Of every metric that can be computed: one that fails is named by its row of the look."""
    figures: dict[tuple[str, str], float] = {}
    for analysis in (plan.analysis, plan.descriptive):
        if analysis is None:
            continue
        names = without_unknown_worth(
            plan, (in_role.metric.name for in_role in analysis.metrics), summaries
        )
        if not names:
            continue
        arguments = (plan, analysis, sample, summaries)
        of_all = attempt("provisional figures", {}, _estimated, *arguments, names)
        for part in [of_all] if of_all is not None else _one_by_one(arguments, names):
            figures |= part
    return figures


_Arguments: TypeAlias = tuple[AnalysisPlan, Analysis, LedgerSample, Mapping[Window, Summaries]]


def _one_by_one(arguments: _Arguments, names: Sequence[str]) -> Iterator[Estimates]:
    for name in names:
        estimates = attempt(f"provisional {name}", {}, _estimated, *arguments, [name])
        if estimates is not None:
            yield estimates


def _estimated(
    plan: AnalysisPlan,
    analysis: Analysis,
    sample: LedgerSample,
    summaries: Mapping[Window, Summaries],
    names: Collection[str],
) -> Estimates:
    quantiles = {arm: sample.quantiles.get(arm, {}) for arm in plan.arms}
    by_metric = {name: with_worth(plan, name, summaries[plan.maturity[name]]) for name in names}
    report = combined_report(analysis.only(names), by_metric, quantiles)
    return {
        (arm.variant, result.metric): arm.estimate
        for result in report.results
        for arm in (result.control, result.treatment)
        if arm.estimate is not None
    }


def _days(plan: AnalysisPlan, answer: LedgerAnswer) -> Iterator[DayCount]:
    entered: dict[tuple[int, str], int] = {}
    for entry in answer.entries:
        if entry.mixed_day is None:
            key = entry.entry_day, entry.variant
            entered[key] = entered.get(key, 0) + entry.units
    orders = {(count.day, count.variant): count for count in answer.orders}
    days = [day for day, _ in (*entered, *orders)]
    calendar = DayCalendar(plan.time_zone)
    for day in range(min(days), max(days) + 1) if days else ():
        for arm in plan.arms:
            count = orders.get((day, arm))
            yield DayCount(
                calendar.date_of(day),
                arm,
                entered.get((day, arm), 0),
                0 if count is None else count.orders,
                0 if count is None else count.revenue_micros,
            )

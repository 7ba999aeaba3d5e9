"""Signs that something is wrong with the data: none of them blocks a verdict by itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice, takewhile
from typing import TypeVar

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.data.metrics import Mean
from fairlift_stats.methods.imbalance import ImbalanceCause, imbalance_causes
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.combined import combined_report

from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.ledger_facts import NO_ORDERS, NO_TWINS, SeenOrders, TwinOrders
from fairlift_server.analysis.ledger_query import EntryCount, LateCounts, LedgerAnswer
from fairlift_server.analysis.segment_labels import label_of
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.frozen_look import Summaries
from fairlift_server.results.outsized import (
    LargeValue,
    OneSidedChannel,
    large_values,
    one_sided_channel,
    outsized,
)
from fairlift_server.results.policy_counts import PolicyCount

T = TypeVar("T")

# With fewer units a day, a day without any may be chance.
_UNITS_A_DAY = 10
# With fewer buyers every order is large.
_FEWEST_BUYERS = 20
_NOTHING_LATE = LateCounts()


@dataclass(frozen=True, slots=True)
class EarlierDifference:
    """A metric in which a treatment differed from the control before anybody saw a variant."""

    metric: str
    variant: str
    p_value: float


@dataclass(frozen=True, slots=True)
class QualitySigns:
    """What the ledger tells of its own soundness.

    Attributes:
        causes: where an imbalance of the split lies, what explains most of it first.
        missing_days: days of the campaign without an exposure, between days that have many.
        late: what came in after the newest look and belongs to its days.
        orders: that the totals count.
        busy_units: by variant, units with more exposures or orders than a person has.
        twins: orders that were perhaps sent twice.
        large_orders: by variant, what units spent that each move its mean by more than its standard
            error; in the shop's currency, the largest first.
        large_values: likewise, values of actions.
        one_sided: the channel that has most orders too many in one variant; None: there is none.
        seen: how many orders are of units that the campaign has seen.
        earlier: the clearest difference before the first exposure; None where nothing was compared.
        policies: units under each identity policy; empty where few are mixed.
    """

    causes: tuple[ImbalanceCause, ...] = ()
    missing_days: tuple[date, ...] = ()
    late: LateCounts = _NOTHING_LATE
    orders: int = 0
    busy_units: Mapping[str, int] = field(default_factory=dict)
    twins: TwinOrders = NO_TWINS
    large_orders: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    large_values: tuple[LargeValue, ...] = ()
    one_sided: OneSidedChannel | None = None
    seen: SeenOrders = NO_ORDERS
    earlier: EarlierDifference | None = None
    policies: tuple[PolicyCount, ...] = ()


NO_SIGNS = QualitySigns()


def quality_signs(
    plan: AnalysisPlan,
    answer: LedgerAnswer,
    days: CampaignDays,
    now_us: int,
    policies: Collection[PolicyCount] = (),
    *,
    is_closed: bool = False,
) -> QualitySigns:
    """The signs in an answer about everything.

    Args:
        plan: of the campaign.
        answer: with its question of now.
        days: of the campaign.
        now_us: the time.
        policies: units under all identity policies; empty where few are mixed.
        is_closed: the campaign has its last look; nobody is expected any more.
    """
    until_us = None if is_closed else now_us
    # A shop's own tables may name variants that the campaign does not have.
    summaries = {
        window: _of_arms(plan, by_variant)
        for window, by_variant in answer.sample(None).summaries.items()
    }
    totals = summaries[plan.window]
    orders = plan.column(OrderMeasure.ORDERS)
    return QualitySigns(
        causes=_causes(plan, answer),
        missing_days=tuple(_missing_days(plan, answer.entries, days, until_us)),
        late=answer.late,
        orders=int(sum(summary.sum(orders) for summary in totals.values())),
        busy_units=_of_arms(plan, answer.facts.busy_units),
        twins=answer.facts.twins,
        large_orders=dict(_large_orders(plan, answer, totals)),
        large_values=large_values(plan, answer.facts, summaries),
        one_sided=one_sided_channel(plan, answer.facts, totals),
        seen=answer.facts.seen,
        earlier=_earlier(plan, summaries),
        policies=tuple(policies),
    )


def _of_arms(plan: AnalysisPlan, by_variant: Mapping[str, T]) -> dict[str, T]:
    return {variant: value for variant, value in by_variant.items() if variant in plan.arms}


def _causes(plan: AnalysisPlan, answer: LedgerAnswer) -> tuple[ImbalanceCause, ...]:
    """By day and hour of the first exposure, and by segment."""
    counts: dict[str, dict[str, dict[str, int]]] = {
        name: {} for name in ("day", "hour", *plan.plan.segments)
    }

    def add(attribute: str, value: str, variant: str, units: int) -> None:
        split = counts[attribute].setdefault(value, {})
        split[variant] = split.get(variant, 0) + units

    calendar = DayCalendar(plan.time_zone)
    for entry in answer.entries:
        if entry.mixed_day is None:
            day = calendar.date_of(entry.entry_day).isoformat()
            add("day", day, entry.variant, entry.units)
    for (variant, hour), units in answer.facts.hours.items():
        add("hour", f"{hour}:00", variant, units)
    # Every group has all units.
    sums = answer.segment_sums(None, next(iter(plan.segment_groups)))
    for (text, variant), of_units in sums.items():
        for attribute in plan.plan.segments:
            label = label_of(text, attribute)
            if label is not None:
                add(attribute, label, variant, of_units.units)
    weights = dict(zip(plan.arms, plan.sequential.shares, strict=True))
    return imbalance_causes(counts, weights)


def _missing_days(
    plan: AnalysisPlan, entries: Iterable[EntryCount], days: CampaignDays, until_us: int | None
) -> Iterator[date]:
    """Whole campaign days on which nobody came, though many come on others."""
    units: dict[int, int] = {}
    for entry in entries:
        units[entry.entry_day] = units.get(entry.entry_day, 0) + entry.units
    if not units:
        return
    calendar = DayCalendar(plan.time_zone)
    until = max(units)
    if until_us is not None and days.stop_us is None:
        until = calendar.day_of(until_us)
    planned = islice(days.calendar_days(), plan.plan.maximum_days)
    over = list(takewhile(lambda day: day < until, planned))
    if not over or sum(units.values()) / max(len(units), 1) < _UNITS_A_DAY:
        return
    for day in over:
        if day not in units and day > min(units):
            yield calendar.date_of(day)


def _large_orders(
    plan: AnalysisPlan, answer: LedgerAnswer, totals: Summaries
) -> Iterator[tuple[str, tuple[float, ...]]]:
    revenue, buyers = plan.column(OrderMeasure.REVENUE), plan.column(OrderMeasure.BUYERS)
    for variant, summary in totals.items():
        number = int(summary.sum(buyers))
        spent = [micros / 1_000_000 for micros in answer.facts.largest_buyers.get(variant, ())]
        if number >= _FEWEST_BUYERS and (large := outsized(summary, revenue, spent, number)):
            yield variant, large


def _earlier(
    plan: AnalysisPlan, summaries: Mapping[int | None, Summaries]
) -> EarlierDifference | None:
    """The smallest p-value of the covariates, corrected for their number; an A/A test."""
    differences: list[EarlierDifference] = []
    for in_role in plan.analysis.metrics:
        metric = in_role.metric
        arms = summaries[plan.maturity[metric.name]]
        columns = [name for each in metric.covariates for name in _names(each)]
        if not columns or any(arm not in arms or arms[arm].n < 2 for arm in plan.arms):
            continue
        means = tuple(Mean(name, name, unit="count") for name in dict.fromkeys(columns))
        analysis = Analysis(primary=means, control=plan.control)
        report = combined_report(analysis, {mean.name: arms for mean in means}, {})
        # Where nobody had done anything before, nothing differs.
        differences += (
            EarlierDifference(metric.name, result.variant, 1.0 if p is None else p)
            for result in report.results
            for p in [result.p_value]
        )
    if not differences:
        return None
    least = min(differences, key=lambda each: each.p_value)
    return EarlierDifference(
        least.metric, least.variant, min(1.0, least.p_value * len(differences))
    )


def _names(covariate: str | tuple[str, str | None]) -> tuple[str, ...]:
    names = (covariate,) if isinstance(covariate, str) else covariate
    return tuple(name for name in names if name is not None)

"""Looks that are due: from what the ledger answers to what a look keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.data.summary import Summary
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.verdict import decide

from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.ledger_query import LedgerAnswer
from fairlift_server.events.intake import Intake
from fairlift_server.results.action_worth import with_worth
from fairlift_server.results.analysis_plan import ALARM_WINDOW, AnalysisPlan
from fairlift_server.results.campaign_days import (
    Arrivals,
    CampaignDays,
    entry_stopped_us,
    is_over,
)
from fairlift_server.results.frozen_look import Cuts, FrozenLook, log_of
from fairlift_server.results.live_figures import with_every_arm
from fairlift_server.results.look_report import attempt, metrics_report
from fairlift_server.results.query_steps import QuerySteps
from fairlift_server.results.segment_cuts import summaries_by_label

# Days of the past that one query each is asked for at a time.
DAYS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class LookMoment:
    """When a campaign is looked at: on which of its days, at what time, after which intake."""

    days: CampaignDays
    now_us: int
    intake: Intake


def due_looks(
    plan: AnalysisPlan, moment: LookMoment, live: LedgerAnswer, looks: tuple[FrozenLook, ...]
) -> QuerySteps[list[FrozenLook]]:
    """The looks of all days that are over and have none, in order, until one is the last."""
    log, days = log_of(plan.sequential, looks), moment.days
    arrivals = _arrivals(live, moment)
    over = list(takewhile(lambda day: is_over(days, arrivals, day), days.calendar_days()))
    made = looks[-1].look.day if looks else 0
    answers: dict[int, LedgerAnswer] = {}
    records: list[FrozenLook] = []
    for day in range(made + 1, len(over) + 1):
        if log.is_closed:
            break
        calendar_days, calendar_day = over[:day], over[day - 1]
        answer = live
        if not live.holds_for(days.end_us(calendar_day)):
            if calendar_day not in answers:
                ahead = [d for d in over[day - 1 :] if not live.holds_for(days.end_us(d))]
                queries = [plan.query(as_of_day=d) for d in ahead[:DAYS_AT_ONCE]]
                answers = dict(zip(ahead, (yield queries), strict=False))
            answer = answers[calendar_day]
        is_stopped = _is_last(plan, days, arrivals, calendar_days)
        record = _record(plan, answer, days, calendar_days, is_stopped=is_stopped)
        log = log.add(plan.sequential, record.look)
        verdict = attempt("verdict", {}, decide, plan.sequential, log)
        records.append(
            replace(record, look=log.looks[-1], verdict="" if verdict is None else verdict.kind)
        )
    return records


def _arrivals(live: LedgerAnswer, moment: LookMoment) -> Arrivals:
    entries = live.entries
    return Arrivals(
        moment.now_us,
        max((entry.last_us for entry in entries), default=None),
        max((entry.received_us for entry in entries), default=None),
        max((entry.last_entry_us for entry in entries), default=None),
        moment.intake,
    )


def _is_last(
    plan: AnalysisPlan, days: CampaignDays, arrivals: Arrivals, calendar_days: Sequence[int]
) -> bool:
    """Whether entry was stopped by hand, and the look of the last of these days counts everybody.

    All who had entered must be mature, and their days of entry among those that the look counts:
    the days of a pause make no campaign day, though windows go on during it.
    """
    stopped_us = entry_stopped_us(days, arrivals)
    if stopped_us is None:
        return False
    is_mature = stopped_us + maturity_us(plan.counted) < days.end_us(calendar_days[-1])
    return is_mature and stopped_us < days.end_us(last_entry(calendar_days, plan.counted))


def _record(
    plan: AnalysisPlan,
    answer: LedgerAnswer,
    days: CampaignDays,
    calendar_days: Sequence[int],
    *,
    is_stopped: bool,
) -> FrozenLook:
    """The look of the last of these days."""
    today = calendar_days[-1]
    last_entries = {
        group.maturity: last_entry(calendar_days, group.maturity) for group in plan.groups
    }
    sample = answer.sample(today, last_entries)
    record = FrozenLook(
        plan.sequential,
        Look(
            at=days.date_of(today).isoformat(),
            day=len(calendar_days),
            counts=(),
            closing="stopped" if is_stopped else None,
            stopped_on=days.stop_date.isoformat() if is_stopped and days.stop_date else None,
        ),
        with_every_arm(plan, sample),
        {arm: sample.entered.get(arm, 0) for arm in plan.arms},
        {arm: sample.quantiles.get(arm, {}) for arm in plan.arms},
        _cuts(plan, answer, today, last_entries),
        sample.contaminated,
    )
    look = replace(
        record.look,
        counts=tuple(_count(plan, arm, record) for arm in plan.arms),
        evidence=tuple(_evidence(plan, record)),
    )
    return replace(record, look=look)


def _cuts(
    plan: AnalysisPlan, answer: LedgerAnswer, today: int, last_entries: Mapping[Window, int]
) -> dict[Window, Cuts]:
    """By window and attribute, the summaries of each label."""
    if not plan.plan.segments:
        return {}
    return {
        group.maturity: summaries_by_label(
            plan, answer, group, day=today, last_entry=last_entries[group.maturity]
        )
        for group in plan.segment_groups
    }


def last_entry(calendar_days: Sequence[int], window: Window) -> int:
    """The last day of entry that a look counts: a pause makes no week of entry longer."""
    day = len(calendar_days) - (window or 0)
    # Who entered before the first whole day belongs to its week.
    return calendar_days[day - 1] if day > 0 else calendar_days[0] - 1 + day


def _count(plan: AnalysisPlan, arm: str, record: FrozenLook) -> ArmCount:
    summary, first_day = record.summaries[plan.counted][arm], record.summaries[ALARM_WINDOW][arm]
    return ArmCount(
        arm,
        summary.n,
        converters=plan.count(OrderMeasure.BUYERS, plan.counted, summary),
        orders=plan.count(OrderMeasure.ORDERS, plan.counted, summary),
        entered=record.entered[arm],
        alarm_units=first_day.n,
        alarm_converters=plan.count(OrderMeasure.BUYERS, ALARM_WINDOW, first_day),
    )


def _evidence(plan: AnalysisPlan, record: FrozenLook) -> Iterator[Evidence]:
    report = metrics_report(plan, plan.analysis, record, {})
    metrics = {in_role.metric.name: in_role.metric for in_role in plan.analysis.metrics}
    for result in () if report is None else report.results:
        if result.metric not in {metric.name for metric in plan.sequential.metrics}:
            continue
        window = plan.maturity[result.metric]
        summaries = with_worth(plan, result.metric, record.summaries[window])
        control, treatment = summaries[plan.control], summaries[result.variant]
        evidence = evidence_of(
            result,
            metrics[result.metric],
            control,
            treatment,
            events=_events(plan, result.metric, control, treatment),
            capped=result.metric in plan.capped,
        )
        if evidence is not None:
            yield evidence


def _events(
    plan: AnalysisPlan, metric: str, control: Summary, treatment: Summary
) -> tuple[int, int] | None:
    """Converters or orders of both arms, whichever the metric needs."""
    needs = plan.sequential.metric(metric).needs
    if needs == "nothing":
        return None
    measure = OrderMeasure.BUYERS if needs == "converters" else OrderMeasure.ORDERS
    window = plan.maturity[metric]
    return plan.count(measure, window, control), plan.count(measure, window, treatment)

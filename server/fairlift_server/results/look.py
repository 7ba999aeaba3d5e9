"""Looks, apart from every wire and clock: from the ledger to what a report says.

Runs in a process of its own; everything that goes in and comes out is a plain value. A look is as
of the end of a campaign day, so it does not matter who reads when.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.data.summary import Summary
from fairlift_stats.sequential.calendar import last_day
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.sealed_looks import SealedContent, check_chain
from fairlift_stats.verdict import Verdict, decide

from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.ledger_query import (
    LateCounts,
    Lateness,
    LedgerAnswer,
    LedgerQuery,
    LiveQuestion,
)
from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import ALARM_WINDOW, AnalysisPlan
from fairlift_server.results.campaign_days import (
    Arrivals,
    CampaignDays,
    entry_stopped_us,
    is_over,
)
from fairlift_server.results.data_quality import (
    DataQuality,
    data_quality,
    gravest_status,
    with_verdict,
)
from fairlift_server.results.kept_look import KeptLook, log_of, sealed
from fairlift_server.results.listed_look import ListedLook, listed_looks
from fairlift_server.results.live_figures import LiveFigures, live_figures, with_every_arm
from fairlift_server.results.look_report import LookReport, attempt, metrics_report, report_of
from fairlift_server.results.report_line import ReportLine, verdict_line
from fairlift_server.results.segment_cuts import summaries_by_label

NOTHING_LATE = LateCounts()

Ask: TypeAlias = Callable[[Sequence[LedgerQuery]], list[LedgerAnswer]]


@dataclass(frozen=True, slots=True)
class LookRequest:
    """What is known before the ledger is read.

    Attributes:
        plan: of the campaign.
        plan_hash: as it was stored at the start; the first look is chained to it.
        days: of the campaign.
        stored: the looks so far.
        last_made_us: when the last of them was made.
        now_us: the time.
        intake: when events could come in.
        kept: what is kept of the ledger's answer; empty or None: the ledger is asked.
    """

    plan: AnalysisPlan
    plan_hash: str
    days: CampaignDays
    stored: tuple[SealedContent, ...]
    last_made_us: int | None
    now_us: int
    intake: Intake
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class LookResult:
    """The looks at a campaign, and what is said of the newest.

    Attributes:
        live: what is known as of now, of all units, mature or not.
        quality: whether the data can be trusted.
        looks, listed: all of them, the newest last; as they are kept, and as lists show them.
        new: those that were made just now, as they are to be stored.
        late: what came in after the last look and happened before the end of its day.
        verdict, line, report: as of the newest look.
        failures: what could not be computed, and why.
    """

    live: LiveFigures
    quality: DataQuality
    looks: tuple[KeptLook, ...]
    listed: tuple[ListedLook, ...] = ()
    new: tuple[SealedContent, ...] = ()
    late: LateCounts = NOTHING_LATE
    verdict: Verdict | None = None
    line: ReportLine | None = None
    report: LookReport | None = None
    failures: Mapping[str, str] = field(default_factory=dict)


def make_looks(ask: Ask, request: LookRequest) -> LookResult:
    """The verdict and the report, after all looks that are due were made, in order.

    Raises:
        LookEdited: a look in the store is not the one that was written.
    """
    check_chain(request.plan_hash, request.stored)
    looks = tuple(KeptLook.from_json(look.content) for look in request.stored)
    plan = request.plan
    if looks:
        plan = replace(plan, sequential=looks[0].plan)
    (live,) = ask([live_query(plan, request, looks)])
    previous = request.stored[-1].hash if request.stored else request.plan_hash
    new: list[SealedContent] = []
    for look in _due_looks(ask, plan, request, live, looks):
        new.append(sealed(previous, look))
        previous = new[-1].hash
        looks = (*looks, look)
    result = LookResult(
        live=live_figures(plan, live),
        quality=data_quality(plan, live.sample(None), looks),
        looks=looks,
        new=tuple(new),
        # Nothing can be late for a look that was made just now.
        late=NOTHING_LATE if new else live.late,
    )
    hashes = [look.hash for look in (*request.stored, *new)]
    return _with_report(result, plan, hashes) if looks else result


def live_query(
    plan: AnalysisPlan, request: LookRequest, looks: tuple[KeptLook, ...]
) -> LedgerQuery:
    """What is asked of the whole ledger, as of now."""
    question = LiveQuestion(request.now_us, plan.window, _lateness(request, looks))
    return plan.query(as_of_day=None, live=question)


def stored_looks(request: LookRequest) -> tuple[ListedLook, ...]:
    """The looks that were made already.

    Raises:
        LookEdited: a look in the store is not the one that was written.
    """
    check_chain(request.plan_hash, request.stored)
    looks = [KeptLook.from_json(look.content) for look in request.stored]
    return listed_looks(looks, [look.hash for look in request.stored], {})


def check_data(ask: Ask, request: LookRequest) -> DataQuality:
    """Whether the data can be trusted; makes no look."""
    looks = tuple(KeptLook.from_json(look.content) for look in request.stored)
    plan, verdict = request.plan, None
    if looks:
        plan = replace(plan, sequential=looks[0].plan)
        verdict = attempt("verdict", {}, decide, plan.sequential, log_of(plan.sequential, looks))
    (live,) = ask([plan.query(as_of_day=None)])
    return with_verdict(data_quality(plan, live.sample(None), looks), verdict)


def _with_report(result: LookResult, plan: AnalysisPlan, hashes: Sequence[str]) -> LookResult:
    failures: dict[str, str] = {}
    log = log_of(plan.sequential, result.looks)
    verdict = attempt("verdict", failures, decide, plan.sequential, log)
    quality = with_verdict(result.quality, verdict)
    report = report_of(plan, result.looks[-1], verdict)
    listed = listed_looks(result.looks, hashes, failures)
    last = result.looks[-1]
    line = ReportLine(
        last.look.day,
        sum(last.entered.values()),
        gravest_status(plan, quality),
        None if verdict is None else verdict_line(verdict),
        failures.get("verdict", ""),
        _last_day(plan, last.look),
    )
    return replace(
        result,
        quality=quality,
        listed=listed,
        verdict=verdict,
        line=line,
        report=report,
        failures={**failures, **report.failures},
    )


def _last_day(plan: AnalysisPlan, look: Look) -> int:
    """The day of the last look, once nobody who comes is analysed any more; else 0."""
    if look.closing is not None:
        return look.day
    if look.day < plan.plan.maximum_days:
        return 0
    return last_day(plan.sequential) or 0


def _lateness(request: LookRequest, looks: tuple[KeptLook, ...]) -> Lateness | None:
    if not looks or request.last_made_us is None:
        return None
    last = request.days.nth(looks[-1].look.day)
    return None if last is None else Lateness(last.end_us, request.last_made_us)


def _due_looks(
    ask: Ask,
    plan: AnalysisPlan,
    request: LookRequest,
    live: LedgerAnswer,
    looks: tuple[KeptLook, ...],
) -> Iterator[KeptLook]:
    """The looks of all days that are over and have none, in order, until one is the last."""
    log, days = log_of(plan.sequential, looks), request.days
    arrivals = _arrivals(live, request)
    calendar_days: list[int] = []
    for day, calendar_day in enumerate(days.calendar_days(), start=1):
        calendar_days.append(calendar_day)
        if log.is_closed or not is_over(days, arrivals, calendar_day):
            return
        if looks and day <= looks[-1].look.day:
            continue
        answer = live
        if not live.holds_for(days.end_us(calendar_day)):
            (answer,) = ask([plan.query(as_of_day=calendar_day)])
        is_stopped = _is_last(plan, days, arrivals, calendar_days)
        kept = _kept(plan, answer, days, calendar_days, is_stopped=is_stopped)
        log = log.add(plan.sequential, kept.look)
        verdict = attempt("verdict", {}, decide, plan.sequential, log)
        yield replace(kept, look=log.looks[-1], verdict="" if verdict is None else verdict.kind)


def _arrivals(live: LedgerAnswer, request: LookRequest) -> Arrivals:
    entries = live.entries
    return Arrivals(
        request.now_us,
        max((entry.last_us for entry in entries), default=None),
        max((entry.received_us for entry in entries), default=None),
        max((entry.last_entry_us for entry in entries), default=None),
        request.intake,
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
    return is_mature and stopped_us < days.end_us(_last_entry(calendar_days, plan.counted))


def _kept(
    plan: AnalysisPlan,
    answer: LedgerAnswer,
    days: CampaignDays,
    calendar_days: Sequence[int],
    *,
    is_stopped: bool,
) -> KeptLook:
    """The look of the last of these days."""
    today = calendar_days[-1]
    last_entries = {
        group.maturity: _last_entry(calendar_days, group.maturity) for group in plan.groups
    }
    sample = answer.sample(today, last_entries)
    segment_entry = last_entries[plan.segment_group.maturity]
    kept = KeptLook(
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
        {
            attribute: summaries_by_label(
                plan, attribute, answer.segment_summaries(today, segment_entry)
            )
            for attribute in plan.plan.segments
        },
        sample.contaminated,
    )
    look = replace(
        kept.look,
        counts=tuple(_count(plan, arm, kept) for arm in plan.arms),
        evidence=tuple(_evidence(plan, kept)),
    )
    return replace(kept, look=look)


def _last_entry(calendar_days: Sequence[int], window: Window) -> int:
    """The last day of entry that a look counts: a pause makes no week of entry longer."""
    day = len(calendar_days) - (window or 0)
    # Who entered before the first whole day belongs to its week.
    return calendar_days[day - 1] if day > 0 else calendar_days[0] - 1 + day


def _count(plan: AnalysisPlan, arm: str, kept: KeptLook) -> ArmCount:
    summary, first_day = kept.summaries[plan.counted][arm], kept.summaries[ALARM_WINDOW][arm]
    return ArmCount(
        arm,
        summary.n,
        converters=plan.count(OrderMeasure.BUYERS, plan.counted, summary),
        orders=plan.count(OrderMeasure.ORDERS, plan.counted, summary),
        entered=kept.entered[arm],
        alarm_units=first_day.n,
        alarm_converters=plan.count(OrderMeasure.BUYERS, ALARM_WINDOW, first_day),
    )


def _evidence(plan: AnalysisPlan, kept: KeptLook) -> Iterator[Evidence]:
    report = metrics_report(plan, plan.analysis, kept, {})
    metrics = {in_role.metric.name: in_role.metric for in_role in plan.analysis.metrics}
    for result in () if report is None else report.results:
        if result.metric not in {metric.name for metric in plan.sequential.metrics}:
            continue
        window = plan.maturity[result.metric]
        control, treatment = (kept.summaries[window][arm] for arm in (plan.control, result.variant))
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

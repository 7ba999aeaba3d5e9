"""Looks, apart from every wire and clock: from the ledger to what a report says.

Runs in a process of its own; everything that goes in and comes out is a plain value. A look is as
of the end of a campaign day, so it does not matter who reads when.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from fairlift_stats.sequential.calendar import last_day
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.sealed_looks import SealedContent, check_chain
from fairlift_stats.verdict import Verdict, decide
from fairlift_stats.verdict.weekly_worth import WeeklyWorth, chosen_worth

from fairlift_server.analysis.ledger_query import (
    LateCounts,
    Lateness,
    LedgerAnswer,
    LedgerQuery,
    LiveQuestion,
)
from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.data_quality import (
    MANY_MIXED,
    DataQuality,
    data_quality,
    gravest_status,
    with_verdict,
)
from fairlift_server.results.due_looks import DAYS_AT_ONCE, LookMoment, due_looks
from fairlift_server.results.frozen_look import FrozenLook, frozen_look, log_of, sealed
from fairlift_server.results.last_report import last_report
from fairlift_server.results.listed_look import ListedLook, listed_looks
from fairlift_server.results.live_figures import LiveFigures, live_figures
from fairlift_server.results.look_report import LookReport, attempt
from fairlift_server.results.policy_counts import policy_counts, policy_queries
from fairlift_server.results.quality_signs import NO_SIGNS, QualitySigns, quality_signs
from fairlift_server.results.query_steps import Ask, QuerySteps, answered
from fairlift_server.results.report_line import ReportLine, forecast_of, verdict_line

NOTHING_LATE = LateCounts()


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
        sealed_answer: the ledger's answer as it was sealed; empty or None: the ledger is read.
    """

    plan: AnalysisPlan
    plan_hash: str
    days: CampaignDays
    stored: tuple[SealedContent, ...]
    last_made_us: int | None
    now_us: int
    intake: Intake
    sealed_answer: str | None = None


@dataclass(frozen=True, slots=True)
class LookResult:
    """The looks at a campaign, and what is said of the newest.

    Attributes:
        live: what is known as of now, of all units, mature or not.
        quality: whether the data can be trusted.
        looks, listed: all of them, the newest last; as they are kept, and as lists show them.
        new: those that were made just now, as they are to be stored.
        late: what came in after the last look and happened before the end of its day.
        verdict, line, report, worths: as of the newest look.
        failures: what could not be computed, and why.
    """

    live: LiveFigures
    quality: DataQuality
    looks: tuple[FrozenLook, ...]
    listed: tuple[ListedLook, ...] = ()
    new: tuple[SealedContent, ...] = ()
    late: LateCounts = NOTHING_LATE
    verdict: Verdict | None = None
    line: ReportLine | None = None
    report: LookReport | None = None
    worths: tuple[WeeklyWorth, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


def make_looks(ask: Ask, request: LookRequest) -> LookResult:
    """The verdict and the report, after all looks that are due were made, in order.

    Raises:
        LookEdited: a look in the store is not the one that was written.
    """
    return answered(ask, looking(request))


def looking(request: LookRequest) -> QuerySteps[LookResult]:
    """The same, by whoever answers the queries that it yields.

    Raises:
        LookEdited: a look in the store is not the one that was written.
    """
    check_chain(request.plan_hash, request.stored)
    looks = tuple(frozen_look(look.content) for look in request.stored)
    plan = request.plan
    if looks:
        plan = replace(plan, sequential=looks[0].plan)
    (live,) = yield [live_query(plan, request, looks)]
    previous = request.stored[-1].hash if request.stored else request.plan_hash
    new: list[SealedContent] = []
    moment = LookMoment(request.days, request.now_us, request.intake)
    for look in (yield from due_looks(plan, moment, live, looks)):
        new.append(sealed(previous, look))
        previous = new[-1].hash
        looks = (*looks, look)
    policies = yield from _under_policies(plan, request, live, looks)
    signs = _signs(plan, request, live, policies, looks)
    if new:
        signs = replace(signs, late=NOTHING_LATE)
    result = LookResult(
        live=live_figures(plan, live),
        quality=data_quality(plan, live.sample(None), looks, signs),
        looks=looks,
        new=tuple(new),
        # Nothing can be late for a look that was made just now.
        late=NOTHING_LATE if new else live.late,
    )
    hashes = [look.hash for look in (*request.stored, *new)]
    return _with_report(result, plan, request.days, hashes) if looks else result


def expected_rounds(request: LookRequest) -> int:
    """How often the ledger is asked at most for the looks that the clock says are due.

    Once more where many units are mixed, as far as the last look says so.
    """
    last = frozen_look(request.stored[-1].content) if request.stored else None
    if last is not None and _is_closed([last]):
        return 1
    are_compared = last is not None and _are_many_mixed(last.contaminated, last.entered)
    days = request.days
    passed_us = request.now_us - days.settle_us
    passed = takewhile(lambda day: days.end_us(day) <= passed_us, days.calendar_days())
    due = max(0, sum(1 for _ in passed) - len(request.stored))
    return 1 + math.ceil(due / DAYS_AT_ONCE) + int(are_compared)


def live_query(
    plan: AnalysisPlan, request: LookRequest, looks: tuple[FrozenLook, ...]
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
    looks = [frozen_look(look.content) for look in request.stored]
    return listed_looks(looks, [look.hash for look in request.stored], {})


def check_data(ask: Ask, request: LookRequest) -> DataQuality:
    """Whether the data can be trusted; makes no look."""
    looks = tuple(frozen_look(look.content) for look in request.stored)
    plan, verdict = request.plan, None
    if looks:
        plan = replace(plan, sequential=looks[0].plan)
        verdict = attempt("verdict", {}, decide, plan.sequential, log_of(plan.sequential, looks))
    (live,) = ask([live_query(plan, request, looks)])
    policies = answered(ask, _under_policies(plan, request, live, looks))
    signs = _signs(plan, request, live, policies, looks)
    return with_verdict(data_quality(plan, live.sample(None), looks, signs), verdict)


def _signs(
    plan: AnalysisPlan,
    request: LookRequest,
    live: LedgerAnswer,
    policies: Sequence[LedgerAnswer],
    looks: Sequence[FrozenLook],
) -> QualitySigns:
    """The signs; none where they cannot be worked out, which must cost no report."""
    signs = partial(quality_signs, is_closed=_is_closed(looks))
    days, now_us = request.days, request.now_us
    counts = attempt("identity policies", {}, policy_counts, plan, policies, days, looks) or ()
    quality = attempt("signs of data quality", {}, signs, plan, live, days, now_us, counts)
    return NO_SIGNS if quality is None else quality


def _is_closed(looks: Sequence[FrozenLook]) -> bool:
    return bool(looks) and looks[-1].look.closing is not None


def _are_many_mixed(contaminated: Mapping[str, int], entered: Mapping[str, int]) -> bool:
    mixed = sum(contaminated.values())
    return mixed > MANY_MIXED * (mixed + sum(entered.values()))


def _under_policies(
    plan: AnalysisPlan, request: LookRequest, live: LedgerAnswer, looks: Sequence[FrozenLook]
) -> QuerySteps[list[LedgerAnswer]]:
    """The units under every identity policy, where many are mixed and the campaign goes on."""
    sample = live.sample(None)
    are_many = _are_many_mixed(sample.contaminated, sample.entered)
    # What is kept of a closed epoch knows its own policy alone.
    if request.sealed_answer or _is_closed(looks) or not are_many:
        return []
    return list((yield policy_queries(plan)))


def _with_report(
    result: LookResult, plan: AnalysisPlan, days: CampaignDays, hashes: Sequence[str]
) -> LookResult:
    newest = last_report(plan, days, result.looks, hashes)
    verdict, look = newest.verdict, result.looks[-1].look
    quality = with_verdict(result.quality, verdict)
    line = ReportLine(
        look.day,
        sum(result.looks[-1].entered.values()),
        gravest_status(plan, quality),
        None if verdict is None else verdict_line(verdict),
        newest.failures.get("verdict", ""),
        _last_day(plan, look),
        plan.sequential.information(look.units),
        look.units,
        None
        if verdict is None
        else chosen_worth(newest.worths, verdict.variant, lambda worth: worth.weekly),
        None if verdict is None else forecast_of(verdict),
    )
    return replace(
        result,
        quality=quality,
        listed=newest.listed,
        verdict=verdict,
        line=line,
        report=newest.report,
        worths=newest.worths,
        failures=newest.failures,
    )


def _last_day(plan: AnalysisPlan, look: Look) -> int:
    """The day of the last look, once nobody who comes is analysed any more; else 0."""
    if look.closing is not None:
        return look.day
    if look.day < plan.plan.maximum_days:
        return 0
    return last_day(plan.sequential) or 0


def _lateness(request: LookRequest, looks: tuple[FrozenLook, ...]) -> Lateness | None:
    if not looks or request.last_made_us is None:
        return None
    last = request.days.nth(looks[-1].look.day)
    return None if last is None else Lateness(last.end_us, request.last_made_us)

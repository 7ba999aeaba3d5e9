"""One look, apart from every wire and clock: from the ledger to what a report says.

Runs in a process of its own; everything that goes in and comes out is a plain value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.sequential.anytime.counts import SplitCheck, prior_strength, split_over_time
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.plan import OVERRUN, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery, LedgerSample
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.kept_look import KeptLook, Summaries, log_of
from fairlift_server.results.look_report import LookReport, metrics_report, report_of
from fairlift_server.results.segment_cuts import summaries_by_label

Ask: TypeAlias = Callable[[Sequence[LedgerQuery]], list[LedgerAnswer]]

_DAY_US = 86_400 * 1_000_000
# The first visitor comes a little after the start: a day that lacks less than this is full.
_GRACE_US = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class DataQuality:
    """Whether the data can be trusted: counts only, nothing about effects.

    Attributes:
        units, contaminated: by variant, as of now.
        split: whether units fell on variants as planned, however often somebody looked.
        chi_square_p: of the split now.
        day: full days that the data span.
    """

    units: Mapping[str, int]
    contaminated: Mapping[str, int]
    split: SplitCheck
    chi_square_p: float
    day: int


@dataclass(frozen=True, slots=True)
class LookResult:
    """The looks at a campaign, and what is said of the newest.

    Attributes:
        live: summaries by variant as of now, of all units; they may be ahead of the last look.
        quality: whether the data can be trusted.
        looks: all of them, the newest last.
        is_new: whether the newest was made just now.
        verdict, report: as of the newest look.
    """

    live: Summaries
    quality: DataQuality
    looks: tuple[KeptLook, ...]
    is_new: bool
    verdict: Verdict | None = None
    report: LookReport | None = None


def make_look(ask: Ask, plan: AnalysisPlan, stored: Sequence[str], now: datetime) -> LookResult:
    """The verdict and the report, after a new look if one is due.

    Args:
        ask: sends queries to the ledger.
        plan: of the campaign.
        stored: the looks so far, as they were written down.
        now: the time.
    """
    looks = tuple(map(KeptLook.from_json, stored))
    today = DayCalendar(plan.time_zone).day_of(_microseconds(now))
    (answer,) = ask([plan.query(as_of_day=today)])
    quality = _quality(plan, answer.sample(today), looks, now)
    new = _new_look(ask, plan, answer, looks, day=quality.day, today=today, now=now)
    if new is not None:
        looks = (*looks, new)
    live = _with_every_arm(plan, answer.sample(None))
    result = LookResult(live[plan.window], quality, looks, new is not None)
    return _with_report(result, plan) if looks else result


def check_data(ask: Ask, plan: AnalysisPlan, stored: Sequence[str], now: datetime) -> DataQuality:
    """Whether the data can be trusted; makes no look."""
    looks = tuple(map(KeptLook.from_json, stored))
    today = DayCalendar(plan.time_zone).day_of(_microseconds(now))
    (answer,) = ask([plan.query(as_of_day=today)])
    return _quality(plan, answer.sample(today), looks, now)


def _with_report(result: LookResult, plan: AnalysisPlan) -> LookResult:
    last = result.looks[-1]
    sequential = last.plan
    log = log_of(sequential, result.looks)
    verdict = decide(sequential, log, day=max(result.quality.day, last.look.day))
    return replace(
        result,
        looks=(*result.looks[:-1], replace(last, verdict=last.verdict or verdict.kind)),
        verdict=verdict,
        report=report_of(plan, last),
    )


def _new_look(
    ask: Ask,
    plan: AnalysisPlan,
    answer: LedgerAnswer,
    looks: tuple[KeptLook, ...],
    *,
    day: int,
    today: int,
    now: datetime,
) -> KeptLook | None:
    """A look if one is due: the first at once, later ones when enough units have come.

    When the campaign's days are over any unit is enough, and the look is the last.
    """
    sequential = looks[0].plan if looks else plan.sequential
    log = log_of(sequential, looks)
    sample = answer.sample(today)
    units = sum(summary.n for summary in sample.summaries[plan.counted].values())
    if units == 0 or (looks and not log.is_due(sequential, units, day=day)):
        return None
    # Nobody looked until the plan was over: the sample is then who came while it was not.
    if sequential.ends and sequential.information(units) > OVERRUN:
        (answer,) = ask([plan.query(as_of_day=today, first_units=sequential.n_max)])
        sample = answer.sample(today)
    kept = KeptLook(
        sequential,
        Look(
            at=now.astimezone(ZoneInfo(plan.time_zone)).isoformat(),
            day=max(day, looks[-1].look.day if looks else 0),
            counts=(),
        ),
        _with_every_arm(plan, sample),
        {arm: sample.entered.get(arm, 0) for arm in plan.arms},
        {arm: sample.quantiles.get(arm, {}) for arm in plan.arms},
        {
            attribute: summaries_by_label(plan, attribute, answer.segment_summaries(today))
            for attribute in plan.plan.segments
        },
        sample.contaminated,
    )
    look = replace(
        kept.look,
        counts=tuple(_count(plan, arm, kept) for arm in sequential.arms),
        evidence=tuple(_evidence(plan, sequential, kept)),
    )
    try:
        log = log.add(sequential, look)
    except BadLook:
        # Units that turned out to be mixed up left the sample: it is not ahead of the last look.
        return None
    return replace(kept, look=log.looks[-1])


def _with_every_arm(plan: AnalysisPlan, sample: LedgerSample) -> dict[int | None, Summaries]:
    """The summaries with every arm in order, those without units too."""
    return {
        window: {arm: by_variant.get(arm, plan.group(window).empty()) for arm in plan.arms}
        for window, by_variant in sample.summaries.items()
    }


def _count(plan: AnalysisPlan, arm: str, kept: KeptLook) -> ArmCount:
    summary = kept.summaries[plan.counted][arm]
    return ArmCount(
        arm,
        summary.n,
        converters=int(summary.sum(plan.count_column(OrderMeasure.BUYERS))),
        orders=int(summary.sum(plan.count_column(OrderMeasure.ORDERS))),
    )


def _evidence(plan: AnalysisPlan, sequential: SequentialPlan, kept: KeptLook) -> list[Evidence]:
    report = metrics_report(plan, plan.analysis, kept, {})
    if report is None:
        return []
    judged = {metric.name for metric in sequential.metrics}
    metrics = {in_role.metric.name: in_role.metric for in_role in plan.analysis.metrics}
    evidence = (
        evidence_of(
            result,
            metrics[result.metric],
            kept.summaries[plan.maturity[result.metric]][plan.control],
            kept.summaries[plan.maturity[result.metric]][result.variant],
            confidence=plan.analysis.confidence,
            capped=result.metric in plan.capped,
        )
        for result in report.results
        if result.metric in judged and result.variant in sequential.treatments
    )
    return [found for found in evidence if found is not None]


def _quality(
    plan: AnalysisPlan, sample: LedgerSample, looks: tuple[KeptLook, ...], now: datetime
) -> DataQuality:
    units = {arm: sample.entered.get(arm, 0) for arm in plan.arms}
    sequential = looks[0].plan if looks else plan.sequential
    history = [[kept.entered[arm] for arm in plan.arms] for kept in looks]
    history.append([*units.values()])
    strength = prior_strength(sequential.n_max)
    split = split_over_time(history, sequential.shares, k=strength)[-1]
    weights = dict(zip(plan.arms, sequential.shares, strict=True))
    chi_square_p = sample_ratio(units, weights).p_value
    return DataQuality(units, sample.contaminated, split, chi_square_p, _full_days(sample, now))


def _full_days(sample: LedgerSample, now: datetime) -> int:
    """Full days from the first exposure until now, or until the data end.

    Event times, not the start's: an experiment that is replayed later spans the days that it had.
    """
    if sample.span_us is None:
        return 0
    first_us, last_us = sample.span_us
    now_us = _microseconds(now)
    end_us = now_us if now_us - last_us < _DAY_US else last_us
    return max(0, (end_us - first_us + _GRACE_US) // _DAY_US)


def _microseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)

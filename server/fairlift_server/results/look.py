"""One look, apart from every wire and clock: from the ledger to what a report says.

Runs in a process of its own; everything that goes in and comes out is a plain value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from fairlift.engine.metric import OrderMeasure
from fairlift_stats.data.summary import Summary
from fairlift_stats.errors import StatisticsError
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.report.analysis import Analysis, Report
from fairlift_stats.report.decomposition import Decomposition, decompose
from fairlift_stats.sequential.anytime.counts import SplitCheck, prior_strength, split_over_time
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.plan import OVERRUN, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from fairlift_server.analysis.question import Answer, Question
from fairlift_server.results.analysis_plan import Study
from fairlift_server.results.kept_look import LookContent, Summaries, log_of
from fairlift_server.results.segments import SegmentCut, cut_by_segment, segment_cut

Ask: TypeAlias = Callable[[Sequence[Question]], list[Answer]]

_DAY_US = 86_400 * 1_000_000
# The first visitor comes a little after the start: a day that lacks less than this is full.
_GRACE_US = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Vital:
    """Whether the data can be trusted: counts only, nothing about effects.

    Attributes:
        units, contaminated: by variant, as of now.
        split: whether units fell on variants as planned, however often somebody asked.
        chi_square_p: of the split now.
        day: full days that the data span.
    """

    units: Mapping[str, int]
    contaminated: Mapping[str, int]
    split: SplitCheck
    chi_square_p: float
    day: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What one examination found.

    Attributes:
        live: summaries by variant as of now; they may be ahead of the last look.
        vital: whether the data can be trusted.
        looks: all of them, the newest last.
        is_new: whether the newest was made by this examination.
        verdict, report, described, decompositions, segments: as of the newest look.
    """

    live: Summaries
    vital: Vital
    looks: tuple[LookContent, ...]
    is_new: bool
    verdict: Verdict | None = None
    report: Report | None = None
    described: Report | None = None
    decompositions: Mapping[str, Decomposition] | None = None
    segments: tuple[SegmentCut, ...] = ()


def examine(ask: Ask, study: Study, kept: Sequence[str], now: datetime, zone: str) -> Examined:
    """What the ledger and the looks so far say; makes a new look when one is due.

    Args:
        ask: answers questions about the ledger.
        study: what is asked.
        kept: the content of each look so far, oldest first.
        now: the time.
        zone: of the shop; looks are dated in it.
    """
    looks = tuple(map(LookContent.from_json, kept))
    live = ask([study.question()])[0]
    vital = _vital(study, live, looks, now)
    new = _new_look(ask, study, live, looks, day=vital.day, now=now, zone=zone)
    looks = looks if new is None else (*looks, new)
    found = Examined(_whole(study, live), vital, looks, new is not None)
    return found if not looks else _with_answers(found, study)


def check(ask: Ask, study: Study, kept: Sequence[str], now: datetime) -> Vital:
    """Whether the data can be trusted; makes no look."""
    looks = tuple(map(LookContent.from_json, kept))
    return _vital(study, ask([study.question()])[0], looks, now)


def _with_answers(found: Examined, study: Study) -> Examined:
    last = found.looks[-1]
    plan = last.plan
    verdict = decide(plan, log_of(plan, found.looks), day=max(found.vital.day, last.look.day))
    return replace(
        found,
        looks=(*found.looks[:-1], replace(last, verdict=last.verdict or verdict.kind)),
        verdict=verdict,
        report=_reported(study.analysis, last),
        described=_reported(study.described, last) if study.described else None,
        decompositions=_decompositions(study, last.summaries),
        segments=tuple(
            segment_cut(study, attribute, cut) for attribute, cut in last.segments.items()
        ),
    )


def _new_look(
    ask: Ask,
    study: Study,
    live: Answer,
    looks: tuple[LookContent, ...],
    *,
    day: int,
    now: datetime,
    zone: str,
) -> LookContent | None:
    """A look if one is due: the first at once, later ones when enough units have come.

    When the campaign's days are over any unit is enough, and the look is the last.
    """
    plan = looks[0].plan if looks else study.sequential
    log = log_of(plan, looks)
    if live.units == 0 or (looks and not log.is_due(plan, live.units, day=day)):
        return None
    # Nobody looked until the plan was over: the sample is then who came while it was not.
    is_late = plan.ends and plan.information(live.units) > OVERRUN
    first_units = plan.n_max if is_late else None
    seen = ask([study.question(first_units=first_units)])[0] if is_late else live
    summaries, quantiles = _whole(study, seen), seen.quantiles()
    quantiles = {arm: quantiles.get(arm, {}) for arm in study.arms}
    look = Look(
        at=now.astimezone(ZoneInfo(zone)).isoformat(),
        day=max(day, looks[-1].look.day if looks else 0),
        counts=tuple(_count(study, arm, summaries[arm]) for arm in plan.arms),
        evidence=tuple(_evidence(study, plan, summaries, quantiles)),
    )
    try:
        log = log.add(plan, look)
    except BadLook:
        # Units that turned out to be mixed up left the sample: it is not ahead of the last look.
        return None
    questions = [study.cut(name, first_units=first_units) for name in study.plan.segments]
    segments = {
        question.segment: cut_by_segment(study, question, answer)
        for question, answer in zip(questions, ask(questions), strict=True)
    }
    return LookContent(plan, log.looks[-1], summaries, quantiles, segments, seen.contaminated)


def _whole(study: Study, answer: Answer) -> dict[str, Summary]:
    """Every arm in order, those without units too."""
    found, empty = answer.summaries(), study.question().empty()
    return {arm: found.get(arm, empty) for arm in study.arms}


def _count(study: Study, arm: str, summary: Summary) -> ArmCount:
    return ArmCount(
        arm,
        summary.n,
        converters=int(summary.sum(study.column(OrderMeasure.BUYERS))),
        orders=int(summary.sum(study.column(OrderMeasure.ORDERS))),
    )


def _evidence(
    study: Study,
    plan: SequentialPlan,
    summaries: Summaries,
    quantiles: Mapping[str, Quantiles],
) -> list[Evidence]:
    report = study.analysis.report(summaries, quantiles)
    judged = {metric.name for metric in plan.metrics}
    found = (
        evidence_of(
            report[planned.metric.name, variant],
            planned.metric,
            summaries[study.control],
            summaries[variant],
            confidence=study.analysis.confidence,
            capped=planned.metric.name in study.capped,
        )
        for planned in study.analysis.metrics
        if planned.metric.name in judged
        for variant in plan.treatments
    )
    return [evidence for evidence in found if evidence is not None]


def _reported(analysis: Analysis, look: LookContent) -> Report:
    """The report with its posteriors worked out: here, and not where calls wait."""
    report = analysis.report(look.summaries, look.quantiles)
    for result in report.results:
        _ = result.posterior
    return report


def _decompositions(study: Study, summaries: Summaries) -> dict[str, Decomposition]:
    found = {}
    for variant in study.arms[1:]:
        try:
            found[variant] = decompose(
                summaries[study.control],
                summaries[variant],
                buyers=study.column(OrderMeasure.BUYERS),
                orders=study.column(OrderMeasure.ORDERS),
                revenue=study.column(OrderMeasure.REVENUE),
                confidence=study.analysis.confidence,
            )
        except StatisticsError:  # an arm without orders has no factors
            continue
    return found


def _vital(study: Study, live: Answer, looks: tuple[LookContent, ...], now: datetime) -> Vital:
    summaries = live.summaries()
    units = {arm: summaries[arm].n if arm in summaries else 0 for arm in study.arms}
    plan = looks[0].plan if looks else study.sequential
    history = [[content.look.count(arm).units for arm in study.arms] for content in looks]
    history.append([*units.values()])
    split = split_over_time(history, plan.shares, k=prior_strength(plan.n_max))[-1]
    weights = dict(zip(study.arms, plan.shares, strict=True))
    chi_square_p = sample_ratio(units, weights).p_value
    return Vital(units, live.contaminated, split, chi_square_p, _full_days(live, now))


def _full_days(live: Answer, now: datetime) -> int:
    """Full days from the first exposure until now, or until the data end.

    Event times, not the start's: an experiment that is replayed later spans the days that it had.
    """
    if live.span_us is None:
        return 0
    first_us, last_us = live.span_us
    now_us = int(now.astimezone(UTC).timestamp() * 1_000_000)
    end_us = now_us if now_us - last_us < _DAY_US else last_us
    return max(0, (end_us - first_us + _GRACE_US) // _DAY_US)

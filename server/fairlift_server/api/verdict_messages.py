"""The verdict as the contract's Verdict, also for campaigns without data and stopped ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift.wire.values import time_to
from fairlift_stats.messages import Day, Message, VariantName, Verbatim
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import ArmStanding, GuardrailStanding

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.look_messages import numbered_look_to, verdict_cause_to, verdict_kind_to
from fairlift_server.api.metric_messages import interval_to
from fairlift_server.results.campaign_results import ReportInput
from fairlift_server.results.kept_look import KeptLook
from fairlift_server.store.campaigns import moment

# Reasons about days to come: a campaign that is stopped or paused has none.
_FORECAST_REASONS = {"chances", "end"}
# Rules whose sentence forecasts a decision.
_FORECAST_CAUSES = {"not_yet_judged", "running"}
# Rules that wait for more: a campaign that is stopped gets no more, a paused one not now.
_WAITING_CAUSES = {*_FORECAST_CAUSES, "unsafe", "days", "few", "no_answer"}


@dataclass(frozen=True, slots=True)
class _Advice:
    """What a verdict says in words, and the rule that gave it."""

    headline: Message
    action: Message
    cause: str
    reasons: tuple[Message, ...] = ()


def verdict_to(reading: ReportInput, reader: ReaderLanguage) -> pb.Verdict:
    """The verdict as of the newest look; before there is one, what is waited for."""
    verdict = reading.result.verdict
    has_units = any(reading.result.quality.units.values())
    if verdict is None or (verdict.kind == "do_not_trust" and not has_units):
        return _without_verdict(reading, reader)
    judged, confidence = _judged(verdict), verdict.facts.confidence
    raw_lift = None if judged is None or judged.raw is None else judged.raw.lift
    advice = _Advice(verdict.headline, verdict.action, verdict.cause, verdict.reasons)
    decision_days = _decision_days(verdict, reading.result.looks[-1])
    kind = verdict_kind_to(verdict.kind)
    if verdict.cause == "stopped" or _is_stopped_waiting(reading.campaign, verdict.cause):
        advice, decision_days = _stopped_advice(reading, advice.reasons), []
        # What it had too little of is not what is wrong with it.
        if verdict.kind == "do_not_trust":
            kind = pb.VERDICT_KIND_KEEP_GOING
    elif reading.days.is_paused and verdict.cause in _WAITING_CAUSES:
        headline = None if verdict.cause in _FORECAST_CAUSES else advice.headline
        advice, decision_days = _paused_advice(verdict.cause, advice.reasons, headline), []
    lift, lift_interval = _lift(judged, confidence)
    next_decision = reading.next_decision_time
    return pb.Verdict(
        kind=kind,
        variant=verdict.variant or "",
        metric=verdict.metric or "",
        sentence=reader.text(advice.headline),
        action=reader.text(advice.action),
        reasons=_reasons_to(advice.reasons, reader),
        cause=verdict_cause_to(advice.cause),
        since=_reasons_to(verdict.since, reader),
        evidence=max(
            standing.meter
            for standing in verdict.facts.arms
            if verdict.variant in (None, standing.arm)
        ),
        decision_days=decision_days,
        next_decision_time=None if next_decision is None else time_to(next_decision),
        lift=lift,
        lift_interval=lift_interval,
        raw_lift=raw_lift,
        deciding_look=_deciding_look(reading, judged),
    )


def _reasons_to(reasons: Iterable[Message], reader: ReaderLanguage) -> Iterator[pb.VerdictReason]:
    for reason in reasons:
        yield pb.VerdictReason(code=_code(reason), sentence=reader.text(reason))


def _without_verdict(reading: ReportInput, reader: ReaderLanguage) -> pb.Verdict:
    result, campaign = reading.result, reading.campaign
    if "verdict" in result.failures:
        why = Verbatim(result.failures["verdict"])
        advice = _Advice(Message.of("verdict.failed", why=why), Message.of("action.wait"), "failed")
    elif _is_stopped_waiting(campaign, "not_yet_judged"):
        advice = _stopped_advice(reading, ())
    elif not sum(result.quality.units.values()):
        advice = _Advice(
            Message.of("verdict.nobody"), Message.of("action.check_exposures"), "no_units"
        )
    else:
        advice = _first_advice(reading)
    return pb.Verdict(
        kind=pb.VERDICT_KIND_KEEP_GOING,
        sentence=reader.text(advice.headline),
        action=reader.text(advice.action),
        cause=verdict_cause_to(advice.cause),
    )


def _first_advice(reading: ReportInput) -> _Advice:
    """Before the first look: when the first decision is due."""
    if reading.days.is_paused:
        return _paused_advice("not_yet_judged", ())
    due = next_due(reading.plan.sequential, 0) or 1
    day = next(islice(reading.days.calendar_days(), due - 1, None))
    date = Day(reading.days.date_of(day).isoformat())
    return _Advice(
        Message.of("verdict.not_yet_judged", day=date), Message.of("action.wait"), "not_yet_judged"
    )


def _is_stopped_waiting(campaign: Campaign, cause: str) -> bool:
    """Whether the campaign was stopped, and its last look has not come yet."""
    return campaign.lifecycle.stop_time is not None and cause in _WAITING_CAUSES


def _stopped_advice(reading: ReportInput, reasons: tuple[Message, ...]) -> _Advice:
    """Names the day of the stop: the last look comes days later, when all who entered count."""
    campaign, stop_us = reading.campaign, reading.days.stop_us
    assert stop_us is not None, "the campaign was stopped"
    stop_time = moment(stop_us).astimezone(ZoneInfo(campaign.time_zone))
    day = Day(stop_time.date().isoformat())
    return _Advice(
        Message.of("verdict.stopped", day=day),
        Message.of("action.stopped", control=VariantName(campaign.control.id)),
        "stopped",
        _without_forecasts(reasons),
    )


def _paused_advice(
    cause: str, reasons: tuple[Message, ...], headline: Message | None = None
) -> _Advice:
    """While nobody enters: no day to come is known. The headline is that of a pause by default."""
    return _Advice(
        headline or Message.of("verdict.paused"),
        Message.of("action.resume"),
        cause,
        _without_forecasts(reasons),
    )


def _without_forecasts(reasons: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(reason for reason in reasons if _code(reason) not in _FORECAST_REASONS)


def _judged(verdict: Verdict) -> ArmStanding | GuardrailStanding | None:
    """The comparison that the verdict rests on; None when it is not about one variant."""
    comparisons: list[ArmStanding | GuardrailStanding] = [
        *verdict.facts.arms,
        *verdict.facts.guardrails,
    ]
    for comparison in comparisons:
        if (comparison.arm, comparison.metric) == (verdict.variant, verdict.metric):
            return comparison
    return None


def _lift(
    judged: ArmStanding | GuardrailStanding | None, confidence: float
) -> tuple[float | None, value_pb2.Interval | None]:
    """The lift, corrected for stopping early where there is a correction, and its interval."""
    if judged is None:
        return None, None
    corrected = judged.corrected if isinstance(judged, ArmStanding) else None
    estimate = corrected or judged.raw
    if estimate is None or estimate.lift is None:
        return None, None
    interval = estimate.lift_interval
    return estimate.lift, None if interval is None else interval_to(interval, confidence)


def _deciding_look(
    reading: ReportInput, judged: ArmStanding | GuardrailStanding | None
) -> pb.Look | None:
    if isinstance(judged, ArmStanding) and judged.crossed_look is not None:
        return numbered_look_to(reading, judged.crossed_look)
    return None


def _code(reason: Message) -> str:
    """The last part of the message's key: a stable name for programs."""
    return reason.key.rpartition(".")[2]


def _decision_days(verdict: Verdict, last_look: KeptLook) -> list[float]:
    outlook = verdict.facts.outlook
    if outlook is None:
        return []
    look_day = datetime.fromisoformat(last_look.look.at).date()
    days = []
    for day in outlook.days:
        if day is None:  # after the end of the plan, as all later ones
            break
        days.append(float((date.fromisoformat(day) - look_day).days))
    return days

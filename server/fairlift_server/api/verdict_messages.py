"""The verdict as the contract's Verdict, also for campaigns without data and stopped ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from fairlift.engine.campaign import Campaign
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.messages import Day, Message, VariantName, Verbatim
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import ArmStanding
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.look_messages import numbered_look_to, verdict_cause_to, verdict_kind_to
from fairlift_server.api.metric_messages import interval_to
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_results import ReportInput
from fairlift_server.results.kept_look import KeptLook
from fairlift_server.results.report_line import VerdictLine, judged_comparison
from fairlift_server.store.campaigns import moment

# Reasons about days to come: a campaign that is stopped or paused has none.
_FORECAST_REASONS = {"chances", "end"}
# Rules whose sentence forecasts a decision.
_FORECAST_CAUSES = {"not_yet_judged", "running"}
# Rules that wait for more: a campaign that is stopped gets no more, a paused one not now.
_WAITING_CAUSES = {*_FORECAST_CAUSES, "unsafe", "margin", "days", "few", "no_answer"}


@dataclass(frozen=True, slots=True)
class VerdictInput:
    """What a verdict's sentence is written from.

    Attributes:
        campaign: with its lifecycle as it is now.
        days: of its epoch.
        line: as of the last look; None before the first, and where `failure` says why.
        has_units: whether anybody was exposed.
        first_decision: the first campaign day whose look judges success; used while no look is
            there.
    """

    campaign: Campaign
    days: CampaignDays
    line: VerdictLine | None
    has_units: bool
    first_decision: int
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Advice:
    """What a verdict says in words, and the rule that gave it."""

    headline: Message
    action: Message
    cause: str
    is_open: bool = True


def verdict_to(reading: ReportInput, reader: ReaderLanguage) -> pb.Verdict:
    """The verdict as of the newest look, with its reasons; before it, what is waited for."""
    result, verdict = reading.result, reading.result.verdict
    given = VerdictInput(
        reading.campaign,
        reading.days,
        None if result.line is None else result.line.verdict,
        any(result.quality.units.values()),
        next_due(reading.plan.sequential, 0) or 1,
        result.failures.get("verdict", ""),
    )
    message = short_verdict_to(given, reader)
    if verdict is None or not _speaks(given):
        return message
    advice = _advice(given)
    reasons = verdict.reasons if advice.is_open else _without_forecasts(verdict.reasons)
    message.reasons.extend(_reasons_to(reasons, reader))
    message.since.extend(_reasons_to(verdict.since, reader))
    if advice.is_open:
        message.decision_days.extend(_decision_days(verdict, result.looks[-1]))
    judged = judged_comparison(verdict)
    if isinstance(judged, ArmStanding) and judged.crossed_look is not None:
        message.deciding_look.CopyFrom(numbered_look_to(reading, _look_of_lift(reading, verdict)))
    return message


def _look_of_lift(reading: ReportInput, verdict: Verdict) -> int:
    """The number of the look that the verdict's estimate is of."""
    assert verdict.estimate is not None, "what crossed a line has an estimate"
    days = [kept.look.at for kept in reading.result.looks]
    return days.index(verdict.estimate.at) + 1


def short_verdict_to(given: VerdictInput, reader: ReaderLanguage) -> pb.Verdict:
    """The verdict without its reasons and looks; before the first look, what is waited for."""
    advice = _advice(given)
    message = pb.Verdict(
        kind=pb.VERDICT_KIND_KEEP_GOING,
        sentence=reader.text(advice.headline),
        action=reader.text(advice.action),
        cause=verdict_cause_to(advice.cause),
    )
    line = given.line
    if line is None or not _speaks(given):
        return message
    message.MergeFrom(
        pb.Verdict(
            kind=_kind_to(line, advice),
            variant=line.variant or "",
            metric=line.metric or "",
            evidence=line.evidence,
            lift=line.lift,
            lift_interval=(
                None
                if line.lift is None or line.lift_interval is None
                else interval_to(line.lift_interval, line.confidence)
            ),
            raw_lift=line.raw_lift,
            decided_time=_end_of(given.days, line.decided_day),
            advised_time=_end_of(given.days, line.advised_day),
            next_decision_time=(
                None
                if given.days.is_paused or not advice.is_open
                else _end_of(given.days, line.next_due)
            ),
        )
    )
    return message


def _kind_to(line: VerdictLine, advice: _Advice) -> pb.VerdictKind.ValueType:
    """What a stopped campaign had too little of is not what is wrong with it."""
    if advice.cause == "stopped" and line.kind == "do_not_trust":
        return pb.VERDICT_KIND_KEEP_GOING
    return verdict_kind_to(line.kind)


def _speaks(given: VerdictInput) -> bool:
    """Whether the verdict has something to say: of no unit at all nothing can be trusted."""
    line = given.line
    return line is not None and (given.has_units or line.kind != "do_not_trust")


def _end_of(days: CampaignDays, number: int | None) -> Timestamp | None:
    """The end of a campaign day."""
    day = None if number is None else days.nth(number)
    return None if day is None else time_to(moment(day.end_us))


def _advice(given: VerdictInput) -> _Advice:
    """The verdict's own words, unless the campaign was stopped or paused since."""
    line, campaign = given.line, given.campaign
    if given.failure:
        headline = Message.of("verdict.failed", why=Verbatim(given.failure))
        return _Advice(headline, Message.of("action.wait"), "failed")
    cause = "not_yet_judged" if line is None or not _speaks(given) else line.cause
    if campaign.lifecycle.stop_time is not None and cause in _WAITING_CAUSES:
        return _stopped_advice(given)
    if not given.has_units:
        headline, action = Message.of("verdict.nobody"), Message.of("action.check_exposures")
        return _Advice(headline, action, "no_units")
    if given.days.is_paused and cause in _WAITING_CAUSES:
        headline = Message.of("verdict.paused")
        if line is not None and cause not in _FORECAST_CAUSES:
            headline = line.headline
        return _Advice(headline, Message.of("action.resume"), cause, is_open=False)
    if line is None:
        return _first_advice(given)
    return _Advice(line.headline, line.action, line.cause)


def _first_advice(given: VerdictInput) -> _Advice:
    """Before the first look: when the first decision is due."""
    day = given.days.nth(given.first_decision)
    assert day is not None, "a campaign that is not paused has days to come"
    headline = Message.of("verdict.not_yet_judged", day=Day(day.date.isoformat()))
    return _Advice(headline, Message.of("action.wait"), "not_yet_judged")


def _stopped_advice(given: VerdictInput) -> _Advice:
    """Names the day of the stop: the last look comes days later, when all who entered count."""
    stop_date = given.days.stop_date
    assert stop_date is not None, "the campaign was stopped"
    return _Advice(
        Message.of("verdict.stopped", day=Day(stop_date.isoformat())),
        Message.of("action.stopped", control=VariantName(given.campaign.control.id)),
        "stopped",
        is_open=False,
    )


def _reasons_to(reasons: Iterable[Message], reader: ReaderLanguage) -> Iterator[pb.VerdictReason]:
    for reason in reasons:
        yield pb.VerdictReason(code=_code(reason), sentence=reader.text_or_note(reason))


def _without_forecasts(reasons: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(reason for reason in reasons if _code(reason) not in _FORECAST_REASONS)


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

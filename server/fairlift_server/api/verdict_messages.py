"""The verdict as the contract's Verdict, also for campaigns without data and stopped ones."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.values import time_to
from fairlift_stats.messages import Message
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.facts import ArmStanding
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.look_messages import numbered_look_to, verdict_cause_to, verdict_kind_to
from fairlift_server.api.metric_messages import interval_to
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.current_verdict import VerdictInput, current_verdict
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.report_input import ReportInput
from fairlift_server.results.report_line import judged_comparison
from fairlift_server.store.campaigns import moment

# Reasons about days to come: a campaign that is stopped or paused has none.
_FORECAST_REASONS = {"chances", "end"}


def verdict_to(reading: ReportInput, reader: ReaderLanguage) -> pb.Verdict:
    """The verdict as of the newest look, with its reasons; before it, what is waited for."""
    result, verdict, given = reading.result, reading.result.verdict, verdict_input(reading)
    message = short_verdict_to(given, reader)
    if verdict is None or given.standing is None:
        return message
    is_open = current_verdict(given).is_open
    reasons = verdict.reasons if is_open else _without_forecasts(verdict.reasons)
    message.reasons.extend(_reasons_to(reasons, reader))
    message.since.extend(_reasons_to(verdict.since, reader))
    if is_open:
        message.decision_days.extend(_decision_days(verdict, result.looks[-1]))
    judged = judged_comparison(verdict)
    if isinstance(judged, ArmStanding) and judged.crossed_look is not None:
        message.deciding_look.CopyFrom(numbered_look_to(reading, _look_of_lift(reading, verdict)))
    return message


def verdict_input(reading: ReportInput) -> VerdictInput:
    """What the verdict of a report is written from."""
    result = reading.result
    return VerdictInput(
        reading.campaign,
        reading.days,
        None if result.line is None else result.line.verdict,
        any(result.quality.units.values()),
        next_due(reading.plan.sequential, 0) or 1,
        result.failures.get("verdict", ""),
    )


def _look_of_lift(reading: ReportInput, verdict: Verdict) -> int:
    """The number of the look that the verdict's estimate is of."""
    assert verdict.estimate is not None, "what crossed a line has an estimate"
    days = [kept.look.at for kept in reading.result.looks]
    return days.index(verdict.estimate.at) + 1


def short_verdict_to(given: VerdictInput, reader: ReaderLanguage) -> pb.Verdict:
    """The verdict without its reasons and looks; before the first look, what is waited for."""
    current, line = current_verdict(given), given.standing
    message = pb.Verdict(
        kind=verdict_kind_to(current.kind),
        sentence=reader.text(current.headline),
        action=reader.text(current.action),
        cause=verdict_cause_to(current.cause),
    )
    if line is None:
        return message
    message.MergeFrom(
        pb.Verdict(
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
                if given.days.is_paused or not current.is_open
                else _end_of(given.days, line.next_due)
            ),
        )
    )
    return message


def _end_of(days: CampaignDays, number: int | None) -> Timestamp | None:
    """The end of a campaign day."""
    day = None if number is None else days.nth(number)
    return None if day is None else time_to(moment(day.end_us))


def _reasons_to(reasons: Iterable[Message], reader: ReaderLanguage) -> Iterator[pb.VerdictReason]:
    for reason in reasons:
        yield pb.VerdictReason(code=_code(reason), sentence=reader.text_or_note(reason))


def _without_forecasts(reasons: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(reason for reason in reasons if _code(reason) not in _FORECAST_REASONS)


def _code(reason: Message) -> str:
    """The last part of the message's key: a stable name for programs."""
    return reason.key.rpartition(".")[2]


def _decision_days(verdict: Verdict, last_look: FrozenLook) -> list[float]:
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

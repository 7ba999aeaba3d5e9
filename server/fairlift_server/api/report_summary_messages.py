"""A campaign in a list of reports as the contract's ReportSummary."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import STATES, UNITS
from fairlift.wire.values import time_to
from fairlift_stats.messages import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.api.forecast_messages import forecast_to
from fairlift_server.api.health_messages import STATUSES
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.verdict_messages import short_verdict_to
from fairlift_server.api.weekly_worth_messages import weekly_worth_to
from fairlift_server.results.current_verdict import VerdictInput, current_verdict
from fairlift_server.results.report_list import ListedReport
from fairlift_server.store.campaigns import moment


def report_summary_to(
    listed: ListedReport, language: str, *, currency: str, has_currency_gaps: bool
) -> pb.ReportSummary:
    """The campaign as of its last look, its sentences in the language.

    Args:
        listed: the campaign.
        language: of the sentences.
        currency: the shop's.
        has_currency_gaps: orders wait for an exchange rate, so that money is missing.
    """
    campaign, line, plan = listed.campaign, listed.line, listed.campaign.plan
    lifecycle, reader = campaign.lifecycle, ReaderLanguage.of(campaign, language)
    verdict, worth, forecast = None, None, None
    if listed.edit is not None:
        verdict = pb.Verdict(
            kind=pb.VERDICT_KIND_DO_NOT_TRUST,
            cause=pb.VERDICT_CAUSE_EDITED,
            sentence=reader.text(listed.edit),
            action=reader.text(Message.of("action.restore")),
        )
    elif listed.days is not None:
        given = VerdictInput(
            campaign,
            listed.days,
            None if line is None else line.verdict,
            line is None or line.units > 0,
            listed.first_decision,
            "" if line is None else line.failure,
        )
        verdict = short_verdict_to(given, reader)
        if line is not None and line.worth is not None:
            worth = weekly_worth_to(
                line.worth,
                campaign,
                listed.days,
                reader,
                currency=currency,
                has_currency_gaps=has_currency_gaps,
                is_row=True,
            )
        if line is not None and line.forecast is not None and current_verdict(given).is_open:
            forecast = forecast_to(line.forecast, reader)
    return pb.ReportSummary(
        campaign=campaign.name,
        display_name=campaign.title,
        state=STATES.to(lifecycle.state),
        epoch=lifecycle.epoch,
        unit=UNITS.to(campaign.unit),
        day=0 if line is None else line.day,
        maximum_days=0 if plan is None else plan.maximum_days,
        units=0 if line is None else line.units,
        planned_units=0 if plan is None else plan.planned_units,
        verdict=verdict,
        health=_health(listed),
        start_time=None if lifecycle.start_time is None else time_to(lifecycle.start_time),
        stop_time=None if lifecycle.stop_time is None else time_to(lifecycle.stop_time),
        labels=campaign.labels,
        last_day=0 if line is None else line.last_day,
        information=None if line is None else line.information,
        analysed_units=None if line is None else line.analysed_units,
        next_look_time=_next_look_time(listed),
        currency_code=currency,
        worth=worth,
        forecast=forecast,
    )


def _next_look_time(listed: ListedReport) -> Timestamp | None:
    """When the next look is due; None while the campaign is paused, and after its last look."""
    line, days = listed.line, listed.days
    if days is None or listed.edit is not None or days.is_paused:
        return None
    if line is not None and 0 < line.last_day <= line.day:
        return None
    following = days.nth(1 if line is None else line.day + 1)
    return None if following is None else time_to(moment(following.due_us))


def _health(listed: ListedReport) -> pb.HealthStatus.ValueType:
    if listed.edit is not None:
        return pb.HEALTH_STATUS_BROKEN
    return pb.HEALTH_STATUS_UNSPECIFIED if listed.line is None else STATUSES[listed.line.health]

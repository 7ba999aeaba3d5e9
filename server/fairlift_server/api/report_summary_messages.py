"""A campaign in a list of reports as the contract's ReportSummary."""

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import STATES, UNITS
from fairlift.wire.values import time_to
from fairlift_stats.messages import Message

from fairlift_server.api.health_messages import STATUSES
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.verdict_messages import short_verdict_to
from fairlift_server.results.current_verdict import VerdictInput
from fairlift_server.results.report_list import ListedReport


def report_summary_to(listed: ListedReport, language: str) -> pb.ReportSummary:
    """The campaign as of its last look, its sentences in the language."""
    campaign, line, plan = listed.campaign, listed.line, listed.campaign.plan
    lifecycle = campaign.lifecycle
    verdict = None
    if listed.edit is not None:
        reader = ReaderLanguage.of(campaign, language)
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
        verdict = short_verdict_to(given, ReaderLanguage.of(campaign, language))
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
    )


def _health(listed: ListedReport) -> pb.HealthStatus.ValueType:
    if listed.edit is not None:
        return pb.HEALTH_STATUS_BROKEN
    return pb.HEALTH_STATUS_UNSPECIFIED if listed.line is None else STATUSES[listed.line.health]

"""The days of a verdict are moments of the campaign's calendar; a stored line says the same."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_from
from fairlift_server.api.language import ReaderLanguage
from fairlift_server.api.verdict_messages import short_verdict_to
from fairlift_server.results.campaign_days import CampaignDays, Pause
from fairlift_server.results.current_verdict import VerdictInput
from fairlift_server.results.health_check import HealthStatus
from fairlift_server.results.report_line import ReportLine, VerdictLine
from fairlift_server.store.campaigns import microseconds
from fairlift_stats.effects import Interval
from fairlift_stats.messages import (
    Amount,
    Day,
    Listed,
    Message,
    MetricName,
    Number,
    Percent,
    Points,
    PValue,
    VariantName,
    Verbatim,
)

from tests.server import shop

START = datetime(2026, 11, 1, 5, tzinfo=UTC)  # midnight in New York, until the clock is put back
NEW_YORK = "America/New_York"
CAMPAIGN = campaign_from(shop.campaign())
READER = ReaderLanguage.of(CAMPAIGN, "en")
LINE = VerdictLine(
    kind="ship",
    cause="won",
    variant="free",
    metric="revenue_per_visitor",
    headline=Message.of("verdict.failed", why=Verbatim("nothing")),
    action=Message.of("action.wait"),
    decided_day=10,
    advised_day=7,
    next_due=17,
    evidence=1.2,
    confidence=0.95,
    lift=0.1,
    lift_interval=Interval(0.02, math.inf),
    raw_lift=0.12,
)


def days(*pauses: Pause) -> CampaignDays:
    start = microseconds(START - timedelta(hours=1))
    return CampaignDays(NEW_YORK, start, start, 0, pauses)


def given(**changes: object) -> VerdictInput:
    known = VerdictInput(CAMPAIGN, days(), LINE, has_units=True, first_decision=10)
    return replace(known, **changes)  # type: ignore[arg-type]  # its own fields


def test_a_decision_names_the_ends_of_its_days_in_the_campaign_s_zone() -> None:
    verdict = short_verdict_to(given(), READER)

    # The clock is put back on the first: days end at 05:00 UTC from then on.
    assert verdict.decided_time.ToDatetime(UTC) == datetime(2026, 11, 11, 5, tzinfo=UTC)
    # Advice that a success overruled keeps its day.
    assert verdict.advised_time.ToDatetime(UTC) == datetime(2026, 11, 8, 5, tzinfo=UTC)
    assert verdict.next_decision_time.ToDatetime(UTC) == datetime(2026, 11, 18, 5, tzinfo=UTC)
    assert (verdict.lift_interval.lower, verdict.lift_interval.HasField("upper")) == (0.02, False)
    assert (verdict.lift, verdict.raw_lift, verdict.evidence) == (0.1, 0.12, 1.2)


def test_while_a_campaign_is_paused_no_decision_is_due() -> None:
    pause = Pause(microseconds(START + timedelta(days=12)), None)
    going = replace(LINE, kind="keep_going", cause="running", decided_day=None, advised_day=None)

    verdict = short_verdict_to(given(days=days(pause), line=going), READER)

    assert not verdict.HasField("next_decision_time")
    assert not verdict.HasField("decided_time")
    assert verdict.sentence == "No decision yet: the campaign is paused."


def test_a_stopped_campaign_goes_on_until_those_who_entered_are_mature() -> None:
    stopped_at = START + timedelta(days=5)
    lifecycle = replace(CAMPAIGN.lifecycle, stop_time=stopped_at)
    campaign = replace(CAMPAIGN, lifecycle=lifecycle)
    stopped_days = replace(days(), stop_us=microseconds(stopped_at))
    going = replace(LINE, kind="keep_going", cause="running", decided_day=None, advised_day=None)
    too_few = replace(going, kind="do_not_trust", cause="days")
    ended = replace(going, kind="inconclusive", cause="stopped")

    kinds = [
        short_verdict_to(given(campaign=campaign, days=stopped_days, line=line), READER)
        for line in (None, going, too_few, ended)
    ]

    assert {verdict.cause for verdict in kinds} == {pb.VERDICT_CAUSE_STOPPED}
    assert [verdict.kind for verdict in kinds] == [
        pb.VERDICT_KIND_KEEP_GOING,
        pb.VERDICT_KIND_KEEP_GOING,
        pb.VERDICT_KIND_KEEP_GOING,
        pb.VERDICT_KIND_INCONCLUSIVE,
    ]


def test_without_a_verdict_it_is_said_why() -> None:
    failed = short_verdict_to(given(line=None, failure="it did not converge"), READER)
    nobody = short_verdict_to(
        given(line=replace(LINE, kind="do_not_trust"), has_units=False), READER
    )

    assert failed.cause == pb.VERDICT_CAUSE_FAILED
    assert "it did not converge" in failed.sentence
    assert nobody.cause == pb.VERDICT_CAUSE_NO_UNITS
    assert not nobody.variant


def test_a_line_that_was_stored_is_read_back_to_the_bit() -> None:
    every_figure = Message.counted(
        "verdict.few_orders",
        "found",
        a=Percent(0.1 + 0.2, 2, signed=True),
        b=Amount(1.5, "EUR", signed=True),
        c=PValue(1e-9),
        d=Day("2026-11-14"),
        e=VariantName("free"),
        f=MetricName("clv_90"),
        g=Listed((Verbatim("x"), Message.of("action.wait")), "or"),
        h=Points(0.1 + 0.2, 2, signed=True),
        found=Number(3, 1, signed=True),
    )
    verdict = replace(LINE, headline=every_figure)
    for line in (
        ReportLine(12, 4_000, HealthStatus.WARNING, verdict),
        ReportLine(12, 4_000, HealthStatus.OK, replace(LINE, lift=None, lift_interval=None)),
        ReportLine(1, 0, HealthStatus.BROKEN, None, "it did not converge"),
    ):
        assert ReportLine.from_json(line.to_json()) == line


@pytest.mark.parametrize("language", ["en", "es", "ro"])
def test_a_sentence_that_cannot_be_written_says_so(language: str) -> None:
    """A number of 36 digits is more than the decimals of a locale hold."""
    reader = ReaderLanguage.of(CAMPAIGN, language)
    metric, margin = Verbatim("refunds"), Percent(0.1, 0)
    wild = Message.counted(
        "reason.units_missing", "units", units=Number(1e35), metric=metric, margin=margin
    )
    sound = Message.of("reason.at_margin", metric=metric, margin=margin)

    assert "reason.units_missing" in reader.text_or_note(wild)
    assert reader.text_or_note(sound) == reader.text(sound)

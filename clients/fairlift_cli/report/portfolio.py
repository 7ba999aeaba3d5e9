"""The list of all campaigns as a view: what needs action first, one row each."""

from collections.abc import Iterable

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_PAUSED,
    CAMPAIGN_STATE_RUNNING,
    Campaign,
)
from fairlift.wire.campaign import campaign_id
from fairlift_report.number_signs import number_signs
from fairlift_report.parts import MeterView
from fairlift_report.portfolio import PortfolioRow, PortfolioView
from fairlift_report.table import IntervalView
from fairlift_stats.messages import Names, Number

from fairlift_cli.campaign_status import is_running, planned_progress, state_name, status_word
from fairlift_cli.figures import Figures, unit_of
from fairlift_cli.report.lift_pictures import interval_view
from fairlift_cli.report.outlook_parts import weekly_amount
from fairlift_cli.report.shared_visitors import shared_visitors_table
from fairlift_cli.report.verdict_parts import meter, verdict_name

_OPEN = (CAMPAIGN_STATE_RUNNING, CAMPAIGN_STATE_PAUSED)
_HARM = ("stop_harm", "do_not_trust")
_DECIDED = ("ship", "stop_futile", "inconclusive")


def portfolio_view(
    reports: Iterable[pb.ReportSummary], *, language: str, campaigns: Iterable[Campaign] = ()
) -> PortfolioView:
    """The view of a list.

    Args:
        reports: in the same language: their sentences are the server's.
        language: en, es or ro.
        campaigns: as stored; of those that visitors still enter it is said which share visitors.
    """
    figures, reports = Figures(language), list(reports)
    entered = {report.campaign for report in reports if is_running(report)}
    rows = sorted(
        (_row(report, language) for report in reports),
        key=lambda row: (row.urgency, row.verdict != "ship", row.title.casefold(), row.campaign),
    )
    return PortfolioView(
        language=language,
        signs=number_signs(language),
        heading=figures.say("portfolio.heading"),
        groups=(
            figures.say("portfolio.act_now"),
            figures.say("portfolio.decided"),
            figures.say("portfolio.running"),
            figures.say("portfolio.closed"),
        ),
        columns=(
            figures.say("list.campaign"),
            figures.say("report.lift"),
            figures.say("portfolio.worth"),
            figures.say("portfolio.progress"),
        ),
        owner_label=figures.say("portfolio.owner"),
        broken_label=figures.say("portfolio.broken"),
        rows=tuple(rows),
        shared=shared_visitors_table(figures, (one for one in campaigns if one.name in entered)),
        shared_note=figures.say("portfolio.shared_note"),
        nothing=figures.say("report.nothing_started"),
        made_by=figures.say("page.made_by"),
    )


def _row(report: pb.ReportSummary, language: str) -> PortfolioRow:
    names = Names(unit=unit_of(report.unit))
    figures = Figures(language, report.currency_code, names)
    verdict, (name, tone) = report.verdict, verdict_name(report.verdict)
    has_broken_data = report.health == pb.HEALTH_STATUS_BROKEN and name != "too_early"
    campaign = campaign_id(report.campaign)
    return PortfolioRow(
        campaign=campaign,
        title=report.display_name or campaign,
        urgency=_urgency(report, name, has_broken_data=has_broken_data),
        verdict=name,
        tone=tone,
        word=figures.verdict_kind(verdict.kind, verdict.cause) if name else "",
        sentence=verdict.sentence,
        state=state_name(report),
        state_word=status_word(figures, report),
        days=_days(figures, report),
        visitors=_visitors(figures, report),
        lift=_lift(figures, verdict),
        worth=weekly_amount(figures, report.worth.variant, report.worth, verdict),
        has_broken_data=has_broken_data,
        owner=report.labels.get("owner", ""),
        labels=tuple(sorted(report.labels.items())),
    )


def _urgency(report: pb.ReportSummary, name: str, *, has_broken_data: bool) -> int:
    if report.state not in _OPEN:
        return 3
    if name in _HARM or has_broken_data:
        return 0
    return 1 if name in _DECIDED else 2


def _days(figures: Figures, report: pb.ReportSummary) -> MeterView:
    planned = report.maximum_days
    day = min(report.day, planned)
    share = day / planned if planned else 0.0
    return meter(figures, "report.meter_days", share, day=Number(day), planned=Number(planned))


def _visitors(figures: Figures, report: pb.ReportSummary) -> MeterView:
    planned = report.planned_units
    units = planned_progress(report)
    share = units / planned if planned else 0.0
    counts = {"units": Number(units), "planned": Number(planned)}
    return meter(figures, "report.meter_visitors", share, **counts)


def _lift(figures: Figures, verdict: pb.Verdict) -> IntervalView | None:
    if not (verdict.HasField("lift") and verdict.HasField("lift_interval")):
        return None
    label = figures.metric_name(verdict.metric) if verdict.metric else ""
    return interval_view(figures, label, verdict.lift, verdict.lift_interval)

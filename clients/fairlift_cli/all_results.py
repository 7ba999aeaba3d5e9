"""The `results` command without a name: every campaign with its verdict, in a row each."""

from collections.abc import Iterator, Sequence

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CampaignState
from fairlift.wire.campaign import campaign_id

from fairlift_cli.campaign_status import is_entry_over, planned_progress, status_word
from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.server_connection import ServerConnection


def all_reports(
    server: ServerConnection,
    *,
    language: str = "en",
    states: Sequence[CampaignState.ValueType] = (),
) -> Iterator[pb.ReportSummary]:
    """Every campaign of these states, or else that has started and is not archived.

    Each as of its last look.
    """
    request = pb.ListReportsRequest(language=language, states=states)
    for page in server.pages(server.results.ListReports, request):
        yield from page.reports


def closed_entry(figures: Figures, report: pb.ReportSummary) -> str:
    """The status of a running campaign whose entry is over, in words; else empty."""
    return status_word(figures, report) if is_entry_over(report) else ""


def show_reports(screen: Screen, reports: list[pb.ReportSummary], figures: Figures) -> None:
    """Prints a row for each campaign: its verdict and status, its days, and who has entered."""
    if not reports:
        screen.line(figures.say("report.nothing_started"))
        return
    safe = screen.safe
    keys = ("report.verdict", "list.status", "report.days", "report.visitors")
    headings = (figures.say(key) for key in keys)
    table = figure_table(*map(safe, headings))
    for report in reports:
        table.add_row(
            row_name(safe(campaign_id(report.campaign))),
            safe(_verdict(figures, report.verdict)),
            safe(status_word(figures, report)),
            f"{figures.count(min(report.day, report.maximum_days))}"
            f"/{figures.count(report.maximum_days)}",
            f"{figures.count(planned_progress(report))}/{figures.count(report.planned_units)}",
        )
    screen.table(table)
    for report in reports:
        if report.verdict.cause == pb.VERDICT_CAUSE_EDITED:
            name, sentence = campaign_id(report.campaign), report.verdict.sentence
            screen.line(f"{name}: {sentence}", mark=screen.glyphs.broken)


def _verdict(figures: Figures, verdict: pb.Verdict) -> str:
    if not verdict.kind:
        return NO_VALUE
    return figures.verdict_kind(verdict.kind, verdict.cause).lower()

"""The `results` command without a name: every campaign with its verdict, in a row each."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_id

from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.server_connection import ServerConnection

_PAGE = 200


def all_reports(server: ServerConnection, *, language: str) -> Iterator[pb.ReportSummary]:
    """Every campaign that has started and is not archived, as of its last look."""
    request = pb.ListReportsRequest(page_size=_PAGE, language=language)
    while True:
        page = server.call(server.results.ListReports, request)
        yield from page.reports
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def show_reports(screen: Screen, reports: list[pb.ReportSummary], figures: Figures) -> None:
    """Prints a row for each campaign: its verdict, its days, and who has entered."""
    if not reports:
        screen.line(figures.say("report.nothing_started"))
        return
    safe = screen.safe
    headings = (figures.say(f"report.{key}") for key in ("verdict", "days", "visitors"))
    table = figure_table(*map(safe, headings))
    for report in reports:
        table.add_row(
            row_name(safe(campaign_id(report.campaign))),
            safe(_verdict(figures, report.verdict)),
            f"{figures.count(report.day)}/{figures.count(report.maximum_days)}",
            f"{figures.count(report.units)}/{figures.count(report.planned_units)}",
        )
    screen.table(table)
    for report in reports:
        if report.verdict.cause == pb.VERDICT_CAUSE_EDITED:
            name, sentence = campaign_id(report.campaign), report.verdict.sentence
            screen.line(f"{name}: {sentence}", mark=screen.glyphs.broken)


def _verdict(figures: Figures, verdict: pb.Verdict) -> str:
    if not verdict.kind:
        return NO_VALUE
    kind = pb.VerdictKind.Name(verdict.kind).removeprefix("VERDICT_KIND_").lower()
    is_open = verdict.kind == pb.VERDICT_KIND_KEEP_GOING
    if is_open and verdict.cause == pb.VERDICT_CAUSE_STOPPED:
        kind = "undecided"
    return figures.say(f"kind.{kind}").lower()

"""Draws a report's view in the terminal: verdict, pictures, figures, data quality, counts."""

from collections.abc import Iterable

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.parts import MeterView, OriginView, SegmentsView
from fairlift_report.table import GroupView, TableView
from fairlift_report.view import CampaignView, MethodView
from rich.text import Text

from fairlift_cli.report.campaign_view import campaign_view
from fairlift_cli.report.show_lifts import show_lifts
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.trust import show_trust

_STYLES = {
    "good": "bold white on green",
    "bad": "bold white on red",
    "careful": "bold black on yellow",
    "calm": "bold white on blue",
}
_METER = 30


def show_report(
    screen: Screen, report: pb.Report, *, language: str = "en", details: bool = False
) -> None:
    """Prints a report: first the verdict and its reasons, then all figures."""
    show_view(screen, campaign_view(report, language=language), details=details)


def show_view(screen: Screen, view: CampaignView, *, details: bool = False) -> None:
    """Prints the view; with details also what analysts and accountants ask for."""
    screen.line(view.heading, style="bold")
    screen.line()
    _verdict(screen, view)
    if view.warning:
        screen.line()
        screen.line(view.warning, style="bold")
    for picture in view.pictures:
        if picture.is_primary:
            show_lifts(screen, picture, view.language)
    if view.data_shown:
        screen.line(view.data_shown, style="dim")
    if view.metrics is not None:
        screen.line()
        _table(screen, view.metrics.table)
        for remark in view.metrics.remarks:
            screen.line(remark, style="dim")
    for funnel in view.funnels:
        _titled_table(screen, funnel)
    if view.origin is not None:
        _origin(screen, view.origin)
    for segments in view.segments:
        if details or segments.is_first_metric:
            _segments(screen, segments)
    _titled_table(screen, view.channels, notes=view.channel_notes)
    if view.trust is not None:
        screen.line()
        show_trust(screen, view.trust)
    _titled_table(screen, view.provisional)
    _titled_table(screen, view.totals, notes=view.notes)
    for sentence in (view.progress.analysed, view.progress.upcoming):
        if sentence:
            screen.line(sentence, style="dim")
    if details:
        _titled_table(screen, view.coupons)
        _details(screen, view)


def _verdict(screen: Screen, view: CampaignView) -> None:
    verdict = view.verdict
    if not verdict.word:
        screen.line(verdict.sentence)
        return
    screen.badge(verdict.word, _STYLES[verdict.tone])
    screen.line(verdict.sentence, style="bold")
    if verdict.data_end:
        screen.line(verdict.data_end, style="bold")
    for sentence in (verdict.adjustment, verdict.action, verdict.decided):
        if sentence:
            screen.line(sentence)
    screen.line(verdict.sureness)
    if verdict.evidence is not None:
        _meter(screen, verdict.evidence)
    if view.worth is not None:
        worth = view.worth.rows[0]
        screen.line(f"{worth.sentence} {worth.assumptions}".strip())
    if view.forecast is not None:
        screen.line(view.forecast.sentence)
    for reason in verdict.reasons:
        screen.line(reason, indent=2, mark=screen.glyphs.bullet)


def _meter(screen: Screen, meter: MeterView) -> None:
    filled = round(meter.share * _METER)
    bar = screen.glyphs.full * filled + screen.glyphs.empty * (_METER - filled)
    screen.lines([Text(screen.safe(f"{meter.before} {bar} {meter.after}"))])


def _titled_table(screen: Screen, table: TableView | None, *, notes: Iterable[str] = ()) -> None:
    """The table below its heading, with notes; nothing where there is no table."""
    if table is None:
        return
    screen.line()
    screen.line(table.heading, style="bold")
    _table(screen, table)
    _notes(screen, notes)


def _table(screen: Screen, view: TableView) -> None:
    table, titles = figure_table(*map(screen.safe, view.columns)), dict[int, Text]()
    for group in view.groups:
        if group.title:
            titles[table.row_count] = _title(screen, group)
            table.add_row("")
        for row in group.rows:
            table.add_row(row_name(f"  {screen.safe(row.name)}"), *map(screen.safe, row.cells))
    screen.table(table, titles)


def _title(screen: Screen, group: GroupView) -> Text:
    """The title with its note; one pair of parentheses is enough."""
    name, note = screen.safe(group.title), screen.safe(group.note)
    if not note:
        return Text(name, style="bold")
    title = Text(name.removesuffix(")"), style="bold")
    title.append(f"; {note})" if name.endswith(")") else f" ({note})", style="not bold dim")
    return title


def _notes(screen: Screen, notes: Iterable[str]) -> None:
    for note in notes:
        screen.line(note, indent=2, mark=screen.glyphs.bullet)


def _origin(screen: Screen, origin: OriginView) -> None:
    screen.line()
    screen.line(origin.heading, style="bold")
    for waterfall in origin.waterfalls:
        screen.line(waterfall.variant, indent=2, style="bold")
        screen.line(waterfall.sentence, indent=4)
        screen.line(waterfall.parts, indent=4)
    screen.line(origin.explanation, indent=2)


def _segments(screen: Screen, segments: SegmentsView) -> None:
    _titled_table(screen, segments.table, notes=segments.sentences)
    if segments.same_lift:
        screen.line(segments.same_lift, indent=2, style="dim")


def _details(screen: Screen, view: CampaignView) -> None:
    method: MethodView = view.method
    _titled_table(screen, method.table, notes=())
    for sentence in method.methods:
        screen.line(sentence)
    if view.plan.hash:
        screen.line(f"{view.plan.hash_label} {view.plan.hash}", style="dim")

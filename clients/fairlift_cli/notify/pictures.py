"""A picture of a campaign as PNG: its name, its verdict, and what changed."""

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import Final

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.colours import LIGHT
from fairlift_report.pictures.lifts import draw_lifts
from fairlift_report.view import CampaignView
from fairlift_report.visible import visible
from markupsafe import escape

from fairlift_cli.failures import CommandRefused
from fairlift_cli.notify.verdict_changes import VerdictChange
from fairlift_cli.report import campaign_view
from fairlift_cli.server_connection import RESULTS_TIMEOUT_S, ServerConnection

# A server's answer must not choose where a file is written.
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_WIDTH: Final = 920
_MARGIN: Final = 20
_LINE: Final = 24
_SHARPNESS: Final = 2
_LETTERS_IN_A_LINE: Final = 88
_MOST_LINES: Final = 4
_FONT: Final = "system-ui, DejaVu Sans, Arial, sans-serif"
_COLOUR: Final = re.compile(r"var\(--([\w-]+)\)")


def picture_writer(
    server: ServerConnection, folder: Path, language: str
) -> Callable[[VerdictChange], Path]:
    """Writes the picture of a change into the folder; an older one of the campaign is replaced.

    What it gives raises CommandRefused for what is no campaign id.
    """

    def write(change: VerdictChange) -> Path:
        if not _ID.fullmatch(change.campaign):
            raise CommandRefused(f"{change.campaign!r} is no campaign id; no picture has that name")
        request = pb.GetResultsRequest(name=change.summary.campaign, language=language)
        report = server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{change.campaign}.png"
        path.write_bytes(verdict_png(campaign_view(report, language=language)))
        return path

    return write


def verdict_png(view: CampaignView) -> bytes:
    """The first lines of a report and its headline picture, in the colours of daylight."""
    from vl_convert import svg_to_png

    return svg_to_png(_svg(view), scale=_SHARPNESS)


def _svg(view: CampaignView) -> str:
    lines = wrap(visible(view.verdict.sentence), _LETTERS_IN_A_LINE)[:_MOST_LINES]
    picture = draw_lifts(view.pictures, view.signs)
    top = _MARGIN + _LINE * (2 + len(lines))
    drawn, height = _placed(picture.wide, top) if picture is not None else ("", 0)
    texts = [
        _text(_MARGIN, visible(view.heading), "--ink", 'font-size="20" font-weight="bold"'),
        _text(_MARGIN + _LINE, view.verdict.word, f"--{view.verdict.tone}", 'font-weight="bold"'),
        *(_text(_MARGIN + _LINE * (2 + n), line, "--ink") for n, line in enumerate(lines)),
    ]
    size = f'width="{_WIDTH}" height="{top + height + _MARGIN}"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" font-size="15">'
        f'<rect {size} fill="var(--card)"/>{"".join(texts)}{drawn}</svg>'
    )
    return _COLOUR.sub(lambda name: LIGHT[name[1]], svg)


def _text(top: int, text: str, colour: str, more: str = "") -> str:
    return f'<text x="{_MARGIN}" y="{top + 15}" fill="var({colour})" {more}>{escape(text)}</text>'


def _placed(svg: str, top: int) -> tuple[str, int]:
    """A picture below the texts, and its height."""
    width, height = re.findall(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)[0]
    place = f'<svg x="{_MARGIN}" y="{top}" width="{width}" height="{height}"'
    return svg.replace("<svg", place, 1), round(float(height))

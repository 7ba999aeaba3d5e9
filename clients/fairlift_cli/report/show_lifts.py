"""The lifts of a report in the terminal: one picture for each primary metric, and its legend."""

from fairlift_report.parts import LiftPicture
from fairlift_report.table import IntervalView
from rich.text import Text

from fairlift_cli.figures import Figures
from fairlift_cli.report.chart import Bar, draw
from fairlift_cli.screen import Screen


def show_lifts(screen: Screen, picture: LiftPicture, language: str) -> None:
    """Prints the picture, and below it what its two marks stand for."""
    figures = Figures(language)
    screen.line()
    screen.line(picture.heading, style="bold")
    rows = draw(
        [_bar(screen, row) for row in picture.rows],
        width=screen.width,
        glyphs=screen.glyphs,
        label=lambda value, digits: screen.safe(figures.lift(value, digits)),
    )
    screen.lines([Text(row) for row in rows])
    for line in picture.legend:
        mark = screen.glyphs.verdict if line.is_verdict else screen.glyphs.point
        screen.line(line.sentence, mark=mark)


def _bar(screen: Screen, row: IntervalView) -> Bar:
    label = f"  {screen.safe(row.label)}" if row.is_verdict else screen.safe(row.label)
    return Bar(label, row.low, row.estimate, row.high, row.is_verdict)

"""A report below a cell of a notebook: the parts of a page, whose style leaves the cell alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fairlift_report.page import style
from fairlift_report.parts import CheckStatus, LiftPicture, SegmentsView
from fairlift_report.pictures.lifts import draw_lifts, draw_segments
from fairlift_report.table import TableView
from fairlift_report.templates import environment
from fairlift_report.view import NumberSigns

__all__ = ["NotebookView", "notebook_parts"]


@dataclass(frozen=True, slots=True)
class NotebookView:
    """What an analysis of a frame says.

    Attributes:
        language: en, es or ro.
        signs: of numbers in that language.
        split_status: whether the split of the units is as planned.
        split: the same in a sentence.
        heading: of the picture.
        pictures: the lift of each metric.
        colours: of the picture's intervals.
        table: each metric by variant.
        remarks: what to know before trusting the figures.
        segments: of the first metric, by column.
    """

    language: str
    signs: NumberSigns
    split_status: CheckStatus
    split: str
    heading: str
    pictures: Sequence[LiftPicture]
    colours: str
    table: TableView
    remarks: Sequence[str]
    segments: Sequence[SegmentsView]


def notebook_parts(view: NotebookView) -> Markup:
    """The report as HTML that can stand among other cells."""
    # The page's style, for what is in this cell alone.
    scoped = style(root=":scope", body=":scope")
    segments = [(each, draw_segments(each, view.signs)) for each in view.segments]
    template = environment().get_template("notebook.html")
    lifts = draw_lifts(view.pictures, view.signs)
    return Markup(template.render(view=view, style=scoped, lifts=lifts, segments=segments))

"""Tables and intervals of a report: formatted figures, and the numbers that pictures need."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["GroupView", "IntervalView", "RowView", "TableView", "Tone"]

# What a colour says; a word and an icon always say it too.
Tone: TypeAlias = Literal["good", "bad", "careful", "calm"]


@dataclass(frozen=True, slots=True)
class IntervalView:
    """An estimate and its interval, for a picture and in words.

    Attributes:
        label: what it is of, such as a variant's name.
        low: the lower end; minus infinity when there is none.
        estimate: within the interval.
        high: the upper end; infinity when there is none.
        figure: the estimate, formatted.
        interval: both ends, formatted.
        is_verdict: it is the verdict's own figure, where that differs from the figure of all data.
        level: the interval's confidence, formatted; empty where it is not told by row.
        is_one_look: the interval holds for one look only, so it proves nothing; in a notebook, its
            corrected p-value rejects nothing.
        tone: of the verdict that the interval decided; None where it decided nothing.
    """

    label: str
    low: float
    estimate: float
    high: float
    figure: str
    interval: str
    is_verdict: bool = False
    level: str = ""
    is_one_look: bool = False
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class RowView:
    """A row of a table: a name and a formatted figure for each column.

    Attributes:
        name: of the row.
        cells: formatted figures; empty where there is nothing to show.
        interval: of the row's lift, for a picture; None when it has none.
    """

    name: str
    cells: tuple[str, ...]
    interval: IntervalView | None = None


@dataclass(frozen=True, slots=True)
class GroupView:
    """Rows below a title of their own.

    Attributes:
        title: such as the metric; empty when the rows need none.
        note: what to know of the title, such as the metric's role; may be empty.
        rows: in the order in which they are shown.
    """

    title: str
    note: str
    rows: tuple[RowView, ...]


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of figures.

    Attributes:
        heading: what stands above it; may be empty.
        columns: headings, without that of the names.
        groups: of rows; one without a title where the rows are not grouped.
    """

    heading: str
    columns: tuple[str, ...]
    groups: tuple[GroupView, ...]

"""The output of the CLI: colours only on a terminal, ASCII where nothing else can be shown."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from fairlift_cli.text import clean

_WIDEST = 100
_LEAST_NAME = 10
_GAP = 2
# Where names would have to stand above their figures.
_CLOSE_GAP = 1
_LONG_HEADING = 14
_ASCII = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "...",
        "→": "->",
        "·": "-",
        "•": "*",
        "€": "EUR",
        "£": "GBP",
        "“": '"',
        "”": '"',
        "„": '"',
        "’": "'",
        "‘": "'",
        "±": "+-",
        "×": "x",
        "≥": ">=",
        "≤": "<=",
        "ß": "ss",
        "ł": "l",
        "«": '"',
        "»": '"',
    }
)
# No-break spaces, and the private character that replaces them while text is wrapped.
_UNBROKEN = re.compile(r"[\u00a0\u202f]")
_UNBROKEN_SPACE = "\ue000"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of charts and lists; each is one column wide."""

    left: str
    right: str
    point: str
    verdict: str
    line: str
    zero: str
    crossed_zero: str
    beyond_left: str
    beyond_right: str
    full: str
    empty: str
    ok: str
    warning: str
    broken: str
    unchecked: str
    bullet: str
    arrow: str


UNICODE = Glyphs(*"├┤●◆─│┼◄►█░✓!✗○·→")
ASCII = Glyphs(*"[]o*-|+<>#.+!xo->")


class Screen:
    """Standard output or standard error, as wide and as capable as it is."""

    def __init__(self, *, stderr: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(
            stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False
        )
        self.is_ascii = self._console.options.ascii_only
        self.glyphs = ASCII if self.is_ascii else UNICODE
        self.width = min(self._console.width, _WIDEST)

    def safe(self, text: str) -> str:
        """Text from outside on one line, without controls, in signs that can be shown."""
        text = clean(text)
        if not self.is_ascii:
            return text
        folded = unicodedata.normalize("NFKD", text.translate(_ASCII))
        base_characters = (sign for sign in folded if not unicodedata.combining(sign))
        return "".join(base_characters).encode("ascii", "replace").decode("ascii")

    def line(self, text: str = "", *, style: str = "", indent: int = 0, mark: str = "") -> None:
        """Prints one paragraph, wrapped at the width, with a mark before its first row."""
        self.marked(Text(mark), text, style=style, indent=indent)

    def marked(self, mark: Text, text: str, *, style: str = "", indent: int = 0) -> None:
        """Prints one paragraph whose mark has a style of its own."""
        hang = len(mark) + 1 if mark else 0
        for index, row in enumerate(self._wrapped(text, width=self.width - indent - hang)):
            start = Text(" " * indent)
            if hang:
                start = (
                    start.append_text(mark).append(" ") if index == 0 else start.append(" " * hang)
                )
            self.lines([start.append(row, style)])

    def raw(self, text: str) -> None:
        """Prints text unchanged, for programs and for pasting."""
        self._console.out(text, highlight=False)

    def badge(self, text: str, style: str) -> None:
        """Prints a highlighted word or two; in brackets where there are no colours."""
        has_colours = self._console.color_system is not None and not self._console.no_color
        word = self.safe(text)
        self.lines([Text(f" {word} " if has_colours else f"[{word}]", style=style)])

    def lines(self, rows: Iterable[Text]) -> None:
        """Prints rows that are already laid out."""
        for row in rows:
            self._console.print(row, no_wrap=True, overflow="ignore", crop=False)

    def table(self, table: Table, titles: Mapping[int, Text] | None = None) -> None:
        """Prints a table within the width; titles replace its empty rows, by row number."""
        heading_rows = _fold_headings(table) if table.show_header else 0
        if _name_room(table, self.width, _GAP) < _LEAST_NAME:
            if _name_room(table, self.width, _CLOSE_GAP) < _LEAST_NAME:
                table, titles = _stacked(table, titles or {})
            else:
                table.padding = (0, _CLOSE_GAP, 0, 0)
        options = self._console.options.update_width(self.width)
        for number, segments in enumerate(self._console.render_lines(table, options, pad=False)):
            if titles and (title := titles.get(number - heading_rows)):
                self.lines(title.wrap(self._console, self.width))
                continue
            parts = ((part.text, part.style or "") for part in segments)
            row = Text.assemble(*((self._cut(text), style) for text, style in parts))
            row.rstrip()
            self.lines([row])

    def _cut(self, text: str) -> str:
        """Where rich left something out it says so with a sign that ASCII lacks."""
        return text.replace("…", "~") if self.is_ascii else text

    def _wrapped(self, text: str, *, width: int) -> list[str]:
        # Rich begins a row at any white space; "4,1 %" must stay together.
        joined = _UNBROKEN_SPACE.join(map(self.safe, _UNBROKEN.split(text)))
        space = " " if self.is_ascii else "\N{NO-BREAK SPACE}"
        rows = Text(joined).wrap(self._console, max(width, 20))
        return [row.plain.rstrip().replace(_UNBROKEN_SPACE, space) for row in rows] or [""]


def _name_room(table: Table, width: int, gap: int) -> int:
    """The width that a figure table leaves for names, or as much as is enough."""
    names, *figures = ([column.header, *column.cells] for column in table.columns)
    if not all(column.no_wrap for column in table.columns[1:]):
        return _LEAST_NAME
    room = width - sum(_widest(column) + gap for column in figures)
    return _LEAST_NAME if _widest(names) <= room else room


def _widest(cells: list[RenderableType]) -> int:
    return max(cell_len(row) for cell in cells for row in str(cell).split("\n"))


def _fold_headings(table: Table) -> int:
    """Breaks long headings that are wider than their figures; returns the rows of the header."""
    for column in table.columns[1:]:
        heading, cells = str(column.header), [*column.cells]
        is_wide = cell_len(heading) > max(_LONG_HEADING, _widest(cells) if cells else 0)
        if column.no_wrap and is_wide:
            column.header = _in_two_rows(heading)
    return max(str(column.header).count("\n") + 1 for column in table.columns)


def _in_two_rows(heading: str) -> str:
    """The heading broken at the space that makes its longer row shortest."""
    words = heading.split(" ")
    pairs = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return "\n".join(min(pairs, key=lambda pair: max(map(cell_len, pair)), default=(heading,)))


def _stacked(table: Table, titles: Mapping[int, Text]) -> tuple[Table, dict[int, Text]]:
    """A figure table with each name in a row of its own, for narrow screens."""
    names, *figures = table.columns
    cells = list(zip(names.cells, *(column.cells for column in figures), strict=True))
    stacked = figure_table(*(str(column.header) for column in figures))
    titles_above = dict[int, Text]()
    for number, (name, *row) in enumerate(cells):
        titles_above[stacked.row_count] = titles.get(number) or Text(str(name))
        stacked.add_row("")
        if number not in titles:
            stacked.add_row("", *row)
    return stacked, titles_above


def plain_table(*columns: tuple[str, str]) -> Table:
    """A table without borders; each column has a heading and is justified left or right."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading, justify in columns:
        table.add_column(
            heading, justify="right" if justify == "right" else "left", overflow="fold"
        )
    return table


def figure_table(*headings: str) -> Table:
    """A table of figures beside names: figures stay whole, and a name too long is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def row_name(text: str, *, style: str = "") -> Text:
    """The name of a row, on one line whatever its length."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")

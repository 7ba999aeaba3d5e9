"""What a browser would take from a page: its text, its tags with their attributes, its tables."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_SILENT = {"style"}
_WITHOUT_END = {"meta", "link", "br"}


@dataclass
class ReadPage:
    """A page, read.

    Attributes:
        tags: each with its attributes, in their order.
        cells: texts of the data cells of its tables, but those below a `details`.
        rows: of the same tables the rows that hold data: the name, then each cell.
        sentences: its text, each piece apart.
    """

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text on one line."""
        return one_line(" ".join(self.pieces))

    def having(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each tag of this name."""
        return [attributes for name, attributes in self.tags if name == tag]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = ReadPage()
        self._open: list[str] = []
        self._in_cell = False
        self._row: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _WITHOUT_END:
            self._open.append(tag)
        self._in_cell = tag == "td" and "details" not in self._open
        if self._in_cell:
            self.page.cells.append("")
        if tag == "tr":
            self._row = [] if "details" not in self._open else None
        elif tag in ("th", "td") and self._row is not None:
            self._row.append("")
            if tag == "td" and len(self._row) == 2:
                self.page.rows.append(self._row)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = False
        if tag in ("thead", "tbody", "table"):
            self._row = None
        # Cells and rows of tables have no end tags.
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in _SILENT:
            return
        self.page.pieces.append(data)
        if self._in_cell:
            self.page.cells[-1] += data
        if self._row:
            self._row[-1] += data


def read_html(html: str) -> ReadPage:
    """The page as it is read."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.cells = [one_line(cell) for cell in reader.page.cells]
    reader.page.rows = [[one_line(cell) for cell in row] for row in reader.page.rows]
    return reader.page


def one_line(text: str) -> str:
    """The text with every run of blanks as one, also those that do not break."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").replace("\u202f", " ").split())

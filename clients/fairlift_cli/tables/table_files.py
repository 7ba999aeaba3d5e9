"""Tables as CSV, Excel, JSON and Markdown; no text becomes a formula, and numbers stay numbers."""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from fairlift_report.spreadsheets import SheetCell, SheetRow, csv_table, plain_cell, workbook

from fairlift_cli.needed_extra import needing
from fairlift_cli.tables.figure_rows import COLUMNS
from fairlift_cli.text import clean

TABLE_FORMATS: Final = ("csv", "xlsx", "json", "markdown")
_NUMBERS: Final = frozenset({"epoch", "units", "value", "lower", "upper", "confidence"})
# Else a name could close the cell, start HTML or a link.
_MARKDOWN: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*[]<>|"} | {"&": "&amp;"})


def table_content(rows: Sequence[SheetRow], kind: str) -> bytes:
    """The table in one of TABLE_FORMATS; UTF-8 where it is text.

    Raises:
        Misused: the package that writes Excel files is not installed.
    """
    if kind == "json":
        objects = json.dumps([dict(row) for row in rows], indent=1, allow_nan=False)
        return f"{objects}\n".encode()
    # Controls and signs that hide or reorder text are of no use to people.
    cleaned = [{column: _cleaned(row[column]) for column in COLUMNS} for row in rows]
    match kind:
        case "csv":
            return csv_table(COLUMNS, cleaned).encode()
        case "xlsx":
            with needing("report"):
                return workbook({"figures": (COLUMNS, cleaned)})
        case _:
            return _markdown(cleaned).encode()


def _cleaned(cell: SheetCell) -> SheetCell:
    return clean(cell) if isinstance(cell, str) else cell


def _markdown(rows: Sequence[SheetRow]) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |\n"

    def shown(cell: SheetCell) -> str:
        return plain_cell(cell).translate(_MARKDOWN)

    # A column that no row fills would only push the others out of sight.
    filled = [column for column in COLUMNS if any(row[column] is not None for row in rows)]
    return "".join(
        [
            line(filled),
            line(["---:" if column in _NUMBERS else "---" for column in filled]),
            *(
                line([plain_cell(row[each]).translate(_MARKDOWN) for each in filled])
                for row in rows
            ),
        ]
    )

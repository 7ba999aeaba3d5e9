"""Tables as CSV and Excel files: no text becomes a formula, and numbers stay numbers."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

__all__ = ["SheetCell", "SheetRow", "csv_table", "harmless", "plain_cell", "workbook"]

SheetCell: TypeAlias = str | int | float | bool | None
SheetRow: TypeAlias = Mapping[str, SheetCell]

# What makes a spreadsheet take a text for a formula, or hides one that follows.
_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # the last four as wide as letters of Chinese
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\0")
_PARTED_FORMULA: Final = re.compile(rf"([;\t\r\n][\s\"']*)([{_SIGNS}])")
_WIDEST: Final = 40
_NO_GUESSES: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def harmless(cell: SheetCell) -> SheetCell:
    """A text that no spreadsheet takes for a formula; numbers as they are.

    >>> harmless("=1+1"), harmless(-1)
    ("'=1+1", -1)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _harmless_csv(cell: SheetCell) -> SheetCell:
    """As `harmless`, also for spreadsheets that part cells at semicolons or tabs.

    Excel does so in Spanish and Romanian; quotes within a line mean nothing to it then.

    >>> _harmless_csv("a;=1+1")
    "a;'=1+1"
    """
    cell = harmless(cell)
    return _PARTED_FORMULA.sub(r"\1'\2", cell) if isinstance(cell, str) else cell


def csv_table(columns: Sequence[str], rows: Sequence[SheetRow]) -> str:
    """The table as CSV (RFC 4180); a cell that a row lacks, or that is None, is empty."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([plain_cell(_harmless_csv(row.get(column))) for column in columns])
    return stream.getvalue()


def plain_cell(cell: SheetCell) -> str:
    """A cell as text: a number with all its digits, true or false, nothing for None."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case _:
            return str(cell)


def workbook(tables: Mapping[str, tuple[Sequence[str], Sequence[SheetRow]]]) -> bytes:
    """An Excel file with a sheet for each table: its name, its columns, its rows."""
    # Only Excel files need it.
    import xlsxwriter

    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, _NO_GUESSES) as book:
        heading = book.add_format({"bold": True})
        for name, (columns, rows) in tables.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(columns):
                sheet.write_string(0, place, column, heading)
                cells = [harmless(row.get(column)) for row in rows]
                widest = max((len(plain_cell(cell)) for cell in cells), default=0)
                sheet.set_column(place, place, min(max(len(column), widest) + 2, _WIDEST))
                for number, cell in enumerate(cells, start=1):
                    match cell:
                        case None:
                            pass
                        case bool():
                            sheet.write_boolean(number, place, cell)
                        case str():
                            sheet.write_string(number, place, cell)
                        case _:
                            sheet.write_number(number, place, cell)
    return stream.getvalue()

"""Writes tables for people: CSV, Excel and JSON lines, where no text becomes a formula."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairlift_server.api.report_rows import Cell, Row
from fairlift_server.store.durable_files import failures_named, put

FORMATS = ("csv", "xlsx", "jsonl")
# What makes a spreadsheet take a text for a formula, or hides one that follows.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def write_tables(folder: Path, tables: Mapping[str, Sequence[Row]], kind: str) -> list[Path]:
    """Writes each table to a file of the folder, or all to one workbook; the paths.

    Older files of the same names are replaced at once, each by a complete one.

    Args:
        folder: made if need be.
        tables: by name; a column that one row has, all have.
        kind: one of FORMATS.

    Raises:
        WrongState: the folder or a file cannot be written.
    """
    with failures_named(f"writing to {folder}"):
        folder.mkdir(exist_ok=True)
        if kind == "xlsx":
            path = folder / "results.xlsx"
            new = _new(path)
            _write_workbook(new, tables)
            put(new, path)
            return [path]
        paths = []
        for name, rows in tables.items():
            path = folder / f"{name}.{kind}"
            new = _new(path)
            (_write_csv if kind == "csv" else _write_json_lines)(new, rows)
            put(new, path)
            paths.append(path)
        return paths


def harmless(cell: Cell) -> Cell:
    """A text that no spreadsheet takes for a formula; numbers as they are."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    columns = _columns(rows)
    # With a byte order mark: without it, Excel reads accents as Windows-1252.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_csv_cell(row.get(column)) for column in columns])


def _csv_cell(cell: Cell) -> Cell:
    match cell:
        case bool():
            return "true" if cell else "false"
        case _:
            return harmless(cell)


def _write_json_lines(path: Path, rows: Sequence[Row]) -> None:
    columns = _columns(rows)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            line = {column: row.get(column) for column in columns}
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def _write_workbook(path: Path, tables: Mapping[str, Sequence[Row]]) -> None:
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        heading = book.add_format({"bold": True})
        for name, rows in tables.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            columns = _columns(rows)
            for place, column in enumerate(columns):
                sheet.write_string(0, place, column, heading)
            for number, row in enumerate(rows, start=1):
                for place, column in enumerate(columns):
                    match harmless(row.get(column)):
                        case None:
                            pass
                        case bool() as claim:
                            sheet.write_boolean(number, place, claim)
                        case str() as text:
                            sheet.write_string(number, place, text)
                        case value:
                            sheet.write_number(number, place, value)
            sheet.autofit()


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")

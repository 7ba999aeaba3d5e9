"""Writes tables for people: CSV, Excel and JSON lines, where no text becomes a formula."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairlift_report.spreadsheets import SheetRow, csv_table, workbook

from fairlift_server.store.durable_files import failures_named, put

FORMATS = ("csv", "xlsx", "jsonl")


def write_tables(folder: Path, tables: Mapping[str, Sequence[SheetRow]], kind: str) -> list[Path]:
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


def _write_csv(path: Path, rows: Sequence[SheetRow]) -> None:
    # With a byte order mark: without it, Excel reads accents as Windows-1252.
    table = csv_table(_columns(rows), rows)
    path.write_text(table, encoding="utf-8-sig", newline="")


def _write_json_lines(path: Path, rows: Sequence[SheetRow]) -> None:
    columns = _columns(rows)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            line = {column: row.get(column) for column in columns}
            file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def _write_workbook(path: Path, tables: Mapping[str, Sequence[SheetRow]]) -> None:
    path.write_bytes(workbook({name: (_columns(rows), rows) for name, rows in tables.items()}))


def _columns(rows: Sequence[SheetRow]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")

"""The rows that were not taken, in a file that a spreadsheet opens safely."""

import csv
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fairlift_server.importing.source import SourceFile
from fairlift_server.importing.sql_names import named

# A spreadsheet runs a cell that begins so as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BATCH = 1_000
_TABLE = "CREATE TABLE IF NOT EXISTS refused (line BIGINT, reason VARCHAR, shown BOOLEAN)"
_ROWS = (
    "SELECT refused.line, refused.reason, {columns} FROM source "
    "JOIN refused ON source.import_line = refused.line ORDER BY refused.line"
)
_CELL = "CASE WHEN refused.shown THEN source.{column} END"


class RefusedRows:
    """Notes refused lines beside the file, and writes them down in the end."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._waiting: list[tuple[int, str, bool]] = []
        source.run(_TABLE)

    def note(self, lines: Sequence[int], reason: str, is_erased: bool) -> None:
        """Notes that these lines are not taken, or are of somebody who was erased."""
        self._waiting += ((line, reason, not is_erased) for line in dict.fromkeys(lines))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def write(self, path: Path) -> None:
        """Writes line, reason and row of each, in the order of the file.

        Of who was erased nothing is kept: their rows are empty.
        """
        self._flush()
        columns = self._source.columns
        cells = (_CELL.format(column=named(column)) for column in columns)
        rows = _ROWS.format(columns=", ".join(cells))
        # The rows may name people.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            writer = csv.writer(file)
            writer.writerow(["line", "reason", *map(defused, columns)])
            for batch in self._source.batches(rows, _BATCH):
                writer.writerows(map(_cells, batch))

    def _flush(self) -> None:
        if self._waiting:
            notes = [list(each) for each in zip(*self._waiting, strict=True)]
            self._source.run("INSERT INTO refused SELECT unnest(?), unnest(?), unnest(?)", notes)
            self._waiting = []


def defused(text: str) -> str:
    """The text as a cell that is no formula.

    >>> defused("=1+1"), defused("plain")
    ("'=1+1", 'plain')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cells(row: Iterable[object]) -> list[str]:
    return [defused(_text(value)) for value in row]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)

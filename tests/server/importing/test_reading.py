"""What is read of a CSV is what Python's own reader reads, with the lines that an editor shows."""

import csv
import random
from pathlib import Path

import pytest
from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.source import SourceFile
from fairlift_server.importing.sql_names import named

_TEXTS = ("a", "", "ñ€", "two\nlines", 'say "hi"', "a,b", "a;b", " blank ", "'", "x" * 3_000, "\n")


def some_csv(r: random.Random, path: Path, rows: int) -> list[tuple[int, list[str]]]:
    """Writes a file; its rows, each with the line where it begins."""
    delimiter, end = r.choice(",;\t|"), r.choice(("\n", "\r\n"))
    columns = [f"column {number}" for number in range(r.randrange(2, 6))]
    # Python writes a line feed within a value as it is.
    with path.open("w", encoding=r.choice(("utf-8", "utf-8-sig")), newline="") as file:
        form = csv.excel()
        form.delimiter, form.lineterminator = delimiter, end
        form.quoting = r.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
        writer = csv.writer(file, form)
        writer.writerow(columns)
        expected, line = [], 2
        for _ in range(rows):
            row = [r.choice(_TEXTS) if r.random() < 0.3 else "plain" for _ in columns]
            writer.writerow(row)
            expected.append((line, row))
            line += 1 + sum(value.count("\n") for value in row)
    return expected


@pytest.mark.parametrize("rows", [1, 50, 5_000])
@pytest.mark.parametrize("seed", range(6))
def test_rows_and_their_lines(tmp_path: Path, seed: int, rows: int) -> None:
    r = random.Random(f"{seed}/{rows}")
    path = tmp_path / "file.csv"
    expected = some_csv(r, path, rows)
    first = path.read_text(encoding="utf-8-sig").splitlines()[0]
    delimiter = next(mark for mark in ",;\t|" if mark in first)

    source = SourceFile(path, FileOptions(delimiter=delimiter))
    try:
        columns = ", ".join(map(named, source.columns))
        select = f"SELECT import_line, {columns} FROM source"
        found = [row for batch in source.batches(select, 1_000) for row in batch]
    finally:
        source.close()

    assert [(line, [value or "" for value in row]) for line, *row in found] == expected


def test_blank_lines_between_rows_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1,2\n\n3,4\n\n\n")
    source = SourceFile(path, FileOptions())
    try:
        assert source.all("SELECT a, b FROM source") == [("1", "2"), ("3", "4")]
    finally:
        source.close()

"""How DuckDB reads a file of each form: nothing but the form is decided here."""

import codecs
import csv
import re
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.importing.text_file import MAX_LINE_BYTES, TextFile

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
_SEPARATOR_LINE_MAX = len('"sep=;"\n')


def parquet_reader(path: Path) -> str:
    """Reads Parquet."""
    return f"read_parquet({_sql_path(path)})"


def _sql_path(path: Path) -> str:
    return quoted(str(path.resolve()))


def json_reader(text: TextFile, start: bytes) -> str:
    """Reads a line as an object; a text that begins with [ as a list of objects."""
    shape = "array" if start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"[" else "nd"
    # Types are found in the whole file: a column may be a text in its last line only.
    return (
        f"read_{'nd' if shape == 'nd' else ''}json({_sql_path(text.path)}, sample_size = -1, "
        f"maximum_object_size = {2 * MAX_LINE_BYTES})"
    )


def separator_named_by(text: TextFile) -> str:
    """The separator in a line before the names, such as `sep=;`, as Excel writes it; else ""."""
    with text.path.open(encoding="utf-8-sig", newline="") as file:
        line = _SEPARATOR_LINE.fullmatch(file.readline(_SEPARATOR_LINE_MAX))
    return line[1] if line else ""


def csv_reader(path: Path, text: TextFile, delimiter: str, *, lines_before: int) -> str:
    """Reads every column of a CSV as a text.

    Args:
        path: of the file.
        text: its lines.
        delimiter: between columns.
        lines_before: how many lines come before the names of the columns.

    Raises:
        WrongState: the line of names has none.
    """
    names = _header(path, text, delimiter, lines_before)
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    # Nothing is guessed: a guess from the first rows is wrong for the last ones.
    return (
        f"read_csv({_sql_path(text.path)}, delim = {quoted(delimiter)}, quote = '\"', "
        f"escape = '\"', skip = {lines_before}, header = true, columns = {{{columns}}}, "
        f"auto_detect = false, strict_mode = true, new_line = '\\n', "
        f"max_line_size = {2 * MAX_LINE_BYTES})"
    )


def _header(path: Path, text: TextFile, delimiter: str, lines_before: int) -> list[str]:
    with text.path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(lines_before):
            file.readline()
        try:
            names = next(csv.reader(file, delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            raise WrongState(f"{path}: its first line names no columns: {error}") from None
    unique: list[str] = []
    for number, name in enumerate(names, 1):
        name = name.strip() or f"column {number}"
        taken = {other.casefold() for other in unique}
        unique.append(f"{name} ({number})" if name.casefold() in taken else name)
    return unique

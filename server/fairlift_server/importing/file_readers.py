"""How DuckDB reads a file of each form: nothing but the form is decided here."""

import codecs
import csv
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.text_file import MAX_LINE_BYTES, TextFile


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


def csv_reader(path: Path, text: TextFile, options: FileOptions) -> str:
    """Reads every column of a CSV as a text.

    Raises:
        WrongState: the first line names no columns.
    """
    names = _header(path, text, options.delimiter)
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    # Nothing is guessed: a guess from the first rows is wrong for the last ones.
    return (
        f"read_csv({_sql_path(text.path)}, delim = {quoted(options.delimiter)}, quote = '\"', "
        f"escape = '\"', header = true, columns = {{{columns}}}, auto_detect = false, "
        f"strict_mode = true, new_line = '\\n', max_line_size = {2 * MAX_LINE_BYTES})"
    )


def _header(path: Path, text: TextFile, delimiter: str) -> list[str]:
    with text.path.open(encoding="utf-8-sig", newline="") as file:
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

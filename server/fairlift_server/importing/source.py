"""A file as a table of DuckDB: its readers do the parsing."""

import codecs
import csv
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
from fairlift.engine.errors import WrongState

from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.text_file import MAX_LINE_BYTES, FileState, TextFile, checked_text

_THREADS = 2
_MEMORY = "512MB"
_JSON_ENDINGS = frozenset({".json", ".jsonl", ".ndjson"})
_PARQUET_MAGIC = b"PAR1"


class SourceFile:
    """An open file: `source` is a view of its columns and of `import_line`, in its order.

    Expressions of a mapping can read nothing but the file.

    Raises:
        WrongState: there is no such file, or it cannot be read; one sentence says why.
    """

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        _check_is_file(path)
        self._state = FileState.of(path)
        self._folder = tempfile.TemporaryDirectory(prefix="fairlift-import-")
        spill = Path(self._folder.name)
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": _THREADS,
            "memory_limit": _MEMORY,
            "temp_directory": str(spill),
        }
        self._connection = duckdb.connect(config=config)
        try:
            self._open(options, spill)
        except BaseException:
            self.close()
            raise

    def _open(self, options: FileOptions, folder: Path) -> None:
        with self.path.open("rb") as file:
            start = file.read(4_096)
        self.line_word, before_first = "line", 0
        if start[:4] == _PARQUET_MAGIC or self.path.suffix == ".parquet":
            self.line_word, self._read_path = "row", self.path
            reading = f"read_parquet({_sql_path(self.path)})"
        elif self.path.suffix in _JSON_ENDINGS:
            text = checked_text(self.path, options.encoding, folder / "text.jsonl")
            self._read_path = text.path
            reading = _json_reader(text, start)
        else:
            text = checked_text(self.path, options.encoding, folder / "text.csv")
            self._read_path = text.path
            reading, before_first = _csv_reader(self.path, text, options), 1
        self._lock_up(folder)
        described = self.all(f"DESCRIBE SELECT * FROM {reading}")
        self.columns: list[str] = [row[0] for row in described]
        there = {column.casefold() for column in self.columns}
        lacking = [name for name in options.may_lack if name.casefold() not in there]
        nulls = "".join(f", NULL::VARCHAR AS {named(name)}" for name in lacking)
        self._connection.execute(
            f"CREATE VIEW source AS SELECT *{nulls}, "
            f"row_number() OVER () + {before_first} AS import_line FROM {reading}"
        )

    def _lock_up(self, folder: Path) -> None:
        allowed = ", ".join(quoted(str(p.resolve())) for p in (self.path, self._read_path))
        self._connection.execute(f"SET allowed_paths = [{allowed}]")
        self._connection.execute(f"SET allowed_directories = [{quoted(str(folder))}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def described(self, select: str) -> str:
        """The type of a query's first column.

        Raises:
            duckdb.Error: the query is wrong.
        """
        return str(self._connection.execute(f"DESCRIBE {select}").fetchall()[0][1])

    def all(self, select: str) -> list[tuple[Any, ...]]:
        """All rows of a query; `Any`: their values.

        Raises:
            WrongState: some line cannot be read, or the file changed meanwhile.
        """
        try:
            rows = self._connection.execute(select).fetchall()
        except duckdb.Error as error:
            raise self._unreadable(error) from None
        self.check_rests()
        return rows

    def batches(self, select: str, size: int) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a query in batches, while the file rests; `Any`: their values.

        Raises:
            WrongState: some line cannot be read, or the file changed meanwhile.
        """
        cursor = self._connection.cursor()
        try:
            cursor.execute(select)
            while rows := cursor.fetchmany(size):
                self.check_rests()
                yield rows
        except duckdb.Error as error:
            raise self._unreadable(error) from None
        finally:
            cursor.close()

    def run(self, statement: str, values: Sequence[object] = ()) -> None:
        """Runs a statement on tables that are made beside the file's."""
        self._connection.execute(statement, values or None)

    def check_rests(self) -> None:
        """Raises WrongState where the file changed since it was opened."""
        if FileState.of(self.path) != self._state:
            raise WrongState(
                f"{self.path} changed while it was read; import it when nothing writes to it any "
                "more (what was stored already does not count twice)"
            )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
        self._folder.cleanup()

    def _unreadable(self, error: duckdb.Error) -> WrongState:
        self.check_rests()
        return WrongState(f"{self.path}: {_explained(str(error), self._read_path)}")


def quoted(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """The column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def _check_is_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise WrongState(f"{path} is a folder; name the files in it")
        if not path.exists():
            raise WrongState(f"there is no file {path}")
        if not path.is_file():
            raise WrongState(f"{path} is no plain file; write what it gives to one first")
        if path.stat().st_size == 0:
            raise WrongState(f"{path} is empty")
        with path.open("rb"):
            pass
    except OSError as error:
        raise WrongState(f"cannot read {path}: {error.strerror}") from None


def _sql_path(path: Path) -> str:
    return quoted(str(path.resolve()))


def _json_reader(text: TextFile, start: bytes) -> str:
    shape = "array" if start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"[" else "nd"
    # Types are found in the whole file: a column may be a text in its last line only.
    return (
        f"read_{'nd' if shape == 'nd' else ''}json({_sql_path(text.path)}, sample_size = -1, "
        f"maximum_object_size = {2 * MAX_LINE_BYTES})"
    )


def _csv_reader(path: Path, text: TextFile, options: FileOptions) -> str:
    names = _header(path, text, options.delimiter)
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    end = "\\r\\n" if text.line_end == "\r\n" else "\\n"
    # Nothing is guessed: a guess from the first rows is wrong for the last ones.
    return (
        f"read_csv({_sql_path(text.path)}, delim = {quoted(options.delimiter)}, quote = '\"', "
        f"escape = '\"', header = true, columns = {{{columns}}}, auto_detect = false, "
        f"strict_mode = true, new_line = '{end}', max_line_size = {2 * MAX_LINE_BYTES})"
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


def _explained(error: str, path: Path) -> str:
    """DuckDB's error as one sentence, without its advice for programmers."""
    if line := re.search(r"CSV Error on Line: (\d+)", error):
        where = f"line {line[1]}"
        if "unterminated quote" in error:
            return f"{where} opens a quotation mark and does not close it, or closes it too early"
        if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error):
            return (
                f"{where} has {found[2]} columns, the first line has {found[1]}; check the "
                "separator, and quotation marks around texts that contain it"
            )
        if "Maximum line size" in error:
            return (
                f"{where} is longer than {MAX_LINE_BYTES:,} characters; is a quotation mark open?"
            )
    if "CSV Parser state machine" in error or "does not support a full read" in error:
        return "has lines that end in different ways, or a quotation mark that is not closed"
    if "Malformed JSON" in error:
        return _broken_json(path)
    if "magic bytes" in error or "arquet" in error:
        return "is no Parquet file, or it is cut off"
    if "maximum_object_size" in error:
        return f"a line is longer than {MAX_LINE_BYTES:,} characters"
    sentence = error.partition("\n")[0]
    return f"cannot be read: {sentence.partition(': ')[2] or sentence}"


def _broken_json(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    json.loads(line)
            except ValueError:
                return f"line {number} is no JSON object; every line must be one"
    return "is no file of JSON lines: every line must be one object"

"""A file as a table of DuckDB: its readers do the parsing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
from fairlift.engine.errors import WrongState

from fairlift_server.analysis.attached_ledger import quoted
from fairlift_server.importing.file_readers import (
    csv_reader,
    json_reader,
    parquet_reader,
    separator_named_by,
)
from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.reader_errors import explained
from fairlift_server.importing.sql_names import named
from fairlift_server.importing.text_file import FileState, readable_text
from fairlift_server.importing.work_folder import WorkFolder

_THREADS = 2
_MEMORY = "256MB"
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
        check_is_file(path)
        self._state = FileState.of(path)
        self._folder = WorkFolder()
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": _THREADS,
            "memory_limit": _MEMORY,
            "temp_directory": str(self._folder.path),
        }
        self._connection = duckdb.connect(config=config)
        try:
            self._open(options, self._folder.path)
        except BaseException:
            self.close()
            raise

    def _open(self, options: FileOptions, folder: Path) -> None:
        with self.path.open("rb") as file:
            start = file.read(4_096)
        self.line_word, text, self.names_separator = "line", None, False
        if start[:4] == _PARQUET_MAGIC or self.path.suffix == ".parquet":
            self.line_word, self._read_path = "row", self.path
            reading = parquet_reader(self.path)
        elif self.path.suffix in _JSON_ENDINGS:
            text = readable_text(self.path, options.encoding, folder / "text.jsonl")
            self._read_path = text.path
            if text.blank:  # the reader does not say on which line an object stands
                self.line_word = "object"
            reading = json_reader(text, start)
        else:
            text = readable_text(self.path, options.encoding, folder / "text.csv")
            self._read_path = text.path
            separator = separator_named_by(text)
            self.names_separator = bool(separator)
            delimiter = separator or options.delimiter
            reading = csv_reader(self.path, text, delimiter, lines_before=int(self.names_separator))
        self._lock_up(folder)
        self.columns: list[str] = [row[0] for row in self.all(f"DESCRIBE SELECT * FROM {reading}")]
        there = {column.casefold() for column in self.columns}
        lacking = [name for name in options.may_lack if name.casefold() not in there]
        nulls = "".join(f", NULL::VARCHAR AS {named(name)}" for name in lacking)
        line = "row_number() OVER ()"
        if "read_csv" in reading and text is not None:
            line_of_names = 1 + self.names_separator
            after = text.lines - line_of_names
            breaks = self._breaks_before(reading, after, text.blank)
            line = f"{line_of_names} + {line} + {breaks}"
        self._connection.execute(
            f"CREATE VIEW source AS SELECT *{nulls}, {line} AS import_line FROM {reading}"
        )

    def _breaks_before(self, reading: str, lines: int, blank: int) -> str:
        """How many line breaks stand within the values of the rows before one.

        Args:
            reading: of the file.
            lines: after the one of names.
            blank: how many lines are empty.
        """
        within = " + ".join(
            f"coalesce(length({column}) - length(replace({column}, chr(10), '')), 0)"
            for column in map(named, self.columns)
        )
        rows = self.all(f"SELECT count(*) FROM {reading}")[0][0]
        if rows == lines:
            return "0"
        breaks = self.all(f"SELECT sum({within}) FROM {reading}")[0][0] or 0
        if not 0 <= lines - rows - breaks <= blank:
            raise WrongState(
                f"{self.path} has {lines:,} lines after the column names, of which only {rows:,} "
                "rows can be read; quotation marks may be wrong"
            )
        return f"CAST(sum({within}) OVER (ROWS UNBOUNDED PRECEDING) - ({within}) AS BIGINT)"

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
        self._folder.close()

    def _unreadable(self, error: duckdb.Error) -> WrongState:
        self.check_rests()
        return WrongState(f"{self.path}: {explained(str(error), self._read_path)}")


def check_is_file(path: Path) -> None:
    """Raises WrongState where there is no file that can be read."""
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

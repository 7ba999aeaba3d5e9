"""The ledger as one export reads it: DuckDB over the SQLite file, as of one moment."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb
from fairlift.engine.errors import WrongState

_THREADS = 2
_SCANNER = "duckdb_extension_sqlite_scanner"


class LedgerReader:
    """A transaction over the database.

    Its queries are the database's own SQL: DuckDB's would read whole tables where SQLite has an
    index.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def source(self, sql: str) -> str:
        """What stands after FROM for the rows of a query; all its columns are text."""
        return f"sqlite_query('shop', {quoted(sql)})"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of text."""
        return self.connection.execute(f"SELECT * FROM {self.source(sql)}").fetchall()

    def has_table(self, name: str) -> bool:
        """Whether this version of the database has a table."""
        found = self.ask(f"SELECT count(*) AS found FROM sqlite_master WHERE name = '{name}'")
        return found != [("0",)]


@contextmanager
def opened(database: Path, scratch: Path) -> Iterator[LedgerReader]:
    """The ledger, read-only, also while a server writes.

    Call it in a process that has the file open by no other means: DuckDB brings its own SQLite, and
    two copies of SQLite in one process drop each other's locks on the file.

    Args:
        database: the SQLite file.
        scratch: a folder for what does not fit into memory.

    Raises:
        WrongState: it cannot be read.
    """
    with closing(
        duckdb.connect(config={"threads": _THREADS, "temp_directory": str(scratch)})
    ) as connection:
        # From the wheel: nothing is downloaded at run time.
        extension = f"extensions/v{duckdb.__version__}/sqlite_scanner.duckdb_extension"
        with as_file(files(_SCANNER).joinpath(extension)) as scanner:
            connection.execute(f"LOAD {quoted(str(scanner))}")
        try:
            connection.execute(f"ATTACH {quoted(str(database))} AS shop (TYPE sqlite, READ_ONLY)")
            connection.begin()
            yield LedgerReader(connection)
            connection.commit()
        except duckdb.Error as error:
            raise WrongState(f"exporting {database} failed: {_first_line(error)}") from error


def quoted(text: str) -> str:
    """A literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

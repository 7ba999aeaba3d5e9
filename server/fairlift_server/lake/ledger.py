"""The ledger as one export reads it: DuckDB over SQLite or PostgreSQL, as of one moment."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from fairlift.engine.errors import WrongState

from fairlift_server.analysis.attached_ledger import attach_database, quoted
from fairlift_server.lake.dialect import POSTGRES, SQLITE, Dialect
from fairlift_server.store.database import is_url
from fairlift_server.store.postgres_database import PostgresDatabase, without_secrets
from fairlift_server.store.sqlite_file import check_ledger

_THREADS = 2


class LedgerReader:
    """A transaction over the database.

    Its queries are the database's own SQL: DuckDB's would read whole tables where the database has
    an index.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, dialect: Dialect) -> None:
        self.connection = connection
        self.dialect = dialect

    def source(self, sql: str) -> str:
        """What stands after FROM for the rows of a query; from SQLite, all columns are text."""
        return f"{self.dialect.query}('shop', {quoted(sql)})"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows; from SQLite, all values are text."""
        return self.connection.execute(f"SELECT * FROM {self.source(sql)}").fetchall()

    def has_table(self, name: str) -> bool:
        """Whether this version of the database has a table."""
        ((tables,),) = self.ask(self.dialect.tables.format(name))
        return int(tables) > 0


def checked_ledger(database: str) -> str:
    """The database, by a path without links or its URL, after a look at it; it is closed again.

    Raises:
        WrongState: it is not there, it lacks writes that it had, or another program's tables are
            in it.
    """
    if not is_url(database):
        return str(check_ledger(Path(database)))
    shared = PostgresDatabase(database)
    try:
        shared.refuse_foreign()
    finally:
        shared.close()
    return database


@contextmanager
def opened(database: str, scratch: Path) -> Iterator[LedgerReader]:
    """The ledger, read-only, also while a server writes.

    Call it in a process that has a SQLite file open by no other means: DuckDB brings its own
    SQLite, and two copies of SQLite in one process drop each other's locks on the file.

    Args:
        database: a SQLite file, or the URL of PostgreSQL.
        scratch: a folder for what does not fit into memory.

    Raises:
        WrongState: it cannot be read.
    """
    with closing(
        duckdb.connect(config={"threads": _THREADS, "temp_directory": str(scratch)})
    ) as connection:
        try:
            attach_database(connection, database, "shop")
            connection.begin()
            yield LedgerReader(connection, POSTGRES if is_url(database) else SQLITE)
            connection.commit()
        except duckdb.Error as error:
            reason = _first_line(error)
            raise WrongState(f"exporting {name_of(database)} failed: {reason}") from error


def name_of(database: str) -> str:
    """The database as messages show it."""
    return without_secrets(database) if is_url(database) else database


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

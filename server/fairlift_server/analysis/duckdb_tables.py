"""Tables of the ledger for DuckDB where no database of ours has them: an export, a shop's own."""

from pathlib import Path
from typing import Final

import duckdb
from fairlift.engine.errors import WrongState

from fairlift_server.analysis.attached_ledger import (
    DUCKDB_TYPES,
    attach_database,
    engine_threads,
    first_line,
    quoted,
)
from fairlift_server.analysis.table_views import (
    FILES_PREFIX,
    KEY_TABLE,
    LakeTables,
    OwnTables,
    lake_views,
    own_views,
    unknown_kind,
)

_WAREHOUSE: Final = "warehouse"
_READERS: Final = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}


def open_lake(connection: duckdb.DuckDBPyConnection, tables: LakeTables) -> None:
    """Gives the connection the ledger's tables from the files of an export.

    Raises:
        WrongState: a file cannot be read, or is no table of an export.
    """
    try:
        for table, paths in tables.paths.items():
            if paths:
                files = ", ".join(map(quoted, paths))
                _view(
                    connection,
                    f"{FILES_PREFIX}{table}",
                    f"SELECT * FROM read_parquet([{files}], hive_partitioning = false)",
                )
        for name, query in lake_views(tables, DUCKDB_TYPES).items():
            _view(connection, name, query)
    except duckdb.Error as error:
        raise WrongState(
            f"a file of the export cannot be read: {first_line(error)}; it was changed or damaged: "
            "copy the export again, or export to another folder"
        ) from error


def shop_connection(tables: OwnTables) -> duckdb.DuckDBPyConnection:
    """A connection with the shop's database and files; see `open_shop`."""
    connection = duckdb.connect(config={"threads": engine_threads()})
    try:
        open_shop(connection, tables)
    except BaseException:
        connection.close()
        raise
    return connection


def open_own(connection: duckdb.DuckDBPyConnection, tables: OwnTables) -> None:
    """Gives the connection the ledger's tables from a shop's own.

    Raises:
        WrongState: the shop's database or a file cannot be read.
    """
    open_shop(connection, tables)
    for name, query in own_views(tables, DUCKDB_TYPES).items():
        try:
            _view(connection, name, query)
        except duckdb.Error as error:
            raise WrongState(
                f"the shop's tables do not fit the sources file: {first_line(error)}; "
                "`fairlift-server sources check` says where"
            ) from None


def open_shop(connection: duckdb.DuckDBPyConnection, tables: OwnTables) -> None:
    """Gives the connection the shop's database and files, under the names of the sources file.

    Raises:
        WrongState: one of them cannot be read.
    """
    # A timestamp without a zone is UTC.
    connection.execute("SET TimeZone = 'UTC'")
    try:
        if "://" in tables.database:
            attach_database(connection, tables.database, _WAREHOUSE)
        elif tables.database:
            connection.execute(f"ATTACH {quoted(tables.database)} AS {_WAREHOUSE} (READ_ONLY)")
        if tables.database:
            connection.execute(f"USE {_WAREHOUSE}")
    except duckdb.Error as error:
        raise WrongState(f"the shop's database cannot be read: {first_line(error)}") from None
    for name, pattern in tables.files.items():
        reader = _READERS.get(Path(pattern).suffix.lower())
        if reader is None:
            raise unknown_kind(name, pattern, _READERS)
        try:
            _view(connection, name, f"SELECT * FROM {reader}({quoted(pattern)})")
        except duckdb.Error as error:
            raise WrongState(
                f"{pattern} (files.{name}) cannot be read: {first_line(error)}"
            ) from None
    if tables.key_states is not None:
        connection.execute(
            f"CREATE TEMP TABLE {KEY_TABLE} AS SELECT ?::BLOB AS inner_state, ?::BLOB AS "
            "outer_state",
            list(tables.key_states),
        )


def _view(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    connection.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {query}')

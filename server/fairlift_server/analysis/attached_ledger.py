"""Attaches the ledger to DuckDB, read-only, under the name `shop`: a SQLite file or PostgreSQL."""

import os
import sys
from importlib.resources import as_file, files
from typing import Final

import duckdb

# However many processors there are; `worker_pool` leaves fewer to those beside a server.
_MOST_THREADS = 2
# How DuckDB names Ibis's types.
DUCKDB_TYPES: Final = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
}
# Its tables as the definition reads them: SQLite has no booleans.
_BOOLEANS = {
    "exposures": (),
    "actions": (),
    "orders": ("upsell", "cross_sell", "first_purchase", "test", "refunded", "cancelled"),
    "order_lines": (),
    "amendments": ("running_total",),
    "identity_links": (),
    "customer_attributes": (),
    "costs": (),
    "exchange_rates": (),
    "shop": (),
}
# The analysis of a campaign must not take all connections of a database.
_CONNECTIONS = 4


def engine_threads() -> int:
    """How many threads DuckDB gets: more than its process has processors would only take turns."""
    if sys.platform != "linux":
        return _MOST_THREADS
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)))


def attach_ledger(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Attaches the database of this path or URL.

    Args:
        connection: outside a transaction.
        source: as the settings name the database.
    """
    if _is_postgres(source):
        _attach_postgres(connection, source)
    else:
        attach_database(connection, source, "shop")


def attach_database(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> None:
    """Attaches a database as it is, read-only, under a name.

    Raises:
        duckdb.Error: it cannot be read; the error does not show a password.
    """
    kind = "postgres" if _is_postgres(source) else "sqlite"
    _load(connection, f"{kind}_scanner")
    try:
        connection.execute(f"ATTACH {quoted(source)} AS {name} (TYPE {kind}, READ_ONLY)")
    except duckdb.Error as error:
        raise type(error)(str(error).replace(source, "the database")) from None


def first_line(error: Exception) -> str:
    """What an engine says in the first line of an error; the statement follows."""
    return str(error).strip().partition("\n")[0].rstrip(".")


def quoted(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _attach_postgres(connection: duckdb.DuckDBPyConnection, url: str) -> None:
    _load(connection, "postgres_scanner")
    connection.execute(f"SET pg_connection_limit = {_CONNECTIONS}")
    attach_database(connection, url, "ledger")
    row = connection.execute(
        "SELECT * FROM postgres_query('ledger', 'SELECT current_schema()::text')"
    ).fetchone()
    schema = row[0] if row else "public"
    connection.execute("ATTACH ':memory:' AS shop")
    for table, booleans in _BOOLEANS.items():
        numbers = ", ".join(f"{name}::BIGINT AS {name}" for name in booleans)
        columns = f"* REPLACE ({numbers})" if numbers else "*"
        connection.execute(
            f'CREATE VIEW shop.main.{table} AS SELECT {columns} FROM ledger."{schema}".{table}'
        )


def _is_postgres(source: str) -> bool:
    return source.startswith(("postgresql://", "postgres://"))


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Loads an extension from its wheel: nothing is downloaded at run time."""
    path = f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
    with as_file(files(f"duckdb_extension_{name}").joinpath(path)) as extension:
        connection.execute(f"LOAD {quoted(str(extension))}")

"""Statements that are built once and executed with tuples; their places are marked by `?`.

SQLAlchemy's own executemany halves the ingest. `Any` below: whatever type the driver accepts.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Table

from fairlift_server.store import copying
from fairlift_server.store.round_trips import row_in_one_trip
from fairlift_server.store.sqlite_rows import Insertion, insert_rows

# Half of the number of parameters that SQLite allows in one statement.
_CHUNK = 16_000
# From so many rows on, COPY is faster than INSERT.
_COPIED_ROWS = 20


def is_postgres(connection: Connection) -> bool:
    """Whether the connection is one to PostgreSQL; else it is to SQLite."""
    return connection.dialect.name == "postgresql"


def insertion(table: Table, columns: Iterable[str], *, if_new: str = "") -> Insertion:
    """What inserts rows with these columns, or only those whose key `if_new` is new."""
    names = tuple(columns)
    _check(table, names)
    return Insertion(table, names, if_new)


def updating(table: Table, columns: Iterable[str], key: str) -> str:
    """The statement that sets these columns of the row with a key; the key comes last."""
    names = tuple(columns)
    _check(table, (*names, key))
    return f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in names)} WHERE {key} = ?"


def execute(
    connection: Connection, statement: str, values: Sequence[Any] = ()
) -> CursorResult[Any]:
    """The result of a statement with its values."""
    return connection.exec_driver_sql(_marked(connection, statement), tuple(values))


def first_row(connection: Connection, query: str, *following: str) -> tuple[Any, ...]:
    """The one row of a query without values, and then executes the statements that follow it."""
    if is_postgres(connection):
        return row_in_one_trip(connection, query, *following)
    row = connection.exec_driver_sql(query).one()
    for statement in following:
        connection.exec_driver_sql(statement)
    return tuple(row)


def execute_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Executes a statement once for each row of values."""
    if len(rows) == 1:
        connection.exec_driver_sql(_marked(connection, statement), rows[0])
    elif rows:
        connection.exec_driver_sql(_marked(connection, statement), list(rows))


def insert_many(
    connection: Connection, inserted: Insertion, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Inserts rows whose keys are new."""
    if not is_postgres(connection):
        insert_rows(connection, inserted, rows)
    elif len(rows) >= _COPIED_ROWS:
        copying.copy_rows(connection, inserted.table, inserted.columns, rows)
    else:
        execute_many(connection, inserted.statement, rows)


def select_by_key(
    connection: Connection, select: str, key: str, keys: Iterable[Any]
) -> list[tuple[Any, ...]]:
    """The rows of a SELECT without a condition whose key is one of these."""
    distinct = list(dict.fromkeys(keys))
    if not distinct:
        return []
    if is_postgres(connection):
        statement = f"{select} WHERE {key} = ANY(?)"
        return list(map(tuple, execute(connection, statement, (distinct,))))
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(distinct), _CHUNK):
        chunk = tuple(distinct[start : start + _CHUNK])
        statement = f"{select} WHERE {key} IN ({', '.join('?' * len(chunk))})"
        rows += map(tuple, connection.exec_driver_sql(statement, chunk))
    return rows


def _marked(connection: Connection, statement: str) -> str:
    """The statement with places as the driver marks them."""
    return _with_percents(statement) if is_postgres(connection) else statement


@cache
def _with_percents(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def _check(table: Table, names: Iterable[str]) -> None:
    for name in names:
        assert name in table.c, f"{table.name} has no column {name}"

"""PostgreSQL's COPY: rows in the driver's binary form, many times faster than INSERT."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
)
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    import psycopg

# The first that fits: a BigInteger is an Integer to SQLAlchemy, and Text is a String.
_TYPES = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Float, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
    (String, "text"),
)


def copy_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Adds rows in the connection's transaction. `Any`: whatever the driver accepts.

    Raises:
        sqlalchemy.exc.DatabaseError: as for any statement.
    """
    with _copying(connection, table, columns) as copy:
        copy.set_types(_column_types(table, columns))
        for row in rows:
            copy.write_row(row)


@contextmanager
def _copying(
    connection: Connection, table: Table, columns: tuple[str, ...]
) -> "Iterator[psycopg.Copy]":
    import psycopg

    statement = _statement(table, columns)
    # The driver's own connection, which SQLAlchemy hands through: it knows nothing of COPY, and so
    # has to be told of errors, too.
    driver: psycopg.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error) from error


@cache
def _statement(table: Table, columns: tuple[str, ...]) -> str:
    return f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"


@cache
def _column_types(table: Table, columns: tuple[str, ...]) -> list[str]:
    return [_type_of(table.c[name]) for name in columns]


def _type_of(column: Column[Any]) -> str:
    return next(name for kind, name in _TYPES if isinstance(column.type, kind))

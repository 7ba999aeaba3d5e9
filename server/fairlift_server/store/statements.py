"""Statements that are built once and executed with tuples.

SQLAlchemy's own executemany halves the ingest. `Any` below: whatever type the driver accepts.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table

# Half of the number of parameters that SQLite allows in one statement.
_CHUNK = 16_000


def insertion(table: Table, columns: Iterable[str], *, or_ignore: bool = False) -> str:
    """The statement that inserts rows with these columns."""
    names = tuple(columns)
    _check(table, names)
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    return f"{verb} INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def updating(table: Table, columns: Iterable[str], key: str) -> str:
    """The statement that sets these columns of the row with a key; the key comes last."""
    names = tuple(columns)
    _check(table, (*names, key))
    return f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in names)} WHERE {key} = ?"


def execute_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Number of rows affected."""
    if not rows:
        return 0
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def select_by_key(
    connection: Connection, select: str, key: str, keys: Iterable[Any]
) -> list[tuple[Any, ...]]:
    """The rows of a SELECT without a condition whose key is one of these."""
    rows: list[tuple[Any, ...]] = []
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), _CHUNK):
        chunk = tuple(distinct[start : start + _CHUNK])
        statement = f"{select} WHERE {key} IN ({', '.join('?' * len(chunk))})"
        rows += map(tuple, connection.exec_driver_sql(statement, chunk))
    return rows


def _check(table: Table, names: Iterable[str]) -> None:
    for name in names:
        assert name in table.c, f"{table.name} has no column {name}"

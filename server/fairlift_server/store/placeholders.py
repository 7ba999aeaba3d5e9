"""Keeps the numbers of rows rising when the newest ones are deleted.

SQLite numbers a row by the highest number in its table and one. Without the newest row, the next
one would get a number that was used before: whoever reads rows by rising numbers would miss it, and
the count of events would fall. An empty row stands in for a newest row that goes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Connection, Integer, LargeBinary, Numeric, Table, insert, select

from fairlift_server.store.progress import NUMBERED_TABLES

_NO_EVENT = bytes(16)


@contextmanager
def delete_and_keep_numbers(connection: Connection) -> Iterator[None]:
    """What is deleted in the block leaves every table of events its highest number."""
    newest = {table.name: _newest(connection, table) for table in NUMBERED_TABLES}
    yield
    for table in NUMBERED_TABLES:
        before = newest[table.name]
        if before is not None and before != _newest(connection, table):
            row_id, received_us = before
            connection.execute(insert(table).values(_placeholder(table, row_id, received_us)))


def _newest(connection: Connection, table: Table) -> tuple[int, int] | None:
    query = select(table.c.id, table.c.received_us).order_by(table.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def _placeholder(table: Table, row_id: int, received_us: int) -> dict[str, object]:
    """A row of nobody, which no figure counts."""
    row = {column.name: _empty(column) for column in table.columns if not column.nullable}
    times = {"time_us": received_us, "received_us": received_us}
    # No order that is sent has such an id: it holds a control character.
    own = {"order_id": f"\n{row_id}", "test": True, "status": "applied"}
    own = {name: value for name, value in own.items() if name in table.c}
    return {**row, **times, **own, "id": row_id, "event_id": _NO_EVENT}


def _empty(column: Column[object]) -> object:
    if isinstance(column.type, LargeBinary):
        return b""
    if column.type.python_type is bool:
        return False
    return 0 if isinstance(column.type, Integer | Numeric) else ""

"""Tries whether each table takes a row."""

from uuid import uuid4

from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, Numeric, Table

from fairlift_server.store.tables import metadata

# Of a row that is taken back: numbers that PostgreSQL gives away are gone.
_NO_NUMBER = -1


def try_tables(connection: Connection) -> None:
    """Adds a row to each table and takes all of them back.

    Raises:
        sqlalchemy.exc.DatabaseError: a table is missing, damaged, or has other columns.
    """
    savepoint = connection.begin_nested()
    text = f"{uuid4().hex}-write-check"
    for table in metadata.sorted_tables:  # what is referred to comes first
        connection.execute(table.insert(), _row(table, text))
    savepoint.rollback()


def _row(table: Table, text: str) -> dict[str, object]:
    # The same text everywhere: a reference then finds its row.
    return {column.name: _value(column, text) for column in table.columns if not column.nullable}


def _value(column: Column[object], text: str) -> object:
    if column is column.table.autoincrement_column:
        return _NO_NUMBER
    if isinstance(column.type, LargeBinary):
        return text.encode()
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Integer | Numeric):
        return 0
    return text[: getattr(column.type, "length", None)]  # PostgreSQL minds it

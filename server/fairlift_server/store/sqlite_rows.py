"""Inserts many rows into SQLite by few statements.

One statement for many rows takes half the time of as many statements. The interpreter is free while
it runs, and that once for all its rows: after each row, it may be a while until it is given back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Column, Connection, LargeBinary, Table

# In one statement, the most first. Few statements make up any number: after each, the thread waits
# for the interpreter, and a batch has 500 or 1,000 events more often than 400 or 1,024.
_ROWS = (2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2)
# SQLite's own limit is 32,766.
_MOST_VALUES = 32_000


@dataclass(frozen=True)
class Insertion:
    """Inserts rows with these columns; if `if_new` names a key, those that are not there."""

    table: Table
    columns: tuple[str, ...]
    if_new: str = ""

    @cached_property
    def statement(self) -> str:
        """For one row."""
        return self._for_rows(1, ())

    def for_rows(self, rows: int, nulls: tuple[int, ...]) -> str:
        """For so many rows, in which the columns at these places are NULL and have no value."""
        statement = self._statements.get((rows, nulls))
        if statement is None:
            statement = self._statements[rows, nulls] = self._for_rows(rows, nulls)
        return statement

    def _for_rows(self, rows: int, nulls: tuple[int, ...]) -> str:
        places = ", ".join("NULL" if at in nulls else "?" for at in range(len(self.columns)))
        values = ", ".join([f"({places})"] * rows)
        text = f"INSERT INTO {self.table.name} ({', '.join(self.columns)}) VALUES {values}"
        return f"{text} ON CONFLICT ({self.if_new}) DO NOTHING" if self.if_new else text

    @cached_property
    def _statements(self) -> dict[tuple[int, tuple[int, ...]], str]:
        return {}

    @cached_property
    def nullable(self) -> tuple[int, ...]:
        """Places of the columns that may be NULL."""
        return tuple(at for at, column in self._placed if column.nullable)

    @cached_property
    def quicker(self) -> tuple[tuple[int, type], ...]:
        """Places of columns, and the type as which the driver binds their values quickest.

        It has int, float, str and bytearray in one step. For others, None too, it looks for an
        adapter first, which takes longer than to store the value.
        """
        types = ((LargeBinary, bytearray), (Boolean, int))
        return tuple(
            (at, quick)
            for at, column in self._placed
            for type_, quick in types
            if isinstance(column.type, type_)
        )

    @property
    def _placed(self) -> list[tuple[int, Column[Any]]]:
        return [(at, self.table.c[name]) for at, name in enumerate(self.columns)]


def insert_rows(
    connection: Connection, inserted: Insertion, rows: Sequence[tuple[Any, ...]]
) -> int:
    """How many rows were inserted. `Any`: whatever type the driver accepts."""
    count = start = 0
    for size in _ROWS:
        if size * len(inserted.columns) > _MOST_VALUES:
            continue
        while len(rows) - start >= size:
            statement, values = _bound(inserted, rows[start : start + size])
            count += connection.exec_driver_sql(statement, values).rowcount
            start += size
    if start < len(rows):
        count += connection.exec_driver_sql(inserted.statement, list(rows[start:])).rowcount
    return count


def _bound(inserted: Insertion, rows: Sequence[tuple[Any, ...]]) -> tuple[str, tuple[Any, ...]]:
    """The statement for these rows, and its values."""
    columns: list[Any] = list(zip(*rows, strict=True))
    nulls = tuple(at for at in inserted.nullable if columns[at].count(None) == len(rows))
    for at, quick in inserted.quicker:
        if at not in inserted.nullable:
            columns[at] = map(quick, columns[at])
    if nulls:
        columns = [column for at, column in enumerate(columns) if at not in nulls]
    return inserted.for_rows(len(rows), nulls), tuple(
        chain.from_iterable(zip(*columns, strict=True))
    )

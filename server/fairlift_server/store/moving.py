"""Copies a shop from one database to another, of either kind; goes on where it was stopped.

A server may have used the old database since a move was stopped. So what was copied is compared
with what is there now before more is copied.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, Select, Table, delete, func, select, text

from fairlift_server.store import tables
from fairlift_server.store.database import Store
from fairlift_server.store.locks import allow_long
from fairlift_server.store.move_marks import begin_move, end_move, has_ended
from fairlift_server.store.progress import NUMBERED_TABLES
from fairlift_server.store.statements import insert_many, insertion, is_postgres

# Rows of one transaction.
_BATCH = 20_000
# Large tables are copied in the order of a key; all others at once.
_NUMBERED = (*NUMBERED_TABLES, tables.order_lines, tables.order_changes, tables.parked_events)
_KEYS = {
    **dict.fromkeys((table.name for table in _NUMBERED), "id"),
    tables.seen_events.name: "event_id",
    tables.clock_corrections.name: "event_id",
}
# What each database has of its own.
_OWN = (tables.ledger_state, tables.order_locks)

Report = Callable[[str, int, int], None]


def move(source: Store, target: Store, report: Report = lambda _table, _done, _all: None) -> None:
    """Copies everything; what was copied before it was stopped is copied again where it changed.

    A move that has ended may be run again: it finds everything there, or says what has changed.

    Args:
        source: which no server uses meanwhile.
        target: a migrated database without contents, or with those of a move that was stopped.
        report: is told of each batch: the table, its rows so far, and all of them.

    Raises:
        WrongState: the target has contents of its own, the copy differs in the end, or others
            could have written meanwhile.
    """
    name = source.read_now(_ledger_name)
    large = [table for table in tables.metadata.sorted_tables if table.name in _KEYS]
    small = [t for t in tables.metadata.sorted_tables if t not in large and t not in _OWN]
    if target.read_now(lambda connection: has_ended(connection, name)):
        _refuse_changes(source, target, small, large)
        return
    target.write_now(lambda connection: begin_move(connection, name, target.name))
    contents = {table: source.read_now(partial(_all_rows, table)) for table in small}
    target.write_now(partial(_replace, contents))
    for table in large:
        _renew(source, target, table)
        rows, done = _counts(table, source, target)
        report(table.name, done, rows)
        for copied in _copy(source, target, table):
            done += copied
            report(table.name, done, rows)
    for table in large:
        _check_same(source, target, table)
    # A file takes small changes beside whoever has it open, such as the end of a token.
    if differing := _differing(source, target, small):
        raise WrongState(
            f"{source.name} and {target.name} differ in {', '.join(differing)}: something else "
            "wrote to one of them; run the same move again"
        )
    target.write_now(_follow_all_ids)
    for store in (source, target):
        store.check_alone()
    target.write_now(lambda connection: end_move(connection, name))


def _refuse_changes(
    source: Store, target: Store, small: Sequence[Table], large: Sequence[Table]
) -> None:
    """Refuses to move over a copy that has been used, or whose source has been, since it ended."""
    changed = [table.name for table in large if len({*_counts(table, source, target)}) > 1]
    changed += _differing(source, target, small)
    if changed:
        raise WrongState(
            f"{source.name} has moved to {target.name} already, and one of them has changed since "
            f"({', '.join(sorted(changed))}); serve {target.name}, or take an empty database"
        )


def _differing(source: Store, target: Store, small: Sequence[Table]) -> list[str]:
    """The tables whose rows are not the same on both sides."""
    return [
        table.name
        for table in small
        if len({frozenset(s.read_now(partial(_all_rows, table))) for s in (source, target)}) > 1
    ]


def _follow_all_ids(connection: Connection) -> None:
    if is_postgres(connection):
        for table in tables.metadata.sorted_tables:
            if table.autoincrement_column is not None and table not in _OWN:
                _follow_ids(connection, table)


def _follow_ids(connection: Connection, table: Table) -> None:
    """Lets new rows have ids above the copied ones."""
    statement = (
        f"SELECT setval(sequence, (SELECT greatest(max(id), 1) FROM {table.name})) FROM "
        "(SELECT pg_get_serial_sequence(:name, 'id')) AS found (sequence) WHERE sequence <> ''"
    )
    connection.execute(text(statement), {"name": table.name})


def _ledger_name(connection: Connection) -> str:
    name = connection.execute(select(tables.ledger_state.c.ledger)).scalar()
    # PostgreSQL counts no writes; its shop's salt names it as well.
    return name or str(connection.execute(select(tables.shop.c.holdout_salt)).scalar())


def _replace(contents: Mapping[Table, Sequence[tuple[Any, ...]]], connection: Connection) -> None:
    for table in reversed(list(contents)):
        connection.execute(delete(table))
    for table, rows in contents.items():
        _insert(table, rows, connection)


def _renew(source: Store, target: Store, table: Table) -> None:
    """Makes the rows that the target has those of the source, batch by batch."""
    key, last = table.c[_KEYS[table.name]], None
    while True:
        query = select(table).order_by(key)
        if last is not None:
            query = query.where(key > last)
        copied = target.read_now(partial(_rows, query.limit(_BATCH)))
        if not copied:
            return
        last = copied[-1][list(table.c).index(key)]
        rows = source.read_now(partial(_rows, query.where(key <= last)))
        if rows != copied:
            first = copied[0][list(table.c).index(key)]
            target.write_now(partial(_exchange, table, first, last, rows))


def _exchange(
    table: Table, first: Any, last: Any, rows: Sequence[tuple[Any, ...]], connection: Connection
) -> None:
    """Puts rows in the place of those whose keys are from the first to the last."""
    key = table.c[_KEYS[table.name]]
    connection.execute(delete(table).where(key.between(first, last)))
    _insert(table, rows, connection)


def _copy(source: Store, target: Store, table: Table) -> Iterator[int]:
    """Copies the rows that the target lacks; yields how many, batch by batch."""
    key = table.c[_KEYS[table.name]]
    last = target.read_now(lambda c: c.execute(select(key).order_by(key.desc()).limit(1)).scalar())
    while True:
        query = select(table).order_by(key).limit(_BATCH)
        if last is not None:
            query = query.where(key > last)
        rows = source.read_now(partial(_rows, query))
        if not rows:
            return
        target.write_now(partial(_insert, table, rows))
        last = rows[-1][list(table.c).index(key)]
        yield len(rows)


# `Any` below: the values of a table's columns.


def _insert(table: Table, rows: Sequence[tuple[Any, ...]], connection: Connection) -> None:
    insert_many(connection, insertion(table, table.c.keys()), rows)


def _all_rows(table: Table, connection: Connection) -> list[tuple[Any, ...]]:
    return _rows(select(table), connection)


def _rows(query: Select[Any], connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(query)]


def _counts(table: Table, *stores: Store) -> list[int]:
    query = select(func.count()).select_from(table)
    return [store.read_now(lambda c: _answer(c, query)) for store in stores]


def _answer(connection: Connection, query: Select[Any]) -> int:
    allow_long(connection)
    return int(connection.execute(query).scalar_one())


def _check_same(source: Store, target: Store, table: Table) -> None:
    before, after = _counts(table, source, target)
    if before != after:
        raise WrongState(
            f"{source.name} has {before:,} rows of {table.name}, {target.name} has {after:,}: "
            "something else wrote to one of them; run the same move again"
        )

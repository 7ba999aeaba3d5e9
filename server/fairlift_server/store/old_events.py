"""Removes old events: a few rows at a time, so that nobody who writes waits for long.

Identity links, costs and exchange rates stay: see docs/decisions/0035-retention.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from fairlift_server.store.ledger_mark import note_removal
from fairlift_server.store.locks import lock_orders
from fairlift_server.store.seen_events import unmark
from fairlift_server.store.statements import execute, execute_many, is_postgres, select_by_key

# Ids that one reading looks through.
_STRETCH = 200_000
_OLD = "received_us < ? AND time_us < ?"
# What was said of an order lately, or contradicts it, keeps it. The newest row of each table stays:
# exports find by it where they were.
_SETTLED = (
    "NOT EXISTS (SELECT 1 FROM amendments a WHERE a.order_id = orders.order_id AND "
    "(a.received_us >= ? OR a.status <> 'applied' OR a.id = (SELECT max(id) FROM amendments)))"
)
_OF_ORDER = "SELECT event_id, time_us FROM amendments"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which events may go: all that a moment is later than.

    Attributes:
        received_us: they came in before it.
        time_us: they happened before it.
        orders: whether orders may go, too.
        forget_us: ids of events that happened before it need not be known any more.
    """

    received_us: int
    time_us: int
    orders: bool
    forget_us: int


def removable_tables(connection: Connection, bounds: Bounds) -> list[str]:
    """The tables whose rows go one by one; PostgreSQL drops whole partitions of the others."""
    suffix = "_other" if is_postgres(connection) else ""
    tables = [f"exposures{suffix}", f"actions{suffix}"]
    return [*tables, "orders"] if bounds.orders else tables


def id_range(connection: Connection, table: str, bounds: Bounds) -> tuple[int, int]:
    """From the first id of a table to before that of the first event that is too new.

    Rows come in in the order of their ids, or nearly: one that does not goes some time later.
    """
    ends: tuple[Any, ...] = tuple(
        execute(connection, f"SELECT min(id), max(id) FROM {table}").one()
    )
    low, last = ends[0], ends[1]
    if last is None:
        return 0, 0
    first, high = low, last + 1
    query = f"SELECT id, received_us FROM {table} WHERE id >= ? ORDER BY id LIMIT 1"
    while low < high:
        middle = (low + high) // 2
        row: tuple[Any, ...] = tuple(execute(connection, query, (middle,)).one())
        if row[1] < bounds.received_us:
            low = row[0] + 1
        else:
            high = middle
    # Of PostgreSQL's partitions the newest row is in another, mostly.
    whole = table.removesuffix("_other")
    newest = execute(connection, f"SELECT max(id) FROM {whole}").scalar_one()
    return first, min(low, newest)


def removable_rows(
    connection: Connection, table: str, span: tuple[int, int], bounds: Bounds, most: int
) -> tuple[list[int], int]:
    """Ids of rows that may go, and the id from which on to look further."""
    start, end = span
    stop = min(end, start + _STRETCH)
    query = f"SELECT id FROM {table} WHERE id >= ? AND id < ? AND {_OLD} ORDER BY id LIMIT ?"
    values = (start, stop, bounds.received_us, bounds.time_us, most)
    ids = [row_id for (row_id,) in execute(connection, query, values)]
    return ids, (ids[-1] + 1 if len(ids) == most else stop)


def remove_rows(connection: Connection, table: str, ids: Sequence[int], bounds: Bounds) -> int:
    """Removes rows of a table, and the ids of their events; returns how many rows went."""
    note_removal(connection)
    if table == "orders":
        return _remove_orders(connection, ids, bounds)
    rows = select_by_key(connection, f"SELECT event_id, time_us FROM {table}", "id", ids)
    execute_many(connection, f"DELETE FROM {table} WHERE id = ?", [(row_id,) for row_id in ids])
    _forget(connection, rows, bounds)
    return len(rows)


def _remove_orders(connection: Connection, ids: Sequence[int], bounds: Bounds) -> int:
    """Removes orders with their lines and all that was said of them."""
    known = select_by_key(connection, "SELECT order_id FROM orders", "id", ids)
    lock_orders(connection, (order_id for (order_id,) in known))
    settled = f"SELECT order_id, event_id, time_us FROM orders WHERE id = ? AND {_SETTLED}"
    orders = [
        tuple(row)
        for row_id in ids
        for row in execute(connection, settled, (row_id, bounds.received_us))
    ]
    order_ids = [(order_id,) for order_id, *_rest in orders]
    said = select_by_key(connection, _OF_ORDER, "order_id", (each for (each,) in order_ids))
    for table in ("order_lines", "amendments", "orders"):
        execute_many(connection, f"DELETE FROM {table} WHERE order_id = ?", order_ids)
    if is_postgres(connection):
        execute_many(connection, "DELETE FROM order_locks WHERE order_id = ?", order_ids)
    _forget(connection, [*(row[1:] for row in orders), *said], bounds)
    return len(orders) + len(said)


def _forget(connection: Connection, rows: Sequence[tuple[Any, ...]], bounds: Bounds) -> None:
    """Events so old are refused by their time; the ids of others stay, so that none comes twice."""
    unmark(connection, [event_id for event_id, time_us in rows if time_us < bounds.forget_us])


def count_old(connection: Connection, bounds: Bounds) -> dict[str, int]:
    """By table, how many events may go now; reads the tables through."""
    old = (bounds.received_us, bounds.time_us)
    tables = ["exposures", "actions", *(["orders"] if bounds.orders else [])]
    counts = {}
    for table in tables:
        query = f"SELECT count(*) FROM {table} WHERE {_OLD} AND id < (SELECT max(id) FROM {table})"
        values: tuple[int, ...] = old
        if table == "orders":
            query, values = f"{query} AND {_SETTLED}", (*old, bounds.received_us)
        counts[table] = execute(connection, query, values).scalar_one()
    return counts

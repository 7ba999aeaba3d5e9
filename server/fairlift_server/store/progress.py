"""Counts the writes of a database, in the transaction of each."""

from sqlalchemy import Connection, Table

from fairlift_server.store import tables
from fairlift_server.store.last_write import Progress

# Their highest ids count their rows: those of erased units went, but no number is used again.
EVENT_TABLES: tuple[Table, ...] = (
    tables.exposures,
    tables.actions,
    tables.orders,
    tables.amendments,
    tables.identity_links,
    tables.costs,
    tables.exchange_rates,
)
# All tables whose rows are numbered as they come in, each with the id that is seen once.
NUMBERED_TABLES: tuple[Table, ...] = (*EVENT_TABLES, tables.customer_attributes)
COUNT_OF_EVENTS = " + ".join(
    f"(SELECT coalesce(max(id), 0) FROM {table.name})" for table in EVENT_TABLES
)
# What `ledger_state.events` says after each write.
COUNTED_EVENTS = f"SELECT {COUNT_OF_EVENTS}"
_BEGIN = (
    "INSERT INTO ledger_state (id, ledger, writes, events) "
    "SELECT 1, lower(hex(randomblob(16))), 0, 0 WHERE NOT EXISTS (SELECT 1 FROM ledger_state)"
)
_COUNT = (
    f"UPDATE ledger_state SET writes = writes + 1, events = {COUNT_OF_EVENTS} "
    "RETURNING ledger, writes, events"
)


def begin_counting(connection: Connection) -> None:
    """Gives a new database its name and its count."""
    connection.exec_driver_sql(_BEGIN)


def count_write(connection: Connection) -> Progress:
    """Counts the connection's transaction as a write."""
    return Progress(*connection.exec_driver_sql(_COUNT).one())

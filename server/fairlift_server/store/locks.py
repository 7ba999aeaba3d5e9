"""What writers of several servers wait for each other by. SQLite has one writer, and needs none."""

from collections.abc import Iterable

from sqlalchemy import Connection

from fairlift_server.store.statements import execute, is_postgres

# Keys of advisory locks, which end with the transaction; any numbers do.
_RATES, _CAMPAIGNS, _MIGRATION, _PARTITIONS, _HISTORY = 7_301, 7_302, 7_303, 7_304, 7_305
# The channel on which changes of campaigns are announced.
CHANGES = "fairlift_changes"
_CLAIM = (
    "INSERT INTO order_locks (order_id) SELECT * FROM unnest(?::text[]) "
    "ON CONFLICT (order_id) DO NOTHING"
)
_LOCK = 'SELECT 1 FROM order_locks WHERE order_id = ANY(?) ORDER BY order_id COLLATE "C" FOR UPDATE'


def lock_orders(connection: Connection, order_ids: Iterable[str]) -> None:
    """Until the transaction ends nobody else stores or restates these orders.

    Also those that are not there yet: an order and its refund may come to two servers at once, and
    one of them must see both.
    """
    # In one order everywhere, so that no two wait for each other.
    ids = sorted(order_ids)
    if ids and is_postgres(connection):
        execute(connection, _CLAIM, (ids,))
        execute(connection, _LOCK, (ids,))


def lock_rates(connection: Connection, *, to_write: bool) -> None:
    """Orders in other currencies, and new exchange rates, are stored one after the other."""
    if is_postgres(connection):
        verb = "pg_advisory_xact_lock" if to_write else "pg_advisory_xact_lock_shared"
        execute(connection, f"SELECT {verb}({_RATES})")


def lock_campaigns(connection: Connection) -> None:
    """Campaigns are changed one after the other."""
    if is_postgres(connection):
        execute(connection, f"SELECT pg_advisory_xact_lock({_CAMPAIGNS})")


def lock_history(connection: Connection) -> None:
    """Entries are added to the history one by one; whoever locks campaigns too does so first."""
    if is_postgres(connection):
        execute(connection, f"SELECT pg_advisory_xact_lock({_HISTORY})")


def announce_change(connection: Connection) -> None:
    """Wakes the servers that wait for a change of campaigns, once the transaction ends."""
    if is_postgres(connection):
        execute(connection, f"NOTIFY {CHANGES}")


def lock_partitions(connection: Connection) -> None:
    """Partitions are made by one server."""
    if is_postgres(connection):
        execute(connection, f"SELECT pg_advisory_xact_lock({_PARTITIONS})")


def allow_long(connection: Connection) -> None:
    """Lets the statements of this transaction take as long as they need."""
    if is_postgres(connection):
        execute(connection, "SET LOCAL statement_timeout = 0")
        execute(connection, "SET LOCAL lock_timeout = 0")


def lock_migration(connection: Connection) -> None:
    """The tables are changed by one program, and the others wait, however long it takes."""
    if is_postgres(connection):
        allow_long(connection)
        execute(connection, f"SELECT pg_advisory_xact_lock({_MIGRATION})")

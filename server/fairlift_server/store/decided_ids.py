"""Up to which id no more rows of a table appear, where several servers write at once.

PostgreSQL hands ids out in order, but rows become visible when their transactions commit, in any
order. Nobody is held up to find out: a transaction locks a table (ROW EXCLUSIVE) before it takes an
id of it, and keeps the lock until its rows are visible. So when a row with an id is there, and
whoever had the table locked then has ended, each row with a lower id is there or never will be.
"""

import time
from collections.abc import Iterable

from fairlift.engine.errors import Overloaded
from sqlalchemy import Connection

from fairlift_server.store.postgres_database import PostgresDatabase
from fairlift_server.store.statements import execute

_WAIT_S = 60.0
_POLL_S = 0.01
# A virtual transaction is never used again. Locks of the fast path are listed, too.
_WRITERS = (
    "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = ANY(CAST(? AS regclass[])) AND mode = 'RowExclusiveLock' AND granted"
)


def decided_ids(url: str, tables: Iterable[str], *, wait_s: float = _WAIT_S) -> dict[str, int]:
    """By table, an id: a transaction that begins now sees every row up to it that will ever be.

    Args:
        url: of PostgreSQL.
        tables: whose ids come from sequences.
        wait_s: for transactions that are writing now; those that begin later are not waited for.

    Raises:
        Overloaded: one of them does not end.
        WrongState: the database cannot be read.
    """
    database = PostgresDatabase(url)
    try:
        engine = database.reading.execution_options(
            isolation_level="AUTOCOMMIT", postgresql_readonly=False
        )
        with engine.connect() as connection:
            return _decided(connection, list(tables), time.monotonic() + wait_s)
    finally:
        database.close()


def _decided(connection: Connection, tables: list[str], deadline: float) -> dict[str, int]:
    parts = (f"SELECT '{name}', coalesce(max(id), 0) FROM {name}" for name in tables)
    rows = map(tuple, execute(connection, " UNION ALL ".join(parts)))
    newest = {str(name): int(row_id) for name, row_id in rows}
    # Only now: whoever took one of these ids is among them, or has ended.
    running = writing(connection, tables)
    while running:
        if time.monotonic() > deadline:
            raise Overloaded(
                "a transaction of another program has been writing events for too long; end it "
                "(pg_stat_activity shows it), or try again later"
            )
        time.sleep(_POLL_S)
        running &= writing(connection, tables)
    return newest


def writing(connection: Connection, tables: list[str]) -> set[str]:
    """Transactions that may have taken an id of these tables."""
    return {each for (each,) in execute(connection, _WRITERS, (tables,))}

"""Marks event ids as seen on PostgreSQL: through a table of the connection's own."""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table

from fairlift_server.store.copying import copy_rows

# Executed once on each connection.
NEW_IDS = "CREATE TEMP TABLE new_ids (event_id bytea, digest bytea) ON COMMIT DELETE ROWS"
_TABLE = Table(
    "new_ids", MetaData(), Column("event_id", LargeBinary), Column("digest", LargeBinary)
)
# Ordered, so that two servers that get the same events wait for each other, and none for both.
_MARK = (
    "INSERT INTO seen_events (event_id, digest) SELECT * FROM new_ids ORDER BY event_id "
    "ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
)


def mark_copied(connection: Connection, marks: Mapping[bytes, bytes]) -> set[bytes]:
    """Marks ids as seen, each with its digest; returns those that were not seen before."""
    # A group of events may be tried again in the same transaction.
    connection.exec_driver_sql("DELETE FROM new_ids")
    copy_rows(connection, _TABLE, ("event_id", "digest"), list(marks.items()))
    return {bytes(event_id) for (event_id,) in connection.exec_driver_sql(_MARK)}

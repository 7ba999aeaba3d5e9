"""Marks event ids as seen on PostgreSQL: many through a table of the connection's own."""

from collections.abc import Mapping
from itertools import chain, repeat

from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table

from fairlift_server.store.copying import copy_encoded

# Executed once on each connection.
NEW_IDS = "CREATE TEMP TABLE new_ids (event_id bytea, digest bytea) ON COMMIT DELETE ROWS"
_TABLE = Table(
    "new_ids", MetaData(), Column("event_id", LargeBinary), Column("digest", LargeBinary)
)
# As many ids are handed over in the statement itself: that spares the way for COPY.
_FEW = 20
# Ordered, so that two servers that get the same events wait for each other, and none for both.
# What comes back is what was seen before: for most groups, nothing.
_MARK = (
    "WITH new AS ({new}), marked AS ("
    "INSERT INTO seen_events (event_id, digest) SELECT * FROM new ORDER BY event_id "
    "ON CONFLICT (event_id) DO NOTHING RETURNING event_id) "
    "SELECT event_id FROM new WHERE NOT EXISTS "
    "(SELECT 1 FROM marked WHERE marked.event_id = new.event_id)"
)
_MARK_COPIED = _MARK.format(new="SELECT event_id, digest FROM new_ids")
# Of a row in the binary form: it has two columns, of 16 bytes and of 8.
_ID, _DIGEST = b"\0\2\0\0\0\x10", b"\0\0\0\x08"
_MARK_FEW = _MARK.format(
    new="SELECT * FROM unnest(%s::bytea[], %s::bytea[]) AS given (event_id, digest)"
)


def mark_on_postgres(connection: Connection, marks: Mapping[bytes, bytes]) -> set[bytes]:
    """Marks ids as seen, each with its digest; returns those that were seen before."""
    if len(marks) < _FEW:
        values = (list(marks), list(marks.values()))
        rows = connection.exec_driver_sql(_MARK_FEW, values)
    else:
        # A group of events may be tried again in the same transaction.
        connection.exec_driver_sql("DELETE FROM new_ids")
        copy_encoded(connection, _TABLE, ("event_id", "digest"), _encoded(marks))
        rows = connection.exec_driver_sql(_MARK_COPIED)
    return {bytes(event_id) for (event_id,) in rows}


def _encoded(marks: Mapping[bytes, bytes]) -> bytes:
    rows = zip(repeat(_ID), marks, repeat(_DIGEST), marks.values())
    return b"".join(chain.from_iterable(rows))

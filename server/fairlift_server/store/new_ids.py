"""Marks event ids as seen on PostgreSQL, all of a group in one statement."""

from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from struct import pack
from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    import psycopg

# Of PostgreSQL: the types bytea and bytea[].
_BYTES, _ARRAY_OF_BYTES = 17, 1001
# The ids come in order, and so are inserted in order: two servers that get the same events wait for
# each other, and none for both. Which ids were new is told only where some were not.
_MARK = (
    "WITH marked AS (INSERT INTO seen_events (event_id, digest) "
    "SELECT * FROM unnest(%s::bytea[], %s::bytea[]) ON CONFLICT (event_id) DO NOTHING "
    "RETURNING event_id) "
    "SELECT CASE WHEN count(*) < %s THEN array_agg(event_id) END, count(*) FROM marked"
)


class _Array(bytes):
    """A bytea[] in PostgreSQL's binary form, which the driver hands over as it is."""


def hand_over_bytes(connection: "psycopg.Connection") -> None:
    """Prepares a connection for `mark_on_postgres`, and for bytes that are copied.

    Of its two forms of bytes the driver would take the one that calls Python twice for each value.
    """
    from psycopg.adapt import Dumper
    from psycopg.pq import Format
    from psycopg.types.string import BytesBinaryDumper

    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = _ARRAY_OF_BYTES

        def dump(self, obj: bytes) -> bytes:
            return obj

    connection.adapters.register_dumper(_Array, ArrayDumper)
    connection.adapters.register_dumper(bytes, BytesBinaryDumper)


def mark_on_postgres(connection: Connection, marks: Mapping[bytes, bytes]) -> set[bytes]:
    """Marks ids as seen, each with its digest; returns those that were seen before.

    Args:
        connection: in a transaction.
        marks: not empty; by ids of one length, digests of one length.
    """
    ids = sorted(marks)
    values = (_array(ids), _array([marks[each] for each in ids]), len(ids))
    new, count = connection.exec_driver_sql(_MARK, values).one()
    return set() if count == len(ids) else set(ids).difference(new or ())


def _array(values: Sequence[bytes]) -> _Array:
    """Values of one length: the driver takes ten times as long for them."""
    # One dimension, no NULL, values from the first on.
    head = pack(">5i", 1, 0, _BYTES, len(values), 1)
    return _Array(
        head + b"".join(chain.from_iterable(zip(repeat(pack(">i", len(values[0]))), values)))
    )

"""The ids of events that were accepted or parked, each with a digest of what the event said."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from fairlift_server.store import tables
from fairlift_server.store.new_ids import mark_on_postgres
from fairlift_server.store.sqlite_rows import insert_rows
from fairlift_server.store.statements import (
    execute_many,
    insert_many,
    insertion,
    is_postgres,
    select_by_key,
)

_MARK = insertion(tables.seen_events, ("event_id", "digest"))
_MARK_IF_NEW = insertion(tables.seen_events, ("event_id", "digest"), if_new="event_id")
_DIGESTS = "SELECT event_id, digest FROM seen_events"
_UNMARK = "DELETE FROM seen_events WHERE event_id = ?"


def mark_new(
    connection: Connection, marks: Sequence[tuple[bytes, bytes]]
) -> tuple[Sequence[int], Sequence[int]]:
    """Marks the ids that were never seen.

    Args:
        connection: in a transaction.
        marks: ids, which may repeat, and digests.

    Returns:
        The positions of new ids, of each the first; and of those that were seen, or come before,
        with another digest.
    """
    if not marks:
        return (), ()
    if is_postgres(connection):
        firsts = dict(reversed(marks))
        seen = mark_on_postgres(connection, firsts)
        if not seen and len(firsts) == len(marks):
            return range(len(marks)), ()
        return _compared(marks, seen_digests(connection, seen))
    savepoint = connection.begin_nested()
    if insert_rows(connection, _MARK_IF_NEW, marks) == len(marks):
        savepoint.commit()
        return range(len(marks)), ()
    # Some ids were seen before, and the driver does not say which: look them up.
    savepoint.rollback()
    new, others = _compared(marks, seen_digests(connection, (event_id for event_id, _ in marks)))
    mark(connection, [marks[index] for index in new])
    return new, others


def _compared(
    marks: Sequence[tuple[bytes, bytes]], seen: dict[bytes, bytes]
) -> tuple[list[int], list[int]]:
    """Positions of new ids, and of those with another digest than before."""
    new, others = [], []
    digests = dict(seen)
    for index, (event_id, digest) in enumerate(marks):
        seen_digest = digests.get(event_id)
        if seen_digest is None:
            digests[event_id] = digest
            new.append(index)
        elif seen_digest != digest:
            others.append(index)
    return new, others


def mark(connection: Connection, marks: Sequence[tuple[bytes, bytes]]) -> None:
    """Marks ids as seen that are not marked yet."""
    insert_many(connection, _MARK, marks)


def unmark(connection: Connection, event_ids: Iterable[bytes]) -> None:
    """Forgets ids, so that their events can be sent again."""
    execute_many(connection, _UNMARK, [(event_id,) for event_id in event_ids])


def seen_digests(connection: Connection, event_ids: Iterable[bytes]) -> dict[bytes, bytes]:
    """The digests of those ids that are marked."""
    rows = select_by_key(connection, _DIGESTS, "event_id", event_ids)
    return {bytes(row[0]): bytes(row[1]) for row in rows}

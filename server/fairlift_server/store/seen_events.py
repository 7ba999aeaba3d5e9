"""The ids of events that were accepted or parked, each with a digest of what the event said."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from fairlift_server.store import tables
from fairlift_server.store.statements import execute_many, insertion, select_by_key

_COLUMNS = ("event_id", "digest")
_SEEN = insertion(tables.seen_events, _COLUMNS, or_ignore=True)
_MARK = insertion(tables.seen_events, _COLUMNS)
_DIGESTS = "SELECT event_id, digest FROM seen_events"
_UNMARK = "DELETE FROM seen_events WHERE event_id = ?"


def mark_unseen(connection: Connection, marks: Sequence[tuple[bytes, bytes]]) -> int:
    """Marks ids as seen, but for those that are marked already; how many it marked."""
    return execute_many(connection, _SEEN, marks)


def mark(connection: Connection, marks: Sequence[tuple[bytes, bytes]]) -> None:
    """Marks ids as seen that are not marked yet."""
    execute_many(connection, _MARK, marks)


def unmark(connection: Connection, event_ids: Iterable[bytes]) -> None:
    """Forgets ids, so that their events can be sent again."""
    execute_many(connection, _UNMARK, [(event_id,) for event_id in event_ids])


def seen_digests(connection: Connection, event_ids: Iterable[bytes]) -> dict[bytes, bytes]:
    """The digests of those ids that are marked."""
    rows = select_by_key(connection, _DIGESTS, "event_id", event_ids)
    return {row[0]: row[1] for row in rows}

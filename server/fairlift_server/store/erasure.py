"""Erases everything about a person: all of it in one transaction, and for good."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store.erased_units import (
    add_tombstones,
    tombstones,
    tombstones_of,
)
from fairlift_server.store.history import Author, add_entry, changed_field
from fairlift_server.store.ledger_mark import note_removal
from fairlift_server.store.locks import allow_long
from fairlift_server.store.person_rows import (
    OF_EVENTS,
    UNIT_COLUMNS,
    PersonRows,
    order_ids_kept,
    person_rows,
    units_kept,
)
from fairlift_server.store.placeholders import delete_and_keep_numbers
from fairlift_server.store.seen_events import unmark
from fairlift_server.store.statements import execute, execute_many, is_postgres, select_by_key
from fairlift_server.store.tombstone_file import TombstoneFile

_ONE_ROW = "DELETE FROM {} WHERE id = ? AND event_id = ?"
_OF_ORDER = "DELETE FROM {} WHERE order_id = ?"


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for a person's data to be erased or exported, when, and why."""

    time_us: int
    author: Author
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure came to.

    Attributes:
        ids: the id and those that were linked with it.
        counts: rows that went, by table.
    """

    ids: int
    counts: Mapping[str, int]

    @property
    def events(self) -> int:
        """How many events went."""
        return sum(self.counts.get(table, 0) for table in OF_EVENTS)


def erase(
    connection: Connection,
    units: Iterable[str],
    ids: UnitIds,
    file: TombstoneFile | None,
    request: Request,
    *,
    known: PersonRows | None = None,
) -> Erasure:
    """Deletes all rows of these ids and of all that are linked with them.

    The tombstones are on disk, in the file, before the first row goes.

    Args:
        connection: in a transaction.
        units: as they are stored.
        ids: how ids are stored.
        file: where tombstones outlive the database; None: nowhere.
        request: for the record.
        known: rows that a search before this transaction named; what came since is searched here.
    """
    _wait_for_other_servers(connection)
    person = _all_rows(connection, frozenset(units), known)
    tombs = tombstones_of(ids, person.units, person.order_ids, request.time_us)
    hashes = [each.hash for each in tombs]
    select = "SELECT hash FROM erased_units"
    remembered = {row[0] for row in select_by_key(connection, select, "hash", hashes)}
    new = [each for each in tombs if each.hash not in remembered]
    if new and file is not None:
        file.add(new)
    add_tombstones(connection, new)
    return _deleted(connection, person, request)


def erase_noted(
    connection: Connection, ids: UnitIds, file: TombstoneFile, *, time_us: int
) -> Erasure:
    """Erases what the file says was erased; afterwards file and database have all tombstones.

    For a database that may be older than the file, such as a restored back-up.

    Args:
        connection: in a transaction.
        ids: how ids are stored.
        file: beside the database.
        time_us: the clock.
    """
    noted, stored = file.tombstones(), tombstones(connection)
    in_file, in_database = ({each.hash for each in some} for some in (noted, stored))
    if missing := [each for each in stored if each.hash not in in_file]:
        file.add(missing)
    new = [each for each in noted if each.hash not in in_database]
    if not new:
        return Erasure(0, {})
    allow_long(connection)
    _wait_for_other_servers(connection)
    hashes = {each.hash for each in new}
    add_tombstones(connection, new)
    units = units_kept(connection, lambda unit: ids.tombstone(unit) in hashes)
    order_ids = order_ids_kept(connection, lambda each: ids.order_tombstone(each) in hashes)
    person = person_rows(connection, units, order_ids=order_ids)
    # Ids that only this database links with an erased one.
    more = tombstones_of(ids, person.units, person.order_ids, time_us)
    more = [each for each in more if each.hash not in in_file | in_database]
    if more:
        file.add(more)
    add_tombstones(connection, more)
    return _deleted(
        connection, person, Request(time_us, Author(), "noted in the file of tombstones")
    )


def note_request(
    connection: Connection, verb: str, request: Request, ids: int, counts: Mapping[str, int]
) -> None:
    """Adds to the history that a person was erased or exported, and how much it was; never whom."""
    rows = {"ids": ids, **counts}
    add_entry(
        connection,
        "units",
        verb=verb,
        time_us=request.time_us,
        author=request.author,
        fields=[
            changed_field(name, count, 0 if verb == "erase" else count)
            for name, count in rows.items()
        ],
        reason=request.reason,
    )


def _all_rows(
    connection: Connection, units: frozenset[str], known: PersonRows | None
) -> PersonRows:
    """What was found, and what came since; everything anew where a link came in between."""
    if known is None:
        return person_rows(connection, units)
    since = person_rows(connection, known.units, order_ids=known.order_ids, since=known.newest)
    if since.units != known.units:
        return person_rows(connection, units)
    rows = {table: {**known.rows[table], **rows} for table, rows in since.rows.items()}
    return PersonRows(since.units, since.order_ids, rows, since.newest)


def _deleted(connection: Connection, person: PersonRows, request: Request) -> Erasure:
    with delete_and_keep_numbers(connection):
        for table in (*UNIT_COLUMNS, "parked_events"):
            execute_many(connection, _ONE_ROW.format(table), list(person.rows[table].items()))
        orders = [(order_id,) for order_id in person.order_ids]
        for table in ("orders", "order_lines", "amendments"):
            execute_many(connection, _OF_ORDER.format(table), orders)
    note_removal(connection)
    event_ids = [each for table in OF_EVENTS for each in person.rows[table].values()]
    unmark(connection, event_ids)
    execute_many(
        connection,
        "DELETE FROM clock_corrections WHERE event_id = ?",
        [(event_id,) for event_id in event_ids],
    )
    erasure = Erasure(len(person.units), person.counts())
    note_request(connection, "erase", request, erasure.ids, erasure.counts)
    return erasure


def _wait_for_other_servers(connection: Connection) -> None:
    """Waits for groups of events that were begun before; those begun later see the tombstones.

    SQLite has one writer: there is nobody to wait for.
    """
    if is_postgres(connection):
        execute(connection, "LOCK TABLE erased_units IN ACCESS EXCLUSIVE MODE")

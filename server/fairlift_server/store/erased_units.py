"""Tombstones: what was erased, by hashes, so that nobody who sends it again brings it back."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from fairlift_server.events.ledger import Event, RefusalReason, RefusedEvent, order_of, units_of
from fairlift_server.events.parking import WaitingEvent
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store import tables
from fairlift_server.store.statements import execute_many, first_row

ERASED = RefusedEvent(
    RefusalReason.ERASED,
    "is of a visitor or customer who was erased; nothing about them is kept any more",
)
_COLUMNS = tables.erased_units.c
_NEWEST = "SELECT coalesce(max(id), 0) FROM erased_units"
_ALL = "SELECT kind, hash, time_us FROM erased_units ORDER BY id"
_ADD = (
    "INSERT INTO erased_units (kind, hash, time_us) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING"
)


class Tombstone(NamedTuple):
    """What stays of something erased.

    Attributes:
        kind: unit or order.
        hash: as `UnitIds` makes it.
        time_us: when it was erased.
    """

    kind: str
    hash: str
    time_us: int


class ErasedUnits:
    """The tombstones of a database, in memory; used in its transactions that store events.

    Args:
        ids: how ids are stored in this database.
    """

    def __init__(self, ids: UnitIds) -> None:
        self._ids = ids
        # Apart, because the hash of an order costs more than the look into a set.
        self._units: set[str] = set()
        self._orders: set[str] = set()
        self._newest = 0

    def read(self, connection: Connection, *following: str) -> bool:
        """Whether there is any tombstone; reads those that came since the last time.

        To be called in the transaction that stores: what is erased later waits for its end.

        Args:
            connection: in a transaction.
            following: statements that come next, and go to PostgreSQL with the question.
        """
        (newest,) = first_row(connection, _NEWEST, *following)
        if newest != self._newest:
            query = select(_COLUMNS.kind, _COLUMNS.hash).where(_COLUMNS.id > self._newest)
            for kind, text in connection.execute(query):
                (self._units if kind == "unit" else self._orders).add(text)
            self._newest = newest
        return bool(self._units)

    def covers(self, event: Event | WaitingEvent) -> bool:
        """Whether the event is of somebody who was erased."""
        if isinstance(event, Event):
            units, order_id = units_of(event.entry), order_of(event.entry)
        else:
            units, order_id = event.units, event.order_id
        for unit in units:
            if self._ids.tombstone(unit) in self._units:
                return True
        if not order_id or not self._orders:
            return False
        return self._ids.order_tombstone(order_id) in self._orders


def add_tombstones(connection: Connection, tombstones: Sequence[Tombstone]) -> None:
    """Adds those that are not there yet."""
    execute_many(connection, _ADD, tombstones)


def tombstones(connection: Connection) -> list[Tombstone]:
    """All of them, oldest first."""
    return [Tombstone(*row) for row in connection.exec_driver_sql(_ALL)]


def tombstones_of(
    ids: UnitIds, units: Iterable[str], order_ids: Iterable[str], time_us: int
) -> list[Tombstone]:
    """The tombstones of stored ids and of orders."""
    return [
        *(Tombstone("unit", ids.tombstone(unit), time_us) for unit in sorted(units)),
        *(Tombstone("order", ids.order_tombstone(each), time_us) for each in sorted(order_ids)),
    ]

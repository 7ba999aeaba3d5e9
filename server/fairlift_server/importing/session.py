"""Imports files into one open database, by the rules of its server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fairlift.engine.errors import FairliftError
from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.api.events import EventRules, event_reader
from fairlift_server.api.unit_fields import hide_ids
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.campaigns.snapshot_build import published_snapshot
from fairlift_server.events.caller_clocks import TOLERANCE_US
from fairlift_server.events.ledger import EventOutcome, RefusedEvent
from fairlift_server.events.parking import DAY_US, ParkingLimits
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.importing.customer_rows import OLDEST_DAYS, AttributeReader
from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.event_messages import CustomerAttribute, Messages
from fairlift_server.importing.importer import (
    Importer,
    OldHistory,
    ReadEvent,
    ReadMessage,
    StoreEvents,
    messages_of,
)
from fairlift_server.importing.mapping import KindMapping
from fairlift_server.importing.refused_file import RefusedRows
from fairlift_server.importing.rows import MappedRows, mapped_rows
from fairlift_server.importing.source import SourceFile
from fairlift_server.importing.tally import Tally
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.event_groups import store_group

# How far back history is taken that no campaign's result can count.
_HISTORY_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class ImportRules:
    """By what the rows are judged: the settings of the server.

    Attributes:
        currency: the shop's.
        history_days: how far back the server takes events.
        limits: of events that wait.
    """

    currency: str
    history_days: int
    limits: ParkingLimits


@dataclass(slots=True)
class FileImport:
    """One file, checked and not yet imported.

    Attributes:
        tally: what became of its rows so far.
    """

    rows: MappedRows
    tally: Tally
    _importer: Importer
    _refused: RefusedRows
    _messages: Messages
    _store: StoreEvents

    def run(self, progress: Callable[[int], bool], store: StoreEvents | None = None) -> bool:
        """Imports its rows; whether it came to the end.

        Args:
            progress: is told how many rows were judged so far; whether to go on.
            store: stores the events; durably in groups by default.
        """
        return self._importer.run(self.rows, self._messages, store or self._store, progress)

    def write_refused(self, path: Path) -> None:
        """Writes the rows that were not taken to a file."""
        self._refused.write(path)


class ImportSession:
    """Imports files into a database: of SQLite while no server runs, of PostgreSQL at any time.

    Args:
        store: open and migrated.
        rules: by what the rows are judged.
        now: the time.
        ids: how ids of visitors and customers are stored.
    """

    def __init__(self, store: Store, rules: ImportRules, now: datetime, ids: UnitIds) -> None:
        self._store = store
        self._ids = ids
        self._erased = ErasedUnits(ids)
        self._rules = rules
        self._now = now
        self._live = LiveCampaigns(
            store.read_now(lambda transaction: published_snapshot(transaction, now))
        )

    @contextmanager
    def file(self, path: Path, kind: str, mapping: KindMapping) -> Iterator[FileImport]:
        """A file that can be imported: it was read through, and the mapping fits it.

        Args:
            path: of the file.
            kind: what its rows are.
            mapping: of that kind.

        Raises:
            InvalidRequest: the mapping does not fit the file.
            WrongState: the file cannot be read.
        """
        source = SourceFile(path, mapping.options)
        try:
            rows = mapped_rows(source, mapping)
            refused = RefusedRows(source)
            importer = Importer(self._reading(), self._history(kind), refused.note)
            messages = messages_of(
                kind,
                mapping,
                rows,
                shop_currency=self._rules.currency,
                ids=EventIds(self._ids.event_key()),
            )
            yield FileImport(rows, importer.tally, importer, refused, messages, self._stored)
        finally:
            source.close()

    def try_out(self, job: Callable[[StoreEvents], bool]) -> bool:
        """What an import in one transaction returns, of which everything is taken back.

        Where servers use the database, too, each group is taken back by itself: they would have to
        wait for the orders of all of them.
        """
        if self._store.is_shared:
            return job(self._tried)

        def in_one(transaction: Transaction) -> None:
            raise _TakeBack(job(lambda events: self._store_group(transaction, events)))

        try:
            self._store.write_now(in_one, attempts=1)
        except _TakeBack as end:
            return bool(end.result)
        raise AssertionError("it is always taken back")

    def _tried(self, events: Sequence[ReadEvent]) -> list[EventOutcome]:
        def in_one(transaction: Transaction) -> None:
            raise _TakeBack(self._store_group(transaction, events))

        try:
            self._store.write_now(in_one)
        except _TakeBack as end:
            outcomes: list[EventOutcome] = end.result
            return outcomes
        raise AssertionError("it is always taken back")

    def _stored(self, events: Sequence[ReadEvent]) -> list[EventOutcome]:
        return self._store.write_now(lambda transaction: self._store_group(transaction, events))

    def _store_group(
        self, transaction: Transaction, events: Sequence[ReadEvent]
    ) -> list[EventOutcome]:
        return store_group(
            transaction, events, self._rules.currency, self._rules.limits, erased=self._erased
        )

    def _reading(self) -> ReadMessage:
        rules = EventRules(self._rules.currency, _HISTORY_DAYS, self._rules.limits.days)
        reader = event_reader(self._live, self._now, rules)

        attributes = AttributeReader(self._now, self._ids.stored)

        def read(message: pb.Event | CustomerAttribute) -> ReadEvent | RefusedEvent:
            if isinstance(message, CustomerAttribute):
                return attributes.read(message)
            (raw_unit,) = hide_ids((message,), self._ids.stored)
            return reader.read(message, raw_unit)

        return read

    def _history(self, kind: str) -> OldHistory:
        if kind == "customers":  # what is known for long holds all the same
            return OldHistory(microseconds(self._now) - OLDEST_DAYS * DAY_US, None)
        starts = [
            microseconds(campaign.lifecycle.start_time)
            for campaign in self._live.published.campaigns.values()
            if campaign.lifecycle.start_time is not None
        ]
        # A storefront's clock may be a minute slow: its exposures count that much earlier.
        first = min(starts) - TOLERANCE_US if starts else None
        oldest_us = microseconds(self._now) - self._rules.history_days * DAY_US
        return OldHistory(oldest_us, first)


class _TakeBack(FairliftError):
    """Ends a transaction whose changes are not wanted. Any: what its job returned."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

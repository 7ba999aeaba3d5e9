"""Takes the rows of a file into the ledger: read, judged and stored in groups."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from fairlift.v1 import event_service_pb2 as pb

from fairlift_server.events.ledger import (
    Event,
    EventOutcome,
    ExposureEntry,
    IdleOutcome,
    ParkedEvent,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import WaitingEvent
from fairlift_server.importing.customer_rows import CustomerMessages
from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.event_messages import (
    CustomerAttribute,
    Messages,
    Prepared,
    RowMessages,
)
from fairlift_server.importing.mapping import KindMapping
from fairlift_server.importing.order_messages import OrderMessages
from fairlift_server.importing.row_reader import Refused
from fairlift_server.importing.rows import MappedRows
from fairlift_server.importing.tally import Tally, Why
from fairlift_server.importing.values import Values

ReadEvent = Event | WaitingEvent
StoreEvents = Callable[[Sequence[ReadEvent]], Sequence[EventOutcome]]
# The event of a message, or the rule that it breaks.
ReadMessage = Callable[[pb.Event | CustomerAttribute], ReadEvent | RefusedEvent]
# The lines, why, and whether they are of somebody who was erased.
NoteRefused = Callable[[Sequence[int], str, bool], None]


@dataclass(frozen=True, slots=True)
class OldHistory:
    """Which old events are taken: those that cannot count as a campaign's result.

    Attributes:
        oldest_us: as far back as the server takes events.
        no_campaign_us: before this moment no campaign had visitors; None while there is none.
    """

    oldest_us: int
    no_campaign_us: int | None

    def is_old(self, time_us: int) -> bool:
        """Whether the server itself would refuse an event of that time."""
        return time_us < self.oldest_us

    def refusal(self, event: ReadEvent, time_us: int) -> str:
        """Why an event that is old is not taken; empty: it is."""
        if isinstance(event, WaitingEvent):
            return f"is older than FAIRLIFT_HISTORY_DAYS, and would wait: {event.refusal.message}"
        if isinstance(event.entry, ExposureEntry):
            return "is older than FAIRLIFT_HISTORY_DAYS, as far back as exposures are taken"
        if self.no_campaign_us is not None and time_us >= self.no_campaign_us:
            return (
                "is older than FAIRLIFT_HISTORY_DAYS, and later than the start of a campaign, "
                "whose result it would change; set FAIRLIFT_HISTORY_DAYS higher if it should"
            )
        return ""


class _Judged(NamedTuple):
    """Rows whose events passed the reader."""

    lines: Sequence[int]
    events: Sequence[ReadEvent]
    is_old: bool


class Importer:
    """One import of one file.

    Args:
        read: by the rules of RecordEvents.
        history: what becomes of events that are older than the server takes them.
        note_refused: is told the lines that are not taken, and why.
    """

    def __init__(
        self,
        read: ReadMessage,
        history: OldHistory,
        note_refused: NoteRefused,
    ) -> None:
        self.tally = Tally()
        self._read = read
        self._history = history
        self._note_refused = note_refused

    def run(
        self,
        rows: MappedRows,
        messages: Messages,
        store: StoreEvents,
        progress: Callable[[int], bool],
    ) -> bool:
        """Imports rows; False: it was told to stop. What is stored stays, and is known next time.

        Args:
            rows: of the file.
            messages: makes events of them.
            store: stores events, and says what became of each.
            progress: is told after each group how many rows were judged so far; whether to go on.
        """
        with _collected_by_group() as collect:
            for batch in rows.batches():
                self._group(messages.of(batch), store)
                collect()
                if not progress(self.tally.rows):
                    return False
            self._group(messages.rest(), store)
        return True

    def _group(self, prepared: Iterable[Prepared | Refused], store: StoreEvents) -> None:
        judged = []
        for each in prepared:
            if isinstance(each, Refused):
                self._refuse(each.lines, each.reason, each.field, each.message)
            elif not each.events:
                self.tally.left_out += len(each.lines)
            elif (one := self._judged(each)) is not None:
                judged.append(one)
        if not judged:
            return
        outcomes = iter(store([event for one in judged for event in one.events]))
        for one in judged:
            self._count(one, [next(outcomes) for _ in one.events])

    def _judged(self, prepared: Prepared) -> _Judged | None:
        """The rows' events as the rules read them; None: they are refused."""
        events: list[ReadEvent] = []
        is_old = False
        for message in prepared.events:
            read = self._read(message)
            if isinstance(read, RefusedEvent):
                self._refuse_event(prepared.lines, read)
                return None
            time_us = read.time_us if isinstance(read, WaitingEvent) else read.entry.time_us
            if self._history.is_old(time_us):
                is_old = True
                if text := self._history.refusal(read, time_us):
                    self._refuse(prepared.lines, "too_old", "time", text)
                    return None
            events.append(read)
        return _Judged(prepared.lines, events, is_old)

    def _count(self, one: _Judged, outcomes: Sequence[EventOutcome]) -> None:
        first, tally, lines = outcomes[0], self.tally, one.lines
        if first == "accepted" and len(outcomes) == 1:  # as nearly all
            tally.taken += len(lines)
            tally.events += 1
            tally.old += len(lines) if one.is_old else 0
            return
        tally.idle += sum(isinstance(outcome, IdleOutcome) for outcome in outcomes)
        stored = sum(
            outcome == "accepted" or isinstance(outcome, IdleOutcome) for outcome in outcomes
        )
        tally.events += stored
        refused = next((each for each in outcomes if isinstance(each, RefusedEvent)), None)
        parked = next((each for each in outcomes if isinstance(each, ParkedEvent)), None)
        if isinstance(first, RefusedEvent) or (refused is not None and not stored):
            assert refused is not None, "the first one is refused"
            self._refuse_event(lines, refused)
        elif parked is not None:
            refusal = parked.refusal
            why = Why(refusal.field, refusal.reason.value)
            tally.add_waiting(why, refusal.message, lines)
        elif stored:
            tally.taken += len(lines)
            tally.old += len(lines) if one.is_old else 0
        else:
            tally.known += len(lines)

    def _refuse_event(self, lines: Sequence[int], refused: RefusedEvent) -> None:
        self._refuse(lines, refused.reason.value, refused.field, refused.message)

    def _refuse(self, lines: Sequence[int], reason: str, field: str, message: str) -> None:
        self.tally.add_refused(Why(field, reason), message, lines)
        is_erased = reason == RefusalReason.ERASED.value
        self._note_refused(lines, f"{field} {message}".lstrip(), is_erased)


@contextmanager
def _collected_by_group() -> Iterator[Callable[[], object]]:
    """Garbage is looked for once a group: rows make much that lives for a moment, and no circles.

    What is there before stays: it is not walked through again and again.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()
        gc.unfreeze()


def messages_of(
    kind: str, mapping: KindMapping, rows: MappedRows, *, shop_currency: str, ids: EventIds
) -> Messages:
    """What makes events of the rows of a kind.

    Args:
        kind: its name.
        mapping: of the kind.
        rows: of the file.
        shop_currency: of amounts whose currency the file does not name.
        ids: of the events.
    """
    values = Values(mapping.options)
    if kind == "orders":
        return OrderMessages(mapping.kind, rows.fields, values, shop_currency, rows.apart, ids)
    if kind == "customers":
        return CustomerMessages(mapping.kind, rows.fields, values, ids)
    return RowMessages(kind, mapping.kind, rows.fields, values, shop_currency, ids)

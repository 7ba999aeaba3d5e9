"""Stores events; while the database is away they go into a journal, and drain in order later."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.events.ingest import ReadEvents, StoreEvents
from fairlift_server.events.journal import Journal
from fairlift_server.events.journal_files import JournalFile
from fairlift_server.events.journal_records import ReadEvent, Records
from fairlift_server.events.ledger import EventOutcome, ParkedEvent, RefusalReason, RefusedEvent

log = logging.getLogger("fairlift.journal")

# In one transaction.
_GROUP_EVENTS = 5_000
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class JournalPace:
    """Seconds.

    Attributes:
        patience_s: a database that takes longer for a group is away; below what callers may wait.
        first_pause_s: until the database is tried again; each time longer.
    """

    patience_s: float = 1.5
    first_pause_s: float = 0.1


@dataclass(frozen=True, slots=True)
class JournalState:
    """What waits in the journal.

    Attributes:
        events, size_bytes: that wait.
        age_s: for how many seconds.
    """

    events: int
    size_bytes: int
    age_s: int


# How often an event is tried that the server fails to store, or has no room for.
_TRIES = 20


class JournaledStore:
    """Stores events straight, or in the journal while it holds any or the database is away.

    An event from the journal is accepted for its caller; whether it is a duplicate, waits or is
    refused is known when it drains.

    Args:
        store: writes events in one transaction; Overloaded or Unavailable: the database is away.
        journal: closed with this.
        on_journaled: called when events came in that are not in the ledger yet.
    """

    def __init__(
        self,
        store: StoreEvents,
        journal: Journal,
        *,
        on_journaled: Callable[[], None] = lambda: None,
        pace: JournalPace = JournalPace(),
    ) -> None:
        self._store = store
        self._journal = journal
        self._on_journaled = on_journaled
        self._pace = pace
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._late: set[asyncio.Future[list[EventOutcome]]] = set()
        self._arrived = asyncio.Event()
        # Nothing is being drained.
        self._idle = asyncio.Event()
        self._reachable = True
        self._counts = Counter[str]()
        if not journal.is_empty:
            fields = {"events": journal.events, "folder": str(journal.folder)}
            log.warning("the journal of an earlier start is drained", extra={"fields": fields})
            self._arrived.set()
        self._draining = asyncio.create_task(self._drain(), name="journal")

    @property
    def state(self) -> JournalState:
        """What waits now."""
        since_s = self._journal.since_s
        age_s = 0 if since_s is None else max(0, round(time.time() - since_s))
        return JournalState(self._journal.events, self._journal.size_bytes, age_s)

    async def can_take(self) -> bool:
        """Whether the journal takes events now."""
        try:
            await self._in_thread(self._journal.check)
        except Overloaded:
            return False
        return True

    async def check(self) -> None:
        """Whether events would be stored while the database is there.

        Raises:
            Overloaded: they go through the journal until it has drained, and it takes no more.
        """
        if not self._journal.is_empty:
            await self._in_thread(self._journal.check)

    async def store(self, events: ReadEvents) -> list[EventOutcome]:
        """One outcome per event, in order, once all of them are durable on this machine.

        Raises:
            Overloaded: the database is away, and the journal takes no more.
        """
        if self._journal.is_empty:
            try:
                return await self._stored_in_time(events)
            except (Overloaded, Unavailable) as error:
                reason = str(error)
            except TimeoutError:
                reason = f"a write takes more than {self._pace.patience_s:g} s"
            self._reachable = False
            fields = {"reason": reason, "folder": str(self._journal.folder)}
            log.error("events go into the journal", extra={"fields": fields})
        await self._in_thread(self._journal.append, events)
        self._on_journaled()
        self._arrived.set()
        return ["accepted"] * len(events)

    async def close(self, *, grace_s: float) -> None:
        """Goes on draining for so long if the database is there; the rest waits on the disk."""
        deadline = time.monotonic() + grace_s
        while self._reachable and self._is_draining and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        self._draining.cancel()
        with suppress(asyncio.CancelledError):
            await self._draining
        await asyncio.gather(*self._late, return_exceptions=True)
        self._thread.shutdown()
        if not self._journal.is_empty:
            fields = {"events": self._journal.events, "folder": str(self._journal.folder)}
            log.warning("events stay in the journal until the next start", extra={"fields": fields})
        self._journal.close()

    @property
    def _is_draining(self) -> bool:
        return not (self._journal.is_empty and self._idle.is_set())

    async def _stored_in_time(self, events: ReadEvents) -> list[EventOutcome]:
        # Not cancelled after the time: a write that succeeds late is a duplicate when it drains.
        storing = asyncio.ensure_future(self._store(events))
        try:
            return await asyncio.wait_for(asyncio.shield(storing), self._pace.patience_s)
        except TimeoutError:
            self._late.add(storing)
            storing.add_done_callback(self._end_late)
            raise

    def _end_late(self, storing: "asyncio.Future[list[EventOutcome]]") -> None:
        self._late.discard(storing)
        if not storing.cancelled():
            storing.exception()  # was answered for when it was late

    async def _drain(self) -> None:
        while True:
            if not self._arrived.is_set():
                self._idle.set()
                await self._arrived.wait()
                self._idle.clear()
            self._arrived.clear()
            started = time.monotonic()
            while not self._journal.is_empty:
                try:
                    await self._drain_file(*await self._in_thread(self._journal.oldest))
                except Exception:
                    log.exception("the journal cannot be drained")
                    await asyncio.sleep(_LONGEST_PAUSE_S)
            if self._counts:
                fields = {**self._counts, "seconds": round(time.monotonic() - started, 1)}
                log.warning("the journal is drained", extra={"fields": fields})
                self._counts.clear()

    async def _drain_file(self, file: JournalFile, records: Records) -> None:
        refused: list[tuple[ReadEvent, RefusedEvent]] = []
        counts = Counter[str]()
        for start in range(0, len(records.events), _GROUP_EVENTS):
            group = records.events[start : start + _GROUP_EVENTS]
            outcomes = await self._stored_at_last(group)
            counts.update(map(_word, outcomes))
            refused += [
                (event, outcome)
                for event, outcome in zip(group, outcomes, strict=True)
                # Nothing may be kept of who was erased.
                if isinstance(outcome, RefusedEvent) and outcome.reason is not RefusalReason.ERASED
            ]
        # First the log: a stop may come in between, and then it is said again.
        _log_what_is_missing(file, records, refused)
        await self._in_thread(partial(self._journal.drained, file, records, refused))
        self._counts.update(counts)

    async def _stored_at_last(self, group: list[ReadEvent]) -> list[EventOutcome]:
        """The outcomes, however often the database must be asked.

        What may be sent again is tried again: its sender was told that it is accepted.
        """
        outcomes = await self._stored_once(group)
        for _attempt in range(_TRIES):
            again = [
                index
                for index, outcome in enumerate(outcomes)
                if isinstance(outcome, RefusedEvent) and outcome.is_retryable
            ]
            if not again:
                break
            await asyncio.sleep(self._pace.first_pause_s)
            tried = await self._stored_once([group[index] for index in again])
            for index, outcome in zip(again, tried, strict=True):
                outcomes[index] = outcome
        return outcomes

    async def _stored_once(self, group: list[ReadEvent]) -> list[EventOutcome]:
        """The outcomes, once the database is there."""
        pause_s = self._pace.first_pause_s
        while True:
            try:
                outcomes = await self._store(group)
            except (Overloaded, Unavailable):
                pass  # the store has logged why it cannot write
            except Exception:
                log.exception("events of the journal cannot be stored")
            else:
                self._reachable = True
                return outcomes
            self._reachable = False
            # Several servers must not come back at the same moment.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _in_thread(self, job: Callable[..., Any], *arguments: object) -> Any:
        """What the job returns. `Any`: of whatever type."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, job, *arguments)


def _log_what_is_missing(
    file: JournalFile, records: Records, refused: list[tuple[ReadEvent, RefusedEvent]]
) -> None:
    name = str(file.path)
    if records.damages or records.lost:
        fields: dict[str, object] = {
            "file": name,
            "lost_events": records.lost,
            "reasons": sorted({damage.reason for damage in records.damages}),
            "set_aside": str(file.path.with_suffix(".damaged")) if records.damages else "",
        }
        log.error("the journal is damaged", extra={"fields": fields})
    if records.torn_bytes:
        fields = {"file": name, "bytes": records.torn_bytes}
        log.warning("the journal ends in an unfinished write", extra={"fields": fields})
    if refused:
        reasons = Counter(refusal.reason.value for _, refusal in refused)
        fields = {**reasons, "set_aside": str(file.path.with_suffix(".refused"))}
        log.error("events of the journal were refused", extra={"fields": fields})


def _word(outcome: EventOutcome) -> str:
    match outcome:
        case RefusedEvent():
            return "refused"
        case ParkedEvent():
            return "parked"
        case str():
            return outcome
        case _:
            return "accepted_without_effect"

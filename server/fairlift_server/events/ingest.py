"""Group commit: the events of many calls are stored in one durable transaction."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Any, Protocol, TypeAlias

from fairlift.engine.errors import FairliftError, Overloaded, Unavailable

from fairlift_server.events.commit_time import CommitTime
from fairlift_server.events.ledger import Event, EventOutcome
from fairlift_server.events.parking import WaitingEvent

log = logging.getLogger("fairlift.store")

# Events in one transaction at most; the disk syncs once for all of them.
_GROUP_EVENTS = 10_000
# New batches are refused while the oldest one waits longer: callers must not give up on events
# that are stored then all the same.
_MAX_WAIT_S = 2.0


class GroupTracer(Protocol):
    """Traces the way of events from their call to the disk."""

    def waiting(self) -> Any | None:
        """Begins the wait of a call's events; None: the call is not traced."""

    def storing(self, waits: Sequence[Any | None], events: int) -> AbstractContextManager[None]:
        """Ends the waits of a group, and traces how it is stored."""


ReadEvents: TypeAlias = Sequence[Event | WaitingEvent]
StoreEvents = Callable[[ReadEvents], Awaitable[list[EventOutcome]]]


@dataclass(slots=True, eq=False)
class _Batch:
    events: ReadEvents
    outcomes: "asyncio.Future[list[EventOutcome]]"
    arrived_s: float
    wait: Any | None  # of the tracer


class Ingest:
    """A bounded queue of event batches, each acknowledged once its events are durable.

    While one group is being written the next one collects, so groups grow with the load.

    Args:
        store: writes events in one transaction.
        limit_events: that may wait; above it batches are refused.
        now: a clock in seconds that never goes back.
        tracer: is told of waits and commits.
    """

    def __init__(
        self,
        store: StoreEvents,
        *,
        limit_events: int,
        now: Callable[[], float] = time.monotonic,
        tracer: GroupTracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._store = store
        self._now = now
        self._limit_events = limit_events
        self._queue: deque[_Batch] = deque()
        self._waiting_events = 0
        self._commit_time = CommitTime()
        self._arrived = asyncio.Event()
        self._closed = False
        # That is being written.
        self._current_group: list[_Batch] = []
        # Why no event can be stored any more; empty: events are stored.
        self._failure = ""
        # Is told when no event can be stored any more, and why.
        self.on_end: Callable[[str], None] = lambda _reason: None
        self._writing = asyncio.create_task(self._write_groups(), name="ingest")
        self._writing.add_done_callback(self._refuse_all)

    @property
    def has_room(self) -> bool:
        """Whether one more batch may wait, of whatever size: asked before it is even read."""
        if self._waiting_events >= self._limit_events:
            return False
        return not self._queue or self._now() < self._queue[0].arrived_s + _MAX_WAIT_S

    @property
    def waiting_events(self) -> int:
        """How many wait, with those that are being written."""
        return self._waiting_events

    @property
    def longest_wait_s(self) -> float:
        """How long the oldest batch has waited for its turn; 0 where none waits.

        Also for other threads: the queue may empty meanwhile.
        """
        try:
            oldest = self._queue[0]
        except IndexError:
            return 0.0
        return max(0.0, self._now() - oldest.arrived_s)

    @property
    def expected_wait_s(self) -> float:
        """How long a batch that comes now will wait until it is durable, as the last ones went."""
        groups = ceil(self._waiting_events / _GROUP_EVENTS)
        return self._commit_time.expected_s(groups, self._waiting_events)

    async def record(self, events: ReadEvents) -> list[EventOutcome]:
        """One outcome per event, in order, once all of them are durable.

        Raises:
            Overloaded: too many events are waiting, or the database cannot write now.
            Unavailable: the server is shutting down, or what writes has ended.
        """
        if self._failure:
            raise Unavailable(self._failure)
        if self._closed:
            raise Unavailable("the server is shutting down; send the events again")
        if not events:
            return []
        if not self.has_room:
            raise Overloaded(
                f"{self._waiting_events} events already wait for the disk; send the same events "
                "again later",
                retry_after_s=0.5,
            )
        wait = None if self._tracer is None else self._tracer.waiting()
        batch = _Batch(events, asyncio.get_running_loop().create_future(), self._now(), wait)
        self._queue.append(batch)
        self._waiting_events += len(events)
        self._arrived.set()
        return await batch.outcomes

    async def close(self) -> None:
        """Refuses new events; returns when all waiting events are durable."""
        self._closed = True
        self._arrived.set()
        await asyncio.wait([self._writing])

    def _refuse_all(self, writing: "asyncio.Task[None]") -> None:
        """Refuses what waits and what comes, if the writer ended before it was closed."""
        error = None if writing.cancelled() else writing.exception()
        if error is None and not writing.cancelled():
            return
        self._failure = _WRITER_ENDED
        log.critical(_WRITER_ENDED, exc_info=error)
        for batch in (*self._current_group, *self._queue):
            if not batch.outcomes.done():
                batch.outcomes.set_exception(Unavailable(_WRITER_ENDED))
        self._queue.clear()
        self._waiting_events = 0
        self.on_end(_WRITER_ENDED)

    async def _write_groups(self) -> None:
        while not self._closed or self._queue:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                self._current_group = self._group()
                await self._write(self._current_group)

    def _group(self) -> list[_Batch]:
        group = [self._queue.popleft()]
        size = len(group[0].events)
        while self._queue and size + len(self._queue[0].events) <= _GROUP_EVENTS:
            group.append(self._queue.popleft())
            size += len(group[-1].events)
        return group

    async def _write(self, group: list[_Batch]) -> None:
        events = list(chain.from_iterable(batch.events for batch in group))
        begun = self._now()
        try:
            with self._traced(group, len(events)):
                outcomes = await self._store(events)
        except Exception as error:
            # The transaction was rolled back: every caller gets the error, and may send again.
            failure = error if isinstance(error, FairliftError) else Unavailable(_INTERNAL_ERROR)
            failure.__cause__ = None if failure is error else error
            for batch in group:
                if not batch.outcomes.done():
                    batch.outcomes.set_exception(failure)
        else:
            self._commit_time.add(len(events), self._now() - begun)
            assert len(outcomes) == len(events), "the store has an outcome for each event"
            start = 0
            for batch in group:
                end = start + len(batch.events)
                if not batch.outcomes.done():  # a caller may hang up; its events are stored
                    batch.outcomes.set_result(outcomes[start:end])
                start = end
        finally:
            self._waiting_events -= len(events)

    def _traced(self, group: list[_Batch], events: int) -> AbstractContextManager[None]:
        if self._tracer is None:
            return nullcontext()
        return self._tracer.storing([batch.wait for batch in group], events)


_WRITER_ENDED = "what stores events has ended, and events are refused; restart the server"
_INTERNAL_ERROR = "the events could not be stored because of an error in the server; see its log"

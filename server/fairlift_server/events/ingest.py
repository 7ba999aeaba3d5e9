"""Group commit: the events of many calls are stored in one durable transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fairlift.engine.errors import FairliftError, Overloaded, Unavailable

from fairlift_server.events.ledger import Event, EventOutcome

# Events in one transaction at most; the disk syncs once for all of them.
_GROUP_EVENTS = 10_000
# New batches are refused while the oldest one waits longer: callers must not give up on events
# that are stored then all the same.
_MAX_WAIT_S = 2.0

StoreEvents = Callable[[Sequence[Event]], Awaitable[list[EventOutcome]]]


@dataclass(slots=True, eq=False)
class _Batch:
    events: Sequence[Event]
    outcomes: "asyncio.Future[list[EventOutcome]]"
    arrived_s: float


class Ingest:
    """A bounded queue of event batches, each acknowledged once its events are durable.

    While one group is being written the next one collects, so groups grow with the load.

    Args:
        store: writes events in one transaction.
        limit_events: that may wait; above it batches are refused.
        now: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        store: StoreEvents,
        *,
        limit_events: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._limit_events = limit_events
        self._queue: deque[_Batch] = deque()
        self._waiting_events = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._writing = asyncio.create_task(self._write_groups(), name="ingest")

    @property
    def has_room(self) -> bool:
        """Whether one more batch may wait, of whatever size: asked before it is even read."""
        if self._waiting_events >= self._limit_events:
            return False
        return not self._queue or self._now() < self._queue[0].arrived_s + _MAX_WAIT_S

    async def record(self, events: Sequence[Event]) -> list[EventOutcome]:
        """One outcome per event, in order, once all of them are durable.

        Raises:
            Overloaded: too many events are waiting, or the database cannot write now.
            Unavailable: the server is shutting down.
        """
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
        batch = _Batch(events, asyncio.get_running_loop().create_future(), self._now())
        self._queue.append(batch)
        self._waiting_events += len(events)
        self._arrived.set()
        return await batch.outcomes

    async def close(self) -> None:
        """Refuses new events; returns when all waiting events are durable."""
        self._closed = True
        self._arrived.set()
        await self._writing

    async def _write_groups(self) -> None:
        while not self._closed or self._queue:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._write(self._group())

    def _group(self) -> list[_Batch]:
        group = [self._queue.popleft()]
        size = len(group[0].events)
        while self._queue and size + len(self._queue[0].events) <= _GROUP_EVENTS:
            group.append(self._queue.popleft())
            size += len(group[-1].events)
        return group

    async def _write(self, group: list[_Batch]) -> None:
        events = [event for batch in group for event in batch.events]
        try:
            outcomes = iter(await self._store(events))
        except Exception as error:
            # The transaction was rolled back: every caller gets the error, and may send again.
            failure = error if isinstance(error, FairliftError) else Unavailable(_INTERNAL_ERROR)
            failure.__cause__ = None if failure is error else error
            for batch in group:
                if not batch.outcomes.done():
                    batch.outcomes.set_exception(failure)
        else:
            for batch in group:
                batch_outcomes = [next(outcomes) for _ in batch.events]
                if not batch.outcomes.done():  # a caller may hang up; its events are stored
                    batch.outcomes.set_result(batch_outcomes)
        finally:
            self._waiting_events -= len(events)


_INTERNAL_ERROR = "the events could not be stored because of an error in the server; see its log"

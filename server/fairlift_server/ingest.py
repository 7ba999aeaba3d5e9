"""Group commit: many calls, one durable transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fairlift.engine.errors import FairliftError, Overloaded, Unavailable

from fairlift_server.ledger import Event, Outcome

# One transaction takes what waits, up to here: the disk syncs once for all of it.
_GROUP_EVENTS = 10_000

Keep = Callable[[Sequence[Event]], Awaitable[list[Outcome]]]


@dataclass(slots=True, eq=False)
class _Batch:
    events: Sequence[Event]
    outcomes: "asyncio.Future[list[Outcome]]"


class Ingest:
    """Batches waiting for the disk: bounded, and acknowledged only when they are durable.

    While one group is being written, the next one gathers: the busier, the larger the groups.
    """

    def __init__(self, keep: Keep, *, limit_events: int) -> None:
        self._keep = keep
        self._limit = limit_events
        self._waiting: deque[_Batch] = deque()
        self._events = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._writing = asyncio.create_task(self._write_groups(), name="ingest")

    @property
    def waiting_events(self) -> int:
        """Events that are not yet durable."""
        return self._events

    async def record(self, events: Sequence[Event]) -> list[Outcome]:
        """One outcome per event, in order, once all of them are durable.

        Raises:
            Overloaded: too many events wait already, or the database cannot write now.
            Unavailable: the server is shutting down.
        """
        if self._closed:
            raise Unavailable("the server is shutting down; send the events again")
        if not events:
            return []
        if self._events + len(events) > self._limit:
            raise Overloaded(
                f"{self._events} events already wait for the disk, the limit is {self._limit}; "
                "send the same events again later",
                retry_after_s=0.5,
            )
        batch = _Batch(events, asyncio.get_running_loop().create_future())
        self._waiting.append(batch)
        self._events += len(events)
        self._arrived.set()
        return await batch.outcomes

    async def close(self) -> None:
        """Refuses new events and returns when all that wait are durable."""
        self._closed = True
        self._arrived.set()
        await self._writing

    async def _write_groups(self) -> None:
        while not self._closed or self._waiting:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._write(self._group())

    def _group(self) -> list[_Batch]:
        group = [self._waiting.popleft()]
        size = len(group[0].events)
        while self._waiting and size + len(self._waiting[0].events) <= _GROUP_EVENTS:
            group.append(self._waiting.popleft())
            size += len(group[-1].events)
        return group

    async def _write(self, group: list[_Batch]) -> None:
        events = [event for batch in group for event in batch.events]
        try:
            outcomes = iter(await self._keep(events))
        except Exception as error:
            # Nothing of the group was kept; each caller is told, and may send it again.
            failure = error if isinstance(error, FairliftError) else Unavailable(_BROKEN)
            failure.__cause__ = None if failure is error else error
            for batch in group:
                if not batch.outcomes.done():
                    batch.outcomes.set_exception(failure)
        else:
            for batch in group:
                own = [next(outcomes) for _ in batch.events]
                if not batch.outcomes.done():  # the caller may have gone; its events are kept
                    batch.outcomes.set_result(own)
        finally:
            self._events -= len(events)


_BROKEN = "the events could not be stored because of an error in the server; see its log"

"""One computation for all who ask for the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class _Computation(Generic[T]):
    task: asyncio.Task[T]
    callers: int = 0


class SharedWork(Generic[K, T]):
    """At most one computation for each key runs, and one more waits for it.

    Who asks while one runs shares the one that follows: its answer has all that was there when they
    asked. When the last of its callers has left, a computation is cancelled.
    """

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}
        self._waiting: dict[K, _Computation[T]] = {}

    async def run(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns or raises, begun after this call."""
        shared = self._waiting.get(key)
        if shared is None:
            shared = _Computation(asyncio.create_task(self._in_turn(key, work)))
            self._waiting[key] = shared
        shared.callers += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.callers -= 1
            if not shared.callers and not shared.task.done():
                shared.task.cancel()
                if self._waiting.get(key) is shared:
                    del self._waiting[key]

    async def _in_turn(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        before = self._running.get(key)
        if before is not None:
            await asyncio.wait([before])
        this = self._running[key] = self._waiting.pop(key).task
        try:
            return await work()
        finally:
            if self._running[key] is this:
                del self._running[key]


# Any: what a coroutine yields and is sent is the event loop's.
async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """What the work returns or raises; it is done even if the caller is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

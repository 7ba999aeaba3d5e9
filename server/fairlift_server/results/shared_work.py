"""One computation for all who ask for the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedWork(Generic[K, T]):
    """At most one computation for each key runs, and one more waits for it.

    Who asks while one runs shares the one that follows: its answer has all that was there when they
    asked. A caller who goes away stops nothing.
    """

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}
        self._waiting: dict[K, asyncio.Task[T]] = {}

    async def run(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns or raises, begun after this call."""
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.create_task(self._in_turn(key, work))
            self._waiting[key] = task
        return await asyncio.shield(task)

    async def _in_turn(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        before = self._running.get(key)
        if before is not None:
            await asyncio.wait([before])
        this = self._running[key] = self._waiting.pop(key)
        try:
            return await work()
        finally:
            if self._running[key] is this:
                del self._running[key]

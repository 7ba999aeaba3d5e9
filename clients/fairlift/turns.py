"""Turns: how many calls of coroutines are under way at a time.

Hundreds of calls that begin at once would share one server and one interpreter, and all of them
would miss their deadline together. One after the other, each is answered in time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from fairlift.engine.errors import Unavailable

_UNDER_WAY = 8
# How many deadlines of a call a coroutine waits for its turn, while the server answers others.
_PATIENCE = 10
# And while it answers nobody: those under way may have hit one bad moment; the next ones show it.
_PATIENCE_IN_SILENCE = 2


class Turns:
    """The turns of a client in any number of event loops.

    Args:
        timeout_s: How long a call may take. Who waits for a turn gives up when the server has
            answered nobody for twice as long, or after ten times as long.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopTurns] = WeakKeyDictionary()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and keeps it for the block, which raises when no answer arrived.

        Raises:
            Unavailable: the server answered nobody in time.
        """
        loop = asyncio.get_running_loop()
        turns = self._loops.setdefault(loop, _LoopTurns(loop, self._timeout_s))
        await turns.take()
        try:
            yield
            turns.last_answer = loop.time()
        finally:
            turns.give_back()


class _LoopTurns:
    """The turns in one event loop, which alone uses them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.last_answer = 0.0

    async def take(self) -> None:
        if self._under_way < _UNDER_WAY:
            self._under_way += 1
            return
        mine = self._loop.create_future()
        self._waiting.append(mine)
        try:
            await self._granted(mine)
        except BaseException:  # cancelled, or too late
            if mine.done() and not mine.cancelled():
                self.give_back()
            mine.cancel()
            raise

    async def _granted(self, mine: "asyncio.Future[None]") -> None:
        began = self._loop.time()
        while not mine.done():
            last_sign = max(began, self.last_answer)
            deadline = min(
                last_sign + _PATIENCE_IN_SILENCE * self._timeout_s,
                began + _PATIENCE * self._timeout_s,
            )
            remaining_s = deadline - self._loop.time()
            if remaining_s <= 0:
                raise Unavailable("the server is too slow: no turn to ask it in time")
            await asyncio.wait([mine], timeout=remaining_s)

    def give_back(self) -> None:
        while self._waiting:
            next_one = self._waiting.popleft()
            if not next_one.done():
                next_one.set_result(None)
                return
        self._under_way -= 1

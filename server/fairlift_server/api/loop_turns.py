"""Turns on the event loop: work that takes milliseconds waits while calls are taken in.

gRPC takes in one call in a few rounds of the loop. Without turns, a round would be as long as all
work that is ready: calls would wait for seconds in gRPC's own queue, where none is refused.
"""

import asyncio
import heapq
import time

# A turn ends when no call came in for so long, or after so much processor time: who floods the
# server with calls must not keep it from work.
_QUIET_S = 0.001
_LONGEST_S = 0.05
# The more important goes first if it came less than so much later for each rank between them:
# whoever floods the server with important calls must not keep the others waiting for ever.
_AHEAD_S = 1.0


class LoopTurns:
    """Gives one caller at a time the event loop: the most important first, but none waits for ever.

    Attributes:
        arrivals: how many calls have come in so far, apart from assignments.
    """

    def __init__(self) -> None:
        self.arrivals = 0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0
        self._giving: asyncio.Task[None] | None = None

    async def wait(self, rank: int) -> None:
        """Returns when it is the caller's turn, which lasts until it waits for something else.

        Args:
            rank: a smaller one goes first, unless it came a second later or more.
        """
        if self._giving is None:
            self._giving = asyncio.create_task(self._give_turns(), name="turns")
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._number += 1
        heapq.heappush(self._waiting, (loop.time() + rank * _AHEAD_S, self._number, turn))
        await turn

    async def _give_turns(self) -> None:
        await self._until_quiet()
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # its caller has not gone away
                turn.set_result(None)
                await self._until_quiet()
        self._giving = None

    async def _until_quiet(self) -> None:
        await asyncio.sleep(0)  # the turn itself
        ends = time.thread_time() + _LONGEST_S
        while True:
            before = self.arrivals
            await asyncio.sleep(_QUIET_S)
            if self.arrivals == before or time.thread_time() > ends:
                return

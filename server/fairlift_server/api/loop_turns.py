"""Turns on the event loop: work that takes milliseconds waits while calls are taken in.

gRPC takes in one call in a few rounds of the loop. Without turns, a round would be as long as all
work that is ready: calls would wait for seconds in gRPC's own queue, where none is refused.
"""

import asyncio
import heapq
import time

# So much work is done without a pause: one large batch, or many small ones.
_WORK_S = 0.004
# gRPC takes in a call in about three rounds of the loop. A pause ends when no call came in during
# so many rounds while few wait for their turn, or none came in since the last pause.
_ROUNDS = 5
_FEW = 16
# Else it ends when no call came in for so long. In any case it ends after so much processor time:
# who floods the server with calls must not keep it from work.
_QUIET_S = 0.001
_LONGEST_S = 0.05
# How long a turn is taken to last until some were given.
_FIRST_GUESS_S = 0.001
# How much the newest turn counts in the time that one takes.
_NEWEST = 0.1
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
        self._waiting: list[tuple[float, int, int, asyncio.Future[None]]] = []
        self._number = 0
        self._giving: asyncio.Task[None] | None = None
        self._took_s: dict[int, float] = {}
        # Of the arrivals, those before the end of the last pause.
        self._known = 0

    def seconds_of_one(self, rank: int) -> float:
        """How long one turn of a rank takes when many wait, with its share of the pauses."""
        return self._took_s.get(rank, _FIRST_GUESS_S)

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
        heapq.heappush(self._waiting, (loop.time() + rank * _AHEAD_S, self._number, rank, turn))
        await turn

    async def _give_turns(self) -> None:
        await asyncio.sleep(0)  # the turn of the one that did not wait
        await self._until_quiet()
        while self._waiting:
            await self._give_some()
        self._giving = None

    async def _give_some(self) -> None:
        """Gives turns without a pause for as long as a large one takes, and then pauses."""
        given: dict[int, list[float]] = {}
        pauses_after = time.thread_time() + _WORK_S
        while self._waiting and time.thread_time() < pauses_after:
            *_, rank, turn = heapq.heappop(self._waiting)
            if turn.done():  # its caller has gone away
                continue
            began = time.perf_counter()
            turn.set_result(None)
            await asyncio.sleep(0)  # the turn itself
            given.setdefault(rank, []).append(time.perf_counter() - began)
        began, known = time.perf_counter(), self._number
        await self._until_quiet()
        pause_s = time.perf_counter() - began
        # A burst is taken in by one pause, which few turns came before.
        number = max(sum(map(len, given.values())), self._number - known)
        for rank, seconds in given.items():
            self._note(rank, len(seconds), sum(seconds) / len(seconds) + pause_s / number)

    def _note(self, rank: int, turns: int, mean_s: float) -> None:
        """Adds what turns took to the time of one; one slow turn of many weighs no more than it."""
        known_s = self.seconds_of_one(rank)
        weight = 1 - (1 - _NEWEST) ** turns
        self._took_s[rank] = known_s + weight * (mean_s - known_s)

    async def _until_quiet(self) -> None:
        ends = time.thread_time() + _LONGEST_S
        await self._rounds_without_a_call()
        while self.arrivals != self._known and time.thread_time() <= ends:
            self._known = self.arrivals
            if len(self._waiting) > _FEW:
                await asyncio.sleep(_QUIET_S)
            else:
                await self._rounds_without_a_call()
        self._known = self.arrivals

    async def _rounds_without_a_call(self) -> None:
        for _ in range(_ROUNDS):
            if self.arrivals != self._known:
                return
            await asyncio.sleep(0)

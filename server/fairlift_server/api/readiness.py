"""Keeps health true: services that write are down while the database cannot."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fairlift.engine.errors import Overloaded

# Between two checks: of a database that can write, and of one that cannot.
_QUIET_S = 10.0
_FAILING_S = 1.0


class Readiness:
    """Reports a failed write at once, and tries the database until it can write again.

    Args:
        report: tells load balancers whether the database can write.
        check: raises Overloaded when it cannot.
    """

    def __init__(
        self, report: Callable[[bool], Awaitable[None]], check: Callable[[], Awaitable[None]]
    ) -> None:
        self._report = report
        self._check = check
        self._failure = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def failed(self, _reason: str) -> None:
        """Notes a failed write, from any thread."""
        self._loop.call_soon_threadsafe(self._failure.set)

    async def run(self) -> None:
        """Checks until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._failure.wait(), _QUIET_S)
            if self._failure.is_set():
                await self._heal()
            else:
                await self._is_well()

    async def _heal(self) -> None:
        await self._report(False)
        await asyncio.sleep(_FAILING_S)
        while not await self._is_well():
            await asyncio.sleep(_FAILING_S)
        self._failure.clear()
        await self._report(True)

    async def _is_well(self) -> bool:
        try:
            await self._check()
        except Overloaded:
            return False
        return True

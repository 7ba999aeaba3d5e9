"""Keeps health true: services that write are down while the database cannot."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from fairlift.engine.errors import Overloaded, Unavailable

log = logging.getLogger("fairlift.store")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two checks, of a database that can write and of one that cannot.

    Attributes:
        limit_s: a database that takes longer for a check cannot write.
    """

    quiet_s: float = 10.0
    failing_s: float = 1.0
    limit_s: float = 20.0


async def _takes_none() -> bool:
    return False


class Readiness:
    """Reports a failed write at once, and tries the database until it can write again.

    Args:
        report: tells load balancers whether the database can write, and whether events are taken.
        check: raises Overloaded or Unavailable when it cannot.
        pace: of the checks.
        takes_events: whether events are taken while it cannot; None: they are not.
    """

    def __init__(
        self,
        report: Callable[[bool, bool], Awaitable[None]],
        check: Callable[[], Awaitable[None]],
        pace: Pace = Pace(),
        *,
        takes_events: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._report = report
        self._takes_events = takes_events or _takes_none
        self._check = check
        self._pace = pace
        self._failure = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def failed(self, _reason: str) -> None:
        """Notes a failed write, from any thread."""
        self._loop.call_soon_threadsafe(self._failure.set)

    async def run(self) -> None:
        """Checks until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._failure.wait(), self._pace.quiet_s)
            if self._failure.is_set() or not await self._is_well():
                await self._heal()

    async def _heal(self) -> None:
        is_well, reported = False, None
        while not is_well:
            takes_events = await self._takes_events()
            if takes_events is not reported:
                await self._report(False, takes_events)
                reported = takes_events
            await asyncio.sleep(self._pace.failing_s)
            is_well = await self._is_well()
        self._failure.clear()
        await self._report(True, True)

    async def _is_well(self) -> bool:
        try:
            async with asyncio.timeout(self._pace.limit_s):
                await self._check()
        except (Overloaded, Unavailable):
            return False
        except TimeoutError:
            fields = {"reason": f"a write takes more than {self._pace.limit_s:g} s"}
            log.error("the database cannot write", extra={"fields": fields})
            return False
        except Exception:
            log.exception("the database cannot be checked")
            return False
        return True

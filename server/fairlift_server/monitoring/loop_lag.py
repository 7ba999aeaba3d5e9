"""How late the event loop runs what is due: what it delays, it delays for every caller."""

import asyncio
import time
from collections.abc import Callable

_EVERY_S = 0.25
# An event loop that did nothing for so long will do nothing any more.
_DEAD_S = 30.0


class LoopLag:
    """Measures the delay of the event loop again and again.

    Args:
        observe: takes each delay, in seconds.
        now: seconds that pass evenly.
    """

    def __init__(
        self, observe: Callable[[float], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._observe = observe
        self._now = now
        # None: not measured yet. A start may take long, as long as a database is migrated.
        self._last_s: float | None = None

    async def run(self) -> None:
        """Measures until it is cancelled."""
        while True:
            due_s = self._now() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            last_s = self._last_s = self._now()
            self._observe(max(0.0, last_s - due_s))

    def problem(self) -> str:
        """Why the server is dead; empty: it lives. From any thread."""
        if self._last_s is None:
            return ""
        silent_s = self._now() - self._last_s
        return f"the event loop has not run for {silent_s:.0f} s" if silent_s > _DEAD_S else ""

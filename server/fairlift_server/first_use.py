"""Parts of the server that are loaded when they are first needed."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger("fairlift.server")


class OnFirstUse(Generic[T]):
    """A part that is made once, when it is first needed; its module is imported in a thread.

    Args:
        module: which is imported first.
        make: makes the part, in the event loop.
    """

    def __init__(self, module: str, make: Callable[[], T]) -> None:
        self._module = module
        self._make = make
        self._made: T | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> T:
        """The part; calls that come while it is loaded wait for it together.

        Raises:
            Exception: it cannot be imported or made; the next call tries again.
        """
        async with self._lock:
            if self._made is None:
                started = time.monotonic()
                await asyncio.to_thread(import_module, self._module)
                self._made = self._make()
                if gc.get_freeze_count():
                    # As at the start: what stays alive, the collector need not walk. What is
                    # garbage by now would never be freed.
                    gc.collect()
                    gc.freeze()
                ms = f"{(time.monotonic() - started) * 1_000:.0f}"
                log.info("loaded", extra={"fields": {"module": self._module, "ms": ms}})
        return self._made

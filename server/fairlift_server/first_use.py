"""Parts of the server that are loaded when they are first needed."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger("fairlift.server")

# How many new objects the collector walks at a time while a part is loaded: a millisecond.
_FEW_OBJECTS = 2_000


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
                with _frozen_bit_by_bit():
                    await asyncio.to_thread(import_module, self._module)
                    self._made = self._make()
                ms = f"{(time.monotonic() - started) * 1_000:.0f}"
                log.info("loaded", extra={"fields": {"module": self._module, "ms": ms}})
        return self._made


@contextmanager
def _frozen_bit_by_bit() -> Iterator[None]:
    """Keeps the collector from walking what is made meanwhile and stays alive, as at the start.

    Garbage is freed before. All at once, both would stop every thread for some 25 ms: calls, too.
    """
    if not gc.get_freeze_count():
        yield
        return

    def freeze(phase: str, _info: dict[str, int]) -> None:
        if phase == "stop":
            gc.freeze()

    usual = gc.get_threshold()
    gc.callbacks.append(freeze)
    gc.set_threshold(_FEW_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.collect()
        gc.callbacks.remove(freeze)

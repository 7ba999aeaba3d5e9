"""Parts of the server that are loaded after its start, once."""

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

# How many new objects the collector walks at a time while a part is loaded.
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
    """Freezes what is made in the block, after every few new objects.

    So no collection walks all of it. One collection during it and one at its end would stop all
    threads for some 25 ms.
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

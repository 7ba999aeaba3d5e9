"""How a supervisor knows that a worker lives: the worker's event loop writes to a pipe.

It writes a byte once it listens, and one a second from then on. A worker whose loop hangs is
silent; a worker whose supervisor died finds the pipe closed.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

log = logging.getLogger("fairlift.workers")

BEAT_S: Final = 1.0


class Pulse:
    """The heartbeat of one worker, at the supervisor's end of the pipe."""

    def __init__(self, heart: int, listening: asyncio.Event) -> None:
        os.set_blocking(heart, False)
        self._heart = heart
        self._listening = listening
        self._last_s: float | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(heart, self._read)

    def silent_s(self) -> float:
        """Since when the worker was not heard; 0 until it listens, which may take a migration."""
        # What it wrote while this process was stopped itself counts as of now.
        self._read()
        return 0.0 if self._last_s is None else time.monotonic() - self._last_s

    def close(self) -> None:
        """Ends the pipe."""
        self._loop.remove_reader(self._heart)
        os.close(self._heart)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            if os.read(self._heart, 4_096):
                self._last_s = time.monotonic()
                self._listening.set()
            else:
                self._loop.remove_reader(self._heart)  # the worker ended


async def beat(beats: int, stop: Callable[[], None]) -> None:
    """Writes a worker's heartbeat until it is cancelled.

    Args:
        beats: the worker's end of the pipe.
        stop: called when the supervisor is gone: nobody would end the worker then.
    """
    os.set_blocking(beats, False)
    # A process that computes results must not keep the pipe open.
    os.set_inheritable(beats, False)
    while True:
        try:
            os.write(beats, b".")
        except BlockingIOError:
            pass  # the supervisor is stopped, and reads later
        except BrokenPipeError:
            log.error("the supervisor ended, and its workers end too")
            stop()
            return
        await asyncio.sleep(BEAT_S)

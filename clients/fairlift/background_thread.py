"""The background thread: runs jobs at intervals, and a last one when the program ends."""

import logging
import threading
from collections.abc import Callable, Sequence

_log = logging.getLogger("fairlift")

INTERVAL_S = 0.1


class BackgroundThread:
    """Calls jobs at every beat until it is stopped; calls `at_end` when the program ends first.

    The thread is not a daemon, so the interpreter waits for it, also in children of
    multiprocessing, which skip `atexit`. It detects the end when the main thread and all others
    that the interpreter waits for are gone: until then they may record events.
    """

    def __init__(self, jobs: Sequence[Callable[[], object]], *, at_end: Callable[[], None]) -> None:
        self._jobs = jobs
        self._at_end = at_end
        self._stopped = threading.Event()
        self._is_finishing = False
        self._thread = _Thread(target=self._run, name="fairlift-background", daemon=False)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread at its next beat."""
        self._stopped.set()

    def finish(self) -> None:
        """Calls `at_end` at the next beat, as if the program ended."""
        self._is_finishing = True

    def is_ending(self) -> bool:
        """Whether this beat is the last; long jobs check it now and then."""
        return self._is_finishing or self._stopped.is_set() or is_program_over()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread to end, unless called from it."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            if self.is_ending():
                self._at_end()
                return
            for job in self._jobs:
                try:
                    job()
                except Exception:  # one failure must not stop the thread
                    _log.exception("a background job failed; it will be retried")


class _Thread(threading.Thread):
    """A thread of this module, which waits for the end of the others."""


def is_program_over() -> bool:
    """Whether all threads have ended that the interpreter waits for, except those of clients."""
    if threading.main_thread().is_alive():
        return False
    return not any(
        thread.is_alive() for thread in threading.enumerate() if not _may_outlive_all(thread)
    )


def _may_outlive_all(thread: threading.Thread) -> bool:
    return thread.daemon or isinstance(thread, _Thread)

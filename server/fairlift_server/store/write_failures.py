"""Failed writes in the log: the first at once, then at most one line a minute with their number."""

import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

log = logging.getLogger("fairlift.store")

EVERY_S = 60.0
# What a job, such as storing an event, does wrong itself: the database can write others.
FAULTS_OF_A_JOB = (IntegrityError, DataError, ProgrammingError)


class WriteFailures:
    """Counts failed writes until the database can write again.

    Args:
        now: a clock in seconds that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed = 0
        self._reason = ""
        self._last_line_s = 0.0
        self._unexpected_s: dict[type[BaseException], float] = {}
        # Called in the thread of the write that failed.
        self.listener: Callable[[str], None] = lambda _reason: None

    def add(self, reason: str) -> None:
        """Counts a write that failed because of the database."""
        self._failed += 1
        now = self._now()
        if reason != self._reason or now >= self._last_line_s + EVERY_S:
            self._reason, self._last_line_s = reason, now
            fields = {"reason": reason, "failed_writes": self._failed}
            log.error("the database cannot write", extra={"fields": fields})
        self.listener(reason)

    def add_unexpected(self, error: BaseException) -> None:
        """Logs a write that failed by a fault of the server; the database can write others."""
        now = self._now()
        if now >= self._unexpected_s.get(type(error), -EVERY_S) + EVERY_S:
            self._unexpected_s[type(error)] = now
            log.error("a write failed", exc_info=error)

    def end(self) -> None:
        """Notes that every table can be written again."""
        if self._failed:
            fields = {"failed_writes": self._failed}
            log.warning("the database can write again", extra={"fields": fields})
        self._failed, self._reason = 0, ""

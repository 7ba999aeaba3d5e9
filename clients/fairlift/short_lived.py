"""Notices an application that makes a client for every request, and says what to do instead."""

import logging
import threading
from collections import Counter

_log = logging.getLogger("fairlift")

SHORT_S = 10.0
_SUSPICIOUS = 3


class ShortLivedClients:
    """Counts the clients of a process that ended soon after they were made, by their target."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._has_warned = False

    def ended(self, target: str, *, lived_s: float) -> None:
        """Counts one client; the third short-lived one of a target is warned about, once."""
        if lived_s >= SHORT_S:
            return
        with self._lock:
            self._counts[target] += 1
            if self._has_warned or self._counts[target] < _SUSPICIOUS:
                return
            self._has_warned = True
        _log.warning(
            "%d clients of %s in this process lived for less than %.0f s each. A new client has no "
            "snapshot and no connection yet, so a client for every request answers not_ready every "
            "time; make one client per process, when the application starts, and share it",
            _SUSPICIOUS,
            target,
            SHORT_S,
        )


SHORT_LIVED = ShortLivedClients()

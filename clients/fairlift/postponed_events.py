"""Events that the server could not take yet, and asked to get again later."""

import random
import threading
import time
from collections import deque
from typing import NamedTuple

from fairlift.event_queue import QueuedEvent

# Less than this is kept beside the queue.
MAX_EVENTS = 10_000
MAX_BYTES = 8 * 1024 * 1024
MAX_AGE_S = 86_400.0
_BACKOFF_S = 2.0
_MAX_BACKOFF_S = 600.0


class _Postponed(NamedTuple):
    event: QueuedEvent
    not_before_s: float


class PostponedEvents:
    """Keeps refused events for another attempt: bounded in number, bytes and age."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Postponed] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, event: QueuedEvent) -> bool:
        """Keeps an event that was refused now; False when it is too old or there is no room."""
        now_s = time.monotonic()
        since_s = now_s if event.refused_since_s is None else event.refused_since_s
        with self._lock:
            is_full = len(self._waiting) >= MAX_EVENTS or self._bytes + event.size > MAX_BYTES
            if is_full or now_s - since_s > MAX_AGE_S:
                return False
            ceiling_s = min(_MAX_BACKOFF_S, _BACKOFF_S * 2.0 ** min(event.attempts, 16))
            # At least half of it: the server has said that it is too early.
            wait_s = random.uniform(ceiling_s / 2, ceiling_s)
            kept = event._replace(attempts=event.attempts + 1, refused_since_s=since_s)
            self._waiting.append(_Postponed(kept, now_s + wait_s))
            self._bytes += event.size
            return True

    def due(self, *, everything: bool = False) -> list[QueuedEvent]:
        """Takes out the events whose time has come, or all."""
        if not self._waiting:
            return []
        now_s = time.monotonic()
        with self._lock:
            due = [each for each in self._waiting if everything or each.not_before_s <= now_s]
            if due:
                taken = {id(each) for each in due}
                self._waiting = deque(each for each in self._waiting if id(each) not in taken)
                self._bytes -= sum(each.event.size for each in due)
        return [each.event for each in due]

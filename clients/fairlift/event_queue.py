"""Events that wait to be sent: bounded in number and bytes, the dearest kept longest."""

import threading
from collections import Counter, deque
from enum import IntEnum
from typing import NamedTuple

from fairlift.v1.event_service_pb2 import Event


class Kind(IntEnum):
    """Kinds of events, the cheapest to lose first."""

    ACTION = 0
    EXPOSURE = 1
    IDENTITY = 2
    AMENDMENT = 3
    ORDER = 4


class Waiting(NamedTuple):
    """One event on its way, with its size on the wire."""

    kind: Kind
    event: Event
    size: int


class Backlog:
    """A queue per kind; what is sent leaves only when the server has answered for it."""

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._queues: dict[Kind, deque[Waiting]] = {kind: deque() for kind in Kind}
        self._events = 0
        self._bytes = 0
        self.dropped = Counter(dict.fromkeys(Kind, 0))

    def __len__(self) -> int:
        return self._events

    @property
    def size_bytes(self) -> int:
        """What waits, in bytes on the wire."""
        return self._bytes

    def put(self, arrival: Waiting) -> list[Waiting]:
        """Adds an event and returns those that had to go for it: cheaper ones, or itself."""
        dropped_events: list[Waiting] = []
        with self._lock:
            if arrival.size > self._max_bytes:
                self.dropped[arrival.kind] += 1
                return [arrival]
            self._insert(arrival)
            while self._events > self._max_events or self._bytes > self._max_bytes:
                dropped_events.append(self._cheapest(arrival))
                self.dropped[dropped_events[-1].kind] += 1
        return dropped_events

    def batch(self, *, max_events: int, max_bytes: int) -> list[Waiting]:
        """The next events to send, the dearest first; they stay until `done`."""
        chosen: list[Waiting] = []
        size = 0
        with self._lock:
            for kind in reversed(Kind):
                for waiting in self._queues[kind]:
                    size += waiting.size
                    if len(chosen) >= max_events or (chosen and size > max_bytes):
                        return chosen
                    chosen.append(waiting)
        return chosen

    def done(self, sent: list[Waiting]) -> None:
        """Takes out what the server has answered for."""
        ids = {id(waiting) for waiting in sent}
        with self._lock:
            for kind in {waiting.kind for waiting in sent}:
                queue = self._queues[kind]
                # A batch is the head of its queues, but for what was dropped meanwhile.
                requeued = [queue.popleft() for _ in range(min(len(queue), len(ids)))]
                for waiting in reversed(requeued):
                    if id(waiting) in ids:
                        self._events -= 1
                        self._bytes -= waiting.size
                    else:
                        queue.appendleft(waiting)

    def _insert(self, arrival: Waiting) -> None:
        self._queues[arrival.kind].append(arrival)
        self._events += 1
        self._bytes += arrival.size

    def _cheapest(self, arrival: Waiting) -> Waiting:
        for kind in Kind:
            queue = self._queues[kind]
            if queue:
                # Of its own kind the newcomer goes: the older ones are closer to being sent.
                dropped_events = queue.pop() if kind is arrival.kind else queue.popleft()
                self._events -= 1
                self._bytes -= dropped_events.size
                return dropped_events
        raise AssertionError("an empty backlog has nothing to drop")

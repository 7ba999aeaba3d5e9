"""The queue of events to send, bounded in number and bytes; actions are dropped first."""

import threading
from collections import Counter, deque
from enum import IntEnum
from typing import NamedTuple

from fairlift.tracing import SpanContext
from fairlift.v1.event_service_pb2 import Event


class EventKind(IntEnum):
    """The kinds of events, in the order in which they are dropped."""

    ACTION = 0
    EXPOSURE = 1
    IDENTITY = 2
    AMENDMENT = 3
    ORDER = 4
    # Few, and many orders may wait for one.
    RATE = 5


class QueuedEvent(NamedTuple):
    """One event in the queue, with its size on the wire.

    Attributes:
        clock_s: `clock_offset_s` when the event was stamped.
        attempts: How often the server has refused it, for now.
        refused_since_s: When it was first refused, by the monotonic clock.
        span: Of the application, in which it was recorded.
    """

    kind: EventKind
    event: Event
    size: int
    clock_s: float = 0.0
    attempts: int = 0
    refused_since_s: float | None = None
    span: SpanContext | None = None


class EventQueue:
    """A queue per kind; an event leaves it when the server has answered for it."""

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._queues: dict[EventKind, deque[QueuedEvent]] = {kind: deque() for kind in EventKind}
        self._events = 0
        self._bytes = 0
        self.dropped = Counter(dict.fromkeys(EventKind, 0))

    def __len__(self) -> int:
        return self._events

    @property
    def size_bytes(self) -> int:
        """The size of all waiting events, in bytes on the wire."""
        return self._bytes

    def put(self, event: QueuedEvent) -> list[QueuedEvent]:
        """Adds an event; returns the events dropped for it, of lower kinds or the event itself."""
        dropped_events: list[QueuedEvent] = []
        with self._lock:
            if event.size > self._max_bytes:
                self.dropped[event.kind] += 1
                return [event]
            self._insert(event)
            while self._events > self._max_events or self._bytes > self._max_bytes:
                dropped_events.append(self._cheapest(event))
                self.dropped[dropped_events[-1].kind] += 1
        return dropped_events

    def batch(self, *, max_events: int, max_bytes: int) -> list[QueuedEvent]:
        """The next events to send, highest kind first; they stay queued until `done`."""
        chosen: list[QueuedEvent] = []
        size = 0
        with self._lock:
            for kind in reversed(EventKind):
                for waiting in self._queues[kind]:
                    size += waiting.size
                    if len(chosen) >= max_events or (chosen and size > max_bytes):
                        return chosen
                    chosen.append(waiting)
        return chosen

    def done(self, sent: list[QueuedEvent]) -> None:
        """Removes events that the server has answered for."""
        ids = {id(waiting) for waiting in sent}
        with self._lock:
            for kind in {waiting.kind for waiting in sent}:
                queue = self._queues[kind]
                # A batch is the head of its queues, except for events dropped since.
                requeued = [queue.popleft() for _ in range(min(len(queue), len(ids)))]
                for waiting in reversed(requeued):
                    if id(waiting) in ids:
                        self._events -= 1
                        self._bytes -= waiting.size
                    else:
                        queue.appendleft(waiting)

    def _insert(self, arrival: QueuedEvent) -> None:
        self._queues[arrival.kind].append(arrival)
        self._events += 1
        self._bytes += arrival.size

    def _cheapest(self, arrival: QueuedEvent) -> QueuedEvent:
        for kind in EventKind:
            queue = self._queues[kind]
            if queue:
                # Within a kind the new event is dropped: the older ones are sent sooner.
                dropped = queue.pop() if kind is arrival.kind else queue.popleft()
                self._events -= 1
                self._bytes -= dropped.size
                return dropped
        raise AssertionError("an empty backlog has nothing to drop")

"""Events on their way to the server: recorded at once, sent in the background, none lost quietly.

Recording an exposure appends to a queue and nothing else. Everything dearer (messages, sizes,
sending) happens later, in the thread that ticks.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from fairlift import event_messages
from fairlift.engine.assignment import Assignment
from fairlift.engine.errors import Invalid
from fairlift.event_queue import Backlog, Kind, Waiting
from fairlift.exposures import ExposureQueue
from fairlift.transport import Connection
from fairlift.v1 import event_service_pb2 as pb

_log = logging.getLogger("fairlift")

BATCH_EVENTS = 500
BATCH_BYTES = 512 * 1024
# The server takes messages of 4 MiB at most, and a few bytes of one are not the event's own.
MAX_EVENT_BYTES = 4 * 1024 * 1024 - 16
TIMEOUT_S = 10.0
# How long one thread waits while another one sends.
_TURN_S = 0.1
# Exposures packed at once, some 30 ms: whoever waits for that looks at the clock afterwards.
_PORTION = 1_000
_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 30.0

Connect: TypeAlias = Callable[[], Connection]


class Outbox:
    """Sends what is put in, in batches, again and again with the same event ids until answered.

    Args:
        connect: The connection to send on.
        exposures: Those that were recorded; they are taken from there.
        max_events: How many events may wait, and how many bytes in `max_bytes`.
    """

    def __init__(
        self,
        connect: Connect,
        exposures: ExposureQueue,
        *,
        max_events: int,
        max_bytes: int,
    ) -> None:
        self._connect = connect
        self._exposures = exposures
        self._max_events = max_events
        self._backlog = Backlog(max_events=max_events, max_bytes=max_bytes)
        self._sending = threading.Lock()
        self._packing = threading.Lock()
        self._failures = 0
        self._not_before = 0.0
        self._lost = 0
        self._is_overflowing = False
        self._counting = threading.Lock()
        self.accepted = 0
        self.duplicates = 0
        self.retries = 0
        self.refused: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many events are not answered for."""
        return len(self._exposures) + len(self._backlog)

    @property
    def waiting_bytes(self) -> int:
        """What waits, in bytes on the wire, but for exposures of the last moment."""
        return self._backlog.size_bytes

    @property
    def dropped(self) -> dict[str, int]:
        """How many events were given up for want of room, by kind."""
        dropped = self._backlog.dropped + Counter({Kind.EXPOSURE: self._exposures.dropped})
        return {kind.name.lower(): count for kind, count in dropped.items()}

    def put(self, kind: Kind, event: pb.Event) -> list[Waiting]:
        """Takes an event that waits to be sent, and returns those that had to go for it."""
        arrival = Waiting(kind, event, event.ByteSize())
        if arrival.size <= MAX_EVENT_BYTES:
            return self._backlog.put(arrival)
        rule = (
            f"has {arrival.size} bytes, the server accepts {MAX_EVENT_BYTES}; the event is dropped"
        )
        self._note_refusal("too_large", "an event of kind %s %s", kind.name.lower(), rule)
        return []

    def count_unsendable(self) -> None:
        """Counts an event that could not be made, and so is lost."""
        with self._counting:
            self.refused["unsendable"] += 1

    def tick(self, is_over: Callable[[], bool]) -> None:
        """Sends what waits, unless the server asked for a pause or cannot be reached.

        A batch under way is given up once `is_over`; `flush` sends it again, with the same ids.
        """
        while self._pack() and not is_over():
            is_time = time.monotonic() >= self._not_before
            is_sent = is_time and self._send(time.monotonic() + TIMEOUT_S, is_over)
            if not is_sent and not self._exposures:
                return

    def flush(self, timeout_s: float) -> bool:
        """Sends everything now, waiting at most so long; True when nothing is left."""
        deadline = time.monotonic() + timeout_s
        while self._pack():
            if time.monotonic() >= deadline:
                return False
            if not self._send(min(deadline, time.monotonic() + TIMEOUT_S), lambda: False):
                time.sleep(max(0.0, min(0.05, deadline - time.monotonic())))
        return True

    def _pack(self) -> bool:
        """Makes messages of some exposures that were recorded; whether any event waits."""
        with self._packing:  # so that none is in another thread's hands, unseen, at the end
            for _ in range(min(_PORTION, len(self._exposures))):
                self._pack_one(self._exposures.take())
            # A full backlog still makes room for those that are dearer than what it holds.
            free_places = max(self._max_events - len(self._backlog), _PORTION)
            self._exposures.room = min(self._max_events, free_places)
            self._tell_losses()
            return self.waiting > 0

    def _pack_one(self, exposed: Assignment) -> None:
        try:
            event = event_messages.exposure(exposed)
        except Exception as error:  # a shop's own mapping, half a surrogate pair in an id, …
            what = f"an exposure of {exposed.campaign} is dropped: {type(error).__name__}"
            self._note_refusal("unsendable", "%s: %s", what, error)
            return
        if any(dropped.event is event for dropped in self.put(Kind.EXPOSURE, event)):
            self._exposures.lose(exposed)

    def _tell_losses(self) -> None:
        """Warns once, and again only after everything could be sent."""
        dropped_count = self._backlog.dropped.total() + self._exposures.dropped
        if dropped_count > self._lost and not self._is_overflowing:
            _log.warning(
                "too many events are waiting, %d were dropped; is the server reachable?",
                dropped_count,
            )
        is_full = self._is_overflowing or dropped_count > self._lost
        self._is_overflowing = is_full and self.waiting > 0
        self._lost = dropped_count

    def _send(self, deadline: float, is_over: Callable[[], bool]) -> bool:
        remaining_s = max(0.0, deadline - time.monotonic())
        if not self._sending.acquire(timeout=min(remaining_s, _TURN_S)):
            return False
        try:
            batch = self._backlog.batch(max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES)
            return not batch or self._deliver(batch, deadline, is_over)
        finally:
            self._sending.release()

    def _deliver(self, batch: list[Waiting], deadline: float, is_over: Callable[[], bool]) -> bool:
        def is_wanted() -> bool:
            self._pack()  # what waits unpacked is not bounded in bytes
            return not is_over()

        messages, remaining_s = [entry.event for entry in batch], deadline - time.monotonic()
        try:
            outcomes = self._connect().record(messages, timeout_s=remaining_s, is_wanted=is_wanted)
        except Invalid as error:
            return self._split(batch, deadline, is_over, error)
        except Exception as error:  # whatever it is, the events wait for a better time
            if not is_over():
                self._fail(error)
            return False
        self._failures = 0
        self._not_before = 0.0
        self._backlog.done(batch)
        self._count(outcomes)
        return True

    def _split(
        self, batch: list[Waiting], deadline: float, is_over: Callable[[], bool], error: Invalid
    ) -> bool:
        """The server refused a whole batch: find the event that it cannot read, and give it up."""
        if len(batch) > 1:
            half = len(batch) // 2
            parts = (batch[:half], batch[half:])
            return all(self._deliver(part, deadline, is_over) for part in parts)
        self._note_refusal(
            "invalid", "the server cannot read an event; the event is dropped: %s", error
        )
        self._backlog.done(batch)
        return True

    def _fail(self, error: Exception) -> None:
        ceiling = min(_MAX_BACKOFF_S, _BACKOFF_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self.retries += 1
        # Full jitter: clients that were cut off together do not come back together.
        self._not_before = time.monotonic() + random.uniform(0, ceiling)
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "sending failed, %d events are waiting: %s", self.waiting, error)

    def _count(self, outcomes: Sequence[pb.EventOutcome]) -> None:
        for outcome in outcomes:
            # A parked event is durable too: the server judges it again by itself.
            if outcome.status in (pb.EVENT_STATUS_ACCEPTED, pb.EVENT_STATUS_PARKED):
                self.accepted += 1
            elif outcome.status == pb.EVENT_STATUS_DUPLICATE:
                self.duplicates += 1
            else:
                reason = _reason(outcome.reason)
                self._note_refusal(reason, "refused: %s %s", outcome.field, outcome.message)

    def _note_refusal(self, reason: str, message: str, *arguments: object) -> None:
        with self._counting:
            level = logging.DEBUG if self.refused[reason] else logging.WARNING
            self.refused[reason] += 1
        _log.log(level, message, *arguments)


def _reason(number: "pb.RefusalReason.ValueType") -> str:
    if number not in pb.RefusalReason.values():
        return f"reason_{number}"  # of a server that is newer
    return pb.RefusalReason.Name(number).removeprefix("REFUSAL_REASON_").lower()

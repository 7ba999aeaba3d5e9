"""The outbox: sends events to the server in the background, and counts every lost one.

Recording an exposure only appends to a queue. All slower work (building messages, measuring,
sending) happens later, in the background thread.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeAlias

from fairlift import event_messages
from fairlift.engine.assignment import Assignment
from fairlift.engine.errors import Invalid, Overloaded, Unavailable
from fairlift.event_clock import SAME_S, clock_offset_s, steady_s
from fairlift.event_queue import EventKind, EventQueue, QueuedEvent
from fairlift.exposures import ExposureQueue
from fairlift.postponed_events import PostponedEvents
from fairlift.retry_budget import RetryBudget
from fairlift.tracing import SpanContext
from fairlift.transport import Connection
from fairlift.v1 import event_service_pb2 as pb

_log = logging.getLogger("fairlift")

BATCH_EVENTS = 500
BATCH_BYTES = 512 * 1024
# The server accepts messages up to 4 MiB; the request and its time take some bytes too.
MAX_EVENT_BYTES = 4 * 1024 * 1024 - 32
TIMEOUT_S = 10.0
# How long one thread waits while another one sends.
_TURN_S = 0.1
_FLUSH_PAUSE_S = 0.05
# Exposures packed at once, about 30 ms of work; callers check their deadline afterwards.
_PORTION = 1_000
_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 30.0
# How long it waits for a repeat that is beyond the budget.
_LEAST_BEYOND_BUDGET_S = 10.0
# How much later than the server says it repeats a batch, at most: others were told the same.
_SPREAD = 1.0

Connect: TypeAlias = Callable[[], Connection]


class Outbox:
    """Sends events in batches, and repeats a batch with the same event ids until it is answered.

    Args:
        connect: The connection to send on.
        exposures: The queue of recorded exposures, which the outbox empties.
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
        self._queue = EventQueue(max_events=max_events, max_bytes=max_bytes)
        self._postponed = PostponedEvents()
        self._sending = threading.Lock()
        self._packing = threading.Lock()
        self._failures = 0
        self._not_before = 0.0
        self._budget = RetryBudget()
        # Until then the server wants no repeat, also not from a program that ends.
        self._asked_to_wait = 0.0
        self._reported_drops = 0
        self._is_overflowing = False
        self._counting = threading.Lock()
        self.accepted = 0
        self.parked = 0
        self.duplicates = 0
        self.retries = 0
        self.refused: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many events the server has not answered for."""
        return len(self._exposures) + len(self._queue)

    @property
    def postponed(self) -> int:
        """How many events the server refused for now; they are sent again later."""
        return len(self._postponed)

    @property
    def unsent(self) -> int:
        """How many events are lost if nothing more is sent."""
        return self.waiting + self.postponed

    @property
    def waiting_bytes(self) -> int:
        """The size of the waiting events in bytes, without exposures that are not packed yet."""
        return self._queue.size_bytes

    @property
    def dropped(self) -> dict[str, int]:
        """How many events were dropped: the queue was full, or the client closed; by kind."""
        dropped = self._queue.dropped + Counter({EventKind.EXPOSURE: self._exposures.dropped})
        return {kind.name.lower(): count for kind, count in dropped.items()}

    def put(
        self, kind: EventKind, event: pb.Event, *, span: SpanContext | None = None
    ) -> list[QueuedEvent]:
        """Adds an event to the queue; returns the events dropped for it.

        Args:
            kind: of the event.
            event: as it is sent.
            span: of the application, in which it was recorded.
        """
        arrival = QueuedEvent(kind, event, event.ByteSize(), clock_offset_s(), span=span)
        if arrival.size <= MAX_EVENT_BYTES:
            return self._queue.put(arrival)
        rule = (
            f"has {arrival.size} bytes, the server accepts {MAX_EVENT_BYTES}; the event is dropped"
        )
        self._note_refusal("too_large", "an event of kind %s %s", kind.name.lower(), rule)
        return []

    def count_dropped(self, kind: EventKind) -> None:
        """Counts an event that came when the client was closed."""
        with self._counting:
            self._queue.dropped[kind] += 1
            self._reported_drops += 1  # the client says so itself

    def count_unsendable(self) -> None:
        """Counts an event that could not be built, and so is lost."""
        with self._counting:
            self.refused["unsendable"] += 1

    def tick(self, is_over: Callable[[], bool]) -> None:
        """Sends waiting events, unless a retry has to wait.

        A batch under way is abandoned when `is_over` is true; `flush` sends it again, same ids.
        """
        self._queue_again(everything=False)
        while self._pack() and not is_over():
            is_time = time.monotonic() >= self._not_before
            is_sent = is_time and self._send(time.monotonic() + TIMEOUT_S, is_over)
            if not is_sent and not self._exposures:
                return

    def flush(self, timeout_s: float) -> bool:
        """Sends all events now, for at most `timeout_s`; True when none is left.

        Where the server asked for a later repeat, it waits until then. Events that the server
        refused for now get one more attempt.
        """
        deadline = time.monotonic() + timeout_s
        self._queue_again(everything=True)
        while self._pack():
            now = time.monotonic()
            if now >= deadline:
                return False
            if now < self._asked_to_wait:
                time.sleep(min(self._asked_to_wait, deadline) - now)
            elif not self._send(min(deadline, now + TIMEOUT_S), lambda: False):
                time.sleep(max(0.0, min(_FLUSH_PAUSE_S, deadline - time.monotonic())))
        return not self._postponed

    def _queue_again(self, *, everything: bool) -> None:
        for event in self._postponed.due(everything=everything):
            self._queue.put(event)

    def _pack(self) -> bool:
        """Builds the messages of some recorded exposures; True when any event waits."""
        with self._packing:  # so that no exposure is uncounted in another thread at the end
            for _ in range(min(_PORTION, len(self._exposures))):
                self._pack_one(self._exposures.take())
            # A full queue still accepts exposures, in place of actions.
            free_places = max(self._max_events - len(self._queue), _PORTION)
            self._exposures.room = min(self._max_events, free_places)
            self._warn_about_drops()
            return self.waiting > 0

    def _pack_one(self, exposed: Assignment) -> None:
        try:
            event = event_messages.exposure(exposed)
        except Exception as error:  # a mapping of the shop's own, half a surrogate pair in an id, …
            what = f"an exposure of {exposed.campaign} is dropped: {type(error).__name__}"
            self._note_refusal("unsendable", "%s: %s", what, error)
            return
        if any(dropped.event is event for dropped in self.put(EventKind.EXPOSURE, event)):
            self._exposures.lose(exposed)

    def _warn_about_drops(self) -> None:
        """Warns once about dropped events, and again only after the outbox was empty."""
        dropped_count = self._queue.dropped.total() + self._exposures.dropped
        if dropped_count > self._reported_drops and not self._is_overflowing:
            _log.warning(
                "too many events are waiting, %d were dropped; is the server reachable?",
                dropped_count,
            )
        is_full = self._is_overflowing or dropped_count > self._reported_drops
        self._is_overflowing = is_full and self.waiting > 0
        self._reported_drops = dropped_count

    def _send(self, deadline: float, is_over: Callable[[], bool]) -> bool:
        remaining_s = max(0.0, deadline - time.monotonic())
        if not self._sending.acquire(timeout=min(remaining_s, _TURN_S)):
            return False
        try:
            waiting = self._queue.batch(max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES)
            batch = list(takewhile(lambda event: _same_clock(event, waiting[0]), waiting))
            return not batch or self._deliver(batch, deadline, is_over)
        finally:
            self._sending.release()

    def _deliver(
        self, batch: list[QueuedEvent], deadline: float, is_over: Callable[[], bool]
    ) -> bool:
        def is_wanted() -> bool:
            self._pack()  # exposures that are not packed have no limit in bytes
            return not is_over()

        messages, remaining_s = [entry.event for entry in batch], deadline - time.monotonic()
        try:
            outcomes = self._connect().record(
                messages,
                timeout_s=remaining_s,
                # By the clock that stamped them: it may have been set since.
                sent_time_s=batch[0].clock_s + steady_s(),
                is_wanted=is_wanted,
                spans=[entry.span for entry in batch],
            )
        except Invalid as error:
            return self._split(batch, deadline, is_over, error)
        except Exception as error:  # of any kind: the events are sent again later
            if not is_over():
                self._fail(error)
            return False
        self._failures = 0
        self._not_before = self._asked_to_wait = 0.0
        self._budget.answered()
        # First: what no longer waits is counted.
        self._count(batch, outcomes)
        self._queue.done(batch)
        return True

    def _split(
        self, batch: list[QueuedEvent], deadline: float, is_over: Callable[[], bool], error: Invalid
    ) -> bool:
        """Halves a refused batch to find the event that the server cannot read, and drops it."""
        if len(batch) > 1:
            half = len(batch) // 2
            parts = (batch[:half], batch[half:])
            return all(self._deliver(part, deadline, is_over) for part in parts)
        self._note_refusal(
            "invalid", "the server cannot read an event; the event is dropped: %s", error
        )
        self._queue.done(batch)
        return True

    def _fail(self, error: Exception) -> None:
        ceiling = min(_MAX_BACKOFF_S, _BACKOFF_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self.retries += 1
        now = time.monotonic()
        # Full jitter: clients that lost the server together do not return together.
        wait_s = random.uniform(0, ceiling)
        if not self._budget.take():
            wait_s = max(wait_s, random.uniform(_LEAST_BEYOND_BUDGET_S, _MAX_BACKOFF_S))
        if isinstance(error, Overloaded | Unavailable) and error.retry_after_s:
            asked_s = min(error.retry_after_s, _MAX_BACKOFF_S)
            self._asked_to_wait = now + asked_s * random.uniform(1, 1 + _SPREAD)
        self._not_before = max(now + wait_s, self._asked_to_wait)
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "sending failed, %d events are waiting: %s", self.waiting, error)

    def _count(self, batch: Sequence[QueuedEvent], outcomes: Sequence[pb.EventOutcome]) -> None:
        for event, outcome in zip(batch, outcomes, strict=False):  # a server may answer for fewer
            if outcome.status == pb.EVENT_STATUS_ACCEPTED:
                self.accepted += 1
            elif outcome.status == pb.EVENT_STATUS_PARKED:
                # Durable too: the server judges it again by itself.
                self.parked += 1
            elif outcome.status == pb.EVENT_STATUS_DUPLICATE:
                self.duplicates += 1
            elif not (outcome.retryable and self._postponed.keep(event)):
                reason = _reason(outcome.reason)
                self._note_refusal(reason, "refused: %s", outcome.message or outcome.field)

    def _note_refusal(self, reason: str, message: str, *arguments: object) -> None:
        with self._counting:
            level = logging.DEBUG if self.refused[reason] else logging.WARNING
            self.refused[reason] += 1
        _log.log(level, message, *arguments)


def _same_clock(event: QueuedEvent, other: QueuedEvent) -> bool:
    return abs(event.clock_s - other.clock_s) <= SAME_S


def _reason(number: "pb.RefusalReason.ValueType") -> str:
    if number not in pb.RefusalReason.values():
        return f"reason_{number}"  # a reason of a newer server
    return pb.RefusalReason.Name(number).removeprefix("REFUSAL_REASON_").lower()

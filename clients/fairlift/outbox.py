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

from fairlift import events
from fairlift.backlog import Backlog, Kind, Waiting
from fairlift.engine.errors import FairliftError, Invalid
from fairlift.exposures import ExposureQueue
from fairlift.transport import Connection
from fairlift.v1 import event_service_pb2 as pb

_log = logging.getLogger("fairlift")

BATCH_EVENTS = 500
# The server takes messages of 1 MiB at most.
BATCH_BYTES = 512 * 1024
TIMEOUT_S = 10.0
# How long one thread waits while another one sends.
_TURN_S = 0.1
_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 30.0

_FULL = "too many events wait; is the server reachable?"

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
        self._backlog = Backlog(max_events=max_events, max_bytes=max_bytes)
        self._sending = threading.Lock()
        self._packing = threading.Lock()
        self._failures = 0
        self._not_before = 0.0
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

    def put(self, kind: Kind, event: pb.Event) -> None:
        """Takes any other event."""
        lost = self._backlog.put(kind, event)
        if lost and lost[-1].event is event:
            _log.warning("an event of kind %s is given up: %s", kind.name.lower(), _FULL)

    def tick(self, is_over: Callable[[], bool]) -> None:
        """Sends what waits, unless the server asked for a pause or cannot be reached.

        A batch under way is given up once `is_over`; `flush` sends it again, with the same ids.
        """
        self._pack()
        while self._backlog and not is_over() and time.monotonic() >= self._not_before:
            if not self._send(time.monotonic() + TIMEOUT_S, is_over):
                return
            self._pack()

    def flush(self, timeout_s: float) -> bool:
        """Sends everything now, waiting at most so long; True when nothing is left."""
        deadline = time.monotonic() + timeout_s
        self._pack()
        while self._backlog:
            if time.monotonic() >= deadline:
                return False
            if not self._send(min(deadline, time.monotonic() + TIMEOUT_S), lambda: False):
                time.sleep(max(0.0, min(0.05, deadline - time.monotonic())))
            self._pack()
        return True

    def _pack(self) -> None:
        """Makes messages of the exposures that were recorded."""
        with self._packing:  # so that flush() never misses one that is in another thread's hands
            while self._exposures:
                met = self._exposures.take()
                try:
                    event = events.exposure(met)
                except (ValueError, TypeError) as error:  # such as half a surrogate pair in an id
                    self.refused["unsendable"] += 1
                    _log.warning("an exposure of %s is given up: %s", met.campaign, error)
                    continue
                for lost in self._backlog.put(Kind.EXPOSURE, event):
                    if lost.event is event:
                        self._exposures.lose(met)

    def _send(self, deadline: float, is_over: Callable[[], bool]) -> bool:
        if not self._sending.acquire(timeout=_TURN_S):
            return False
        try:
            batch = self._backlog.batch(max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES)
            return not batch or self._deliver(batch, deadline, is_over)
        finally:
            self._sending.release()

    def _deliver(self, batch: list[Waiting], deadline: float, is_over: Callable[[], bool]) -> bool:
        try:
            outcomes = self._connect().record(
                [each.event for each in batch],
                timeout_s=deadline - time.monotonic(),
                is_wanted=lambda: not is_over(),
            )
        except Invalid as error:
            return self._refuse(batch, deadline, is_over, error)
        except FairliftError as error:
            if not is_over():
                self._fail(error)
            return False
        self._failures = 0
        self._not_before = 0.0
        self._backlog.done(batch)
        self._count(outcomes)
        return True

    def _refuse(
        self, batch: list[Waiting], deadline: float, is_over: Callable[[], bool], error: Invalid
    ) -> bool:
        """The server refused a whole batch: find the event that it cannot read, and give it up."""
        if len(batch) > 1:
            half = len(batch) // 2
            parts = (batch[:half], batch[half:])
            return all(self._deliver(part, deadline, is_over) for part in parts)
        self.refused["invalid"] += 1
        _log.warning("the server cannot read an event, which is given up: %s", error)
        self._backlog.done(batch)
        return True

    def _fail(self, error: FairliftError) -> None:
        ceiling = min(_MAX_BACKOFF_S, _BACKOFF_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self.retries += 1
        # Full jitter: clients that were cut off together do not come back together.
        self._not_before = time.monotonic() + random.uniform(0, ceiling)
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "%d events wait, sending failed: %s", self.waiting, error)

    def _count(self, outcomes: Sequence[pb.EventOutcome]) -> None:
        for outcome in outcomes:
            if outcome.status == pb.EVENT_STATUS_ACCEPTED:
                self.accepted += 1
            elif outcome.status == pb.EVENT_STATUS_DUPLICATE:
                self.duplicates += 1
            else:
                reason = pb.RefusalReason.Name(outcome.reason)
                reason = reason.removeprefix("REFUSAL_REASON_").lower()
                level = logging.DEBUG if self.refused[reason] else logging.WARNING
                self.refused[reason] += 1
                _log.log(level, "refused: %s %s", outcome.field, outcome.message)

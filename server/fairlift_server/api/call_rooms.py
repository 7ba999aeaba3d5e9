"""Whether there is room for one more call of a class; counts those that run."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from fairlift.engine.errors import Overloaded

from fairlift_server.api.call_classes import (
    LIMITS,
    RECORD_EVENTS,
    STREAM_EVENTS,
    CallClass,
    class_of,
)
from fairlift_server.api.loop_turns import LoopTurns

# Reading a batch of events and writing a report take milliseconds of the event loop.
_TAKING_TURNS = frozenset({CallClass.RECORD, CallClass.RESULTS})
# The last of a class waits no longer for its turn; small calls may be many, large ones few.
_LONGEST_WAIT_S = 0.3
_TAKING_EVENTS = frozenset({RECORD_EVENTS, STREAM_EVENTS})


class EventRoom(Protocol):
    """What waits for the disk."""

    def has_room(self) -> bool:
        """Whether one more batch of events may wait."""

    def expected_wait_s(self) -> float:
        """How long a batch that comes now will wait."""


def overloaded(shortage: str) -> Overloaded:
    """The error of a call for which there is no room."""
    return Overloaded(shortage, retry_after_s=0.5)


class CallRooms:
    """Counts the calls that run, by class.

    Args:
        events: what waits for the disk.
        turns: on the event loop.
    """

    def __init__(self, events: EventRoom, turns: LoopTurns) -> None:
        self._events = events
        self._turns = turns
        self._running: Counter[CallClass] = Counter()
        # Those that wait for their turn.
        self._waiting: Counter[CallClass] = Counter()

    def shortage(self, method: str) -> str:
        """Why there is no room for one more call of a method now; empty: there is."""
        kind = class_of(method)
        limit = LIMITS.get(kind)
        if limit is None:
            return ""
        if self._running[kind] >= limit.at_once or self._wait_s(kind) > _LONGEST_WAIT_S:
            return f"too many calls of this kind ({kind.name.lower()}) run; try again later"
        return self._disk_shortage(method)

    def _wait_s(self, kind: CallClass) -> float:
        """How long one more call of a class would wait for its turn."""
        return self._waiting[kind] * self._turns.seconds_of_one(kind)

    def check_disk(self, method: str) -> None:
        """For a call that runs already: it has its place, whoever came later.

        Raises:
            Overloaded: it brings events, and too many wait.
        """
        if shortage := self._disk_shortage(method):
            raise overloaded(shortage)

    def _disk_shortage(self, method: str) -> str:
        if method in _TAKING_EVENTS and not self._events.has_room():
            return "too many events wait for the disk; send the same events again later"
        return ""

    @contextmanager
    def running(self, method: str) -> Iterator[None]:
        """Counts a call until the block ends."""
        kind = class_of(method)
        self._running[kind] += 1
        try:
            yield
        finally:
            self._running[kind] -= 1

    async def turn(self, method: str, remaining_s: Callable[[], float | None]) -> None:
        """Waits until a call may begin.

        Args:
            method: that is called.
            remaining_s: how long its caller waits; None: it did not say.

        Raises:
            Overloaded: it could not be answered in this time.
        """
        kind = class_of(method)
        needed_s = LIMITS[kind].least_s
        if kind in _TAKING_TURNS:
            self._waiting[kind] += 1
            try:
                await self._turns.wait(kind)
            finally:
                self._waiting[kind] -= 1
        if kind is CallClass.RECORD:
            needed_s = max(needed_s, self._events.expected_wait_s())
        left_s = remaining_s()
        if left_s is not None and left_s < needed_s:
            text = (
                f"the caller waits for {left_s * 1e3:.0f} ms, and an answer takes about "
                f"{needed_s * 1e3:.0f} ms now; wait longer, or try again later"
            )
            raise Overloaded(text, retry_after_s=max(0.5, needed_s))

"""The queue of exposures between the storefront and the outbox: bounded, without repetitions."""

from collections import deque
from collections.abc import Callable

from fairlift.engine.assignment import Assignment


class SeenExposures:
    """Remembers recent exposures: when the younger half is full, the older half is forgotten.

    Safe for any number of threads without a lock. At worst, an exposure that is forgotten at that
    moment is recorded again, which is harmless: the analysis keeps the first.
    """

    __slots__ = ("_half", "_older", "_younger")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._younger: dict[object, object] = {}
        self._older: dict[object, object] = {}

    def is_news(self, assigned: Assignment) -> bool:
        """Whether this exposure was not seen before; from now on it is remembered."""
        key, younger = _key(assigned), self._younger
        # When several threads ask at once, only the one whose key was stored gets True.
        older = self._older
        if (older and key in older) or younger.setdefault(key, key) is not key:
            return False
        if len(younger) > self._half:
            self._older, self._younger = younger, {}
        return True

    def forget(self, assigned: Assignment) -> None:
        """Forgets the exposure, because it was lost."""
        key = _key(assigned)
        self._younger.pop(key, None)
        self._older.pop(key, None)


class ExposureQueue:
    """The exposures of one process that wait to be packed; any thread may put or take.

    An exposure is an assignment whose time is the time of the exposure.

    Args:
        seen: The exposures that were recorded before.
        room: How many may wait; the outbox changes it later.
    """

    __slots__ = ("_seen", "_waiting", "after_put", "dropped", "instead_of_put", "room")

    def __init__(self, seen: SeenExposures, room: int) -> None:
        self._seen = seen
        self.room = room
        self._waiting: deque[Assignment] = deque()
        # Exposures dropped because the queue was full.
        self.dropped = 0
        # Called after every put, once nothing in the background empties the queue any more.
        self.after_put: Callable[[], None] | None = None
        # Called for every new exposure once the client is closed: none is added any more.
        self.instead_of_put: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, exposed: Assignment) -> bool:
        """Adds an exposure; False when it was seen before, the queue is full, or closed."""
        if not self._seen.is_news(exposed):
            return False
        if self.instead_of_put is not None:
            self._seen.forget(exposed)
            self.instead_of_put()
            return False
        if len(self._waiting) >= self.room:
            self.dropped += 1
            self._seen.forget(exposed)
            return False
        # A copy: the storefront may change its dict before this is sent.
        values = exposed.attributes
        try:
            exposed.attributes = (
                dict(values) if type(values) is dict else {name: values[name] for name in values}
            )
        except Exception:  # a mapping of another library may fail here
            self._seen.forget(exposed)
            raise
        self._waiting.append(exposed)
        if self.after_put is not None:
            self.after_put()
        return True

    def take(self) -> Assignment:
        """The oldest exposure, removed from the queue.

        Raises:
            IndexError: the queue is empty.
        """
        return self._waiting.popleft()

    def lose(self, exposed: Assignment) -> None:
        """Forgets an exposure that was taken but cannot be sent; it may be recorded again."""
        self._seen.forget(exposed)


def _key(assigned: Assignment) -> object:
    # `object`, not a tuple type: compiled code would box a tuple anew at each use, and the identity
    # of this one is compared.
    return (assigned.unit, assigned.outcome.campaign, assigned.outcome.epoch)

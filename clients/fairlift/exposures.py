"""Exposures from the storefront to the outbox: each once, and no more than there is room for."""

from collections import deque

from fairlift.engine.assignment import Assignment


class SeenExposures:
    """A memory of exposures, bounded: the oldest half goes when the younger half is full.

    Safe for any number of threads without a lock; at worst an exposure that is forgotten at that
    very moment is news once more, which the analysis, keeping the first, does not mind.
    """

    __slots__ = ("_half", "_older", "_younger")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._younger: dict[object, object] = {}
        self._older: dict[object, object] = {}

    def is_news(self, assigned: Assignment) -> bool:
        """Whether the unit meets the campaign for the first time lately; now it is known."""
        key, younger = _key(assigned), self._younger
        # Of threads that ask at once, only the one whose own key was kept brings news.
        older = self._older
        if (older and key in older) or younger.setdefault(key, key) is not key:
            return False
        if len(younger) > self._half:
            self._older, self._younger = younger, {}
        return True

    def forget(self, assigned: Assignment) -> None:
        """Makes the exposure news again, for it was lost."""
        key = _key(assigned)
        self._younger.pop(key, None)
        self._older.pop(key, None)


class ExposureQueue:
    """The exposures of one process that wait to be packed. Any thread may put, and any may take.

    Each is an assignment whose time is when the unit met it.

    Args:
        seen: What was recorded before.
        room: How many may wait, at first.
    """

    __slots__ = ("_seen", "_waiting", "dropped", "room")

    def __init__(self, seen: SeenExposures, room: int) -> None:
        self._seen = seen
        self.room = room
        self._waiting: deque[Assignment] = deque()
        # For want of room.
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, exposed: Assignment) -> bool:
        """Whether it is news, and waits now."""
        if not self._seen.is_news(exposed):
            return False
        if len(self._waiting) >= self.room:
            self.dropped += 1
            self._seen.forget(exposed)
            return False
        # As they are now: a storefront may use its dict again before this is sent.
        values = exposed.attributes
        try:
            exposed.attributes = dict(values) if type(values) is dict else dict(values.items())
        except Exception:  # attributes of another library, which may answer no more
            self._seen.forget(exposed)
            raise
        self._waiting.append(exposed)
        return True

    def take(self) -> Assignment:
        """The one that waits longest.

        Raises:
            IndexError: none waits.
        """
        return self._waiting.popleft()

    def lose(self, exposed: Assignment) -> None:
        """It was taken but cannot be sent, so it is news when it comes again."""
        self._seen.forget(exposed)


def _key(assigned: Assignment) -> object:
    # An object of its own also where it is compiled; a tuple would be made anew for every use.
    return (assigned.unit, assigned.outcome.campaign, assigned.outcome.epoch)

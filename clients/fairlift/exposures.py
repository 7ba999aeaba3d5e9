"""Which exposures were recorded already: one per unit, campaign and epoch is enough."""

from typing import TypeAlias

from fairlift.engine.assignment import Assignment

_Key: TypeAlias = tuple[str, str, int]


class SeenExposures:
    """A memory of exposures, bounded: the oldest half goes when the younger half is full.

    Safe for any number of threads without a lock; at worst an exposure that is forgotten at that
    very moment is news once more, which the analysis, keeping the first, does not mind.
    """

    __slots__ = ("_half", "_older", "_younger")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._younger: dict[_Key, _Key] = {}
        self._older: dict[_Key, _Key] = {}

    def is_news(self, decided: Assignment) -> bool:
        """Whether the unit meets the campaign for the first time lately; now it is known."""
        outcome = decided.outcome
        key = (decided.unit, outcome.campaign, outcome.epoch)
        younger = self._younger
        # Of threads that ask at once, only the one whose own key was kept brings news.
        if key in self._older or younger.setdefault(key, key) is not key:
            return False
        if len(younger) > self._half:
            self._older, self._younger = younger, {}
        return True

    def forget(self, decided: Assignment) -> None:
        """Makes the exposure news again, for it was lost."""
        key = (decided.unit, decided.campaign, decided.epoch)
        self._younger.pop(key, None)
        self._older.pop(key, None)

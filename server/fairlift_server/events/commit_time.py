"""How long storing events takes: a part for each transaction, and a part for each event."""

from collections import deque
from statistics import fmean, linear_regression

# So many transactions are remembered: the disk of a minute ago says little.
_REMEMBERED = 32


class CommitTime:
    """The line through the sizes and the seconds of the last transactions that succeeded."""

    def __init__(self) -> None:
        self._sizes: deque[int] = deque(maxlen=_REMEMBERED)
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        # 0 before the first.
        self._s_per_transaction = 0.0
        self._s_per_event = 0.0

    def add(self, events: int, seconds: float) -> None:
        """Notes a transaction that stored events."""
        self._sizes.append(events)
        self._seconds.append(seconds)
        if min(self._sizes) == max(self._sizes):
            self._s_per_transaction, self._s_per_event = fmean(self._seconds), 0.0
            return
        slope, start = linear_regression(self._sizes, self._seconds)
        if slope < 0:  # by chance: no event makes a transaction shorter
            slope, start = 0.0, fmean(self._seconds)
        elif start < 0:
            slope, start = linear_regression(self._sizes, self._seconds, proportional=True)
        self._s_per_transaction, self._s_per_event = start, slope

    def expected_s(self, transactions: int, events: int) -> float:
        """How long so many transactions with so many events in all will take; 0: not known yet."""
        return transactions * self._s_per_transaction + events * self._s_per_event

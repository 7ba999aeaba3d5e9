"""How often calls may be repeated: a server that has just come back must not drown in repeats."""

# A few repeats are free; in the long run one call in ten is a repeat.
_FREE = 3.0
_SHARE = 0.1


class RetryBudget:
    """A bucket of repeats, which answered calls fill again."""

    def __init__(self) -> None:
        self._left = _FREE

    def answered(self) -> None:
        """Counts a call that was answered."""
        self._left = min(_FREE, self._left + _SHARE)

    def take(self) -> bool:
        """Whether the next repeat is within the budget; it is counted."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

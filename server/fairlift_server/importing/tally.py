"""What became of the rows of a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_FIRST_LINES = 5


class Why(NamedTuple):
    """Why rows are not taken, or wait: a field and the reason, as the contract names it."""

    field: str
    reason: str


@dataclass(slots=True)
class Group:
    """Rows that are not taken, or wait, for one reason.

    Attributes:
        first: lines, a few.
        message: of the first of them.
    """

    message: str
    rows: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, lines: Sequence[int]) -> None:
        """Counts some rows."""
        self.rows += len(lines)
        self.first += lines[: _FIRST_LINES - len(self.first)]


@dataclass(slots=True)
class Tally:
    """Counts of one import.

    Attributes:
        taken: rows whose events are stored now.
        known: rows whose events were stored before: they change nothing.
        old: of the rows taken, those older than the server takes events.
        events: that were stored.
        waiting, refused: by reason.
        left_out: rows of orders of which the mapping leaves every line out.
        idle: events that contradict their order and change nothing.
    """

    taken: int = 0
    known: int = 0
    old: int = 0
    events: int = 0
    left_out: int = 0
    idle: int = 0
    waiting: dict[Why, Group] = field(default_factory=dict)
    refused: dict[Why, Group] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All rows that were judged."""
        return self.taken + self.known + self.left_out + self.waiting_rows + self.refused_rows

    @property
    def waiting_rows(self) -> int:
        """Rows whose events wait for something."""
        return sum(group.rows for group in self.waiting.values())

    @property
    def refused_rows(self) -> int:
        """Rows that are not taken."""
        return sum(group.rows for group in self.refused.values())

    def add_refused(self, why: Why, message: str, lines: Sequence[int]) -> None:
        """Counts rows that are not taken."""
        self.refused.setdefault(why, Group(message)).add(lines)

    def add_waiting(self, why: Why, message: str, lines: Sequence[int]) -> None:
        """Counts rows whose events wait."""
        self.waiting.setdefault(why, Group(message)).add(lines)

    def counts(self) -> Counter[str]:
        """For a line of the log."""
        return Counter(
            taken=self.taken,
            known=self.known,
            old=self.old,
            events=self.events,
            without_effect=self.idle,
            waiting=self.waiting_rows,
            refused=self.refused_rows,
        )

"""What an answer was worked out from."""

from dataclasses import dataclass
from enum import Enum


class Origin(Enum):
    """What was read of the ledger for an answer.

    READ: every event.
    FOLDED_IN: the events of the persons whom new events touch.
    REMEMBERED: nothing, the events were still the same.
    """

    READ = "read"
    FOLDED_IN = "folded in"
    REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True)
class CopyState:
    """A state of the columnar copy of a ledger.

    Attributes:
        copy: its name; another copy of the same ledger has another one.
        generation: grows with each addition to it.
    """

    copy: str
    generation: int

"""Events that cannot be judged yet (decision 17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from fairlift_server.events.ledger import (
    Event,
    RefusalReason,
    RefusedEvent,
    order_of,
    units_of,
)

# What an event from the future waits for; other events wait for a campaign, an epoch or a rate.
THE_CLOCK = "clock"
# Further ahead of the server's clock than this, an event waits.
MAX_AHEAD_US = 5 * 60 * 1_000_000
DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class ParkingLimits:
    """How many events may be parked, how large they may be together, and for how long."""

    events: int
    days: int
    size_bytes: int = 256 * 1024 * 1024

    @property
    def of_relayed(self) -> "ParkingLimits":
        """Up to which a relayed event finds room: browsers must not take that of orders."""
        return ParkingLimits(self.events // 2, self.days, self.size_bytes // 2)


class WaitingEvent(NamedTuple):
    """An event that passed every check but one, which time or a change of state can heal."""

    event_id: bytes
    digest: bytes
    # The message, with its ids as they are stored.
    content: bytes
    # When it happened, corrected by `shift_us` for the caller's clock.
    time_us: int
    received_us: int
    shift_us: int
    refusal: RefusedEvent
    # The ids in it, and the order that it is about.
    units: tuple[str, ...] = ()
    order_id: str = ""
    # By a sender that passes on what browsers say.
    is_relayed: bool = False

    @classmethod
    def of(cls, event: Event, refusal: RefusedEvent) -> "WaitingEvent":
        """The event, which was refused when it was to be stored."""
        entry = event.entry
        return cls(
            event.event_id,
            event.digest,
            event.content,
            entry.time_us,
            entry.received_us,
            event.shift_us,
            refusal,
            units_of(entry),
            order_of(entry),
            event.is_relayed,
        )

    @property
    def due_us(self) -> int | None:
        """From when on the clock allows the event; None where it waits for something else."""
        return self.time_us - MAX_AHEAD_US if self.refusal.waits_for == THE_CLOCK else None


class ParkedContent(NamedTuple):
    """A parked event that may be judged again."""

    event_id: bytes
    content: bytes
    shift_us: int


class ParkedLine(NamedTuple):
    """A parked event as operators see it.

    Attributes:
        waits_for: the clock, a campaign with its epoch, or a currency; empty: it was refused in the
            end.
        received_us: when it came in.
        field: of the event, to which the message belongs; empty: to all of it.
    """

    event_id: UUID
    reason: str
    waits_for: str
    received_us: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ParkedSummary:
    """What is parked.

    Attributes:
        waiting: how many events wait, by why they cannot be judged and what they wait for.
        refused: how many were refused in the end: by a rule, or because they waited for too long.
        size_bytes: of all of them.
        oldest_us: since when the oldest one waits.
        oldest_refused_us: the same, of those that were refused.
    """

    waiting: Mapping[tuple[RefusalReason, str], int]
    refused: int
    size_bytes: int
    oldest_us: int | None
    oldest_refused_us: int | None

    @property
    def waiting_total(self) -> int:
        """How many events wait."""
        return sum(self.waiting.values())

    def holds_expired(self, now_us: int, days: int) -> bool:
        """Whether some event waits for longer than this, or was refused and kept for as long."""
        limit_us = days * DAY_US
        waits = self.oldest_us is not None and self.oldest_us < now_us - limit_us
        refused_us = self.oldest_refused_us
        return waits or (refused_us is not None and refused_us < now_us - 2 * limit_us)

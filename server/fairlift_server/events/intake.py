"""When events could come in: a day settles only while they can."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

# Shorter gaps are the rhythm of a shop; days wait for whole hours.
_LEAST_SILENCE_US: Final = 3_600 * 1_000_000
_MOST_SILENCES: Final = 200


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which nothing came in, between two events that did, by the server's clock."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Intake:
    """What is known of the intake of events.

    Attributes:
        up_since_us: since when this server could take events in.
        silences: the stretches of an hour or more in which nothing came in, the newest last.
    """

    up_since_us: int
    silences: tuple[Silence, ...] = ()


@dataclass(slots=True)
class IntakeWatch:
    """Watches the intake of one server.

    Attributes:
        up_since_us: when the server began to take events in, or last failed to store some.
        last_received_us: when the newest event came in; at first what the ledger says.
    """

    up_since_us: int
    last_received_us: int | None
    _silences: deque[Silence] = field(default_factory=lambda: deque(maxlen=_MOST_SILENCES))

    def received(self, now_us: int) -> None:
        """Events came in and are stored."""
        before = self.last_received_us
        if before is not None and now_us - before >= _LEAST_SILENCE_US:
            self._silences.append(Silence(before, now_us))
        self.last_received_us = now_us
        # A clock that was set back must not keep days waiting for the time it had shown.
        self.up_since_us = min(self.up_since_us, now_us)

    def received_elsewhere(self, received_us: int) -> None:
        """Events came in through another server of the same database."""
        if self.last_received_us is None or received_us > self.last_received_us:
            self.received(received_us)

    def failed(self, now_us: int) -> None:
        """Events came in and could not be stored."""
        self.up_since_us = now_us

    @property
    def state(self) -> Intake:
        """What is known so far."""
        return Intake(self.up_since_us, tuple(self._silences))

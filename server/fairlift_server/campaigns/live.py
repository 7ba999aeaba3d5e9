"""The campaigns in memory: what assignments are decided by, and who watches for changes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from fairlift.engine.campaign import State
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """What an exposure is checked against."""

    state: State
    epoch: int
    # In declared order, for messages.
    variants_by_epoch: Mapping[int, tuple[str, ...]]
    # The attributes whose values the plan asks to keep.
    segments: tuple[str, ...]
    # When it was paused or stopped, in microseconds; None while it runs and before it did.
    ended_us: int | None = None

    def ran_at(self, time_us: int) -> bool:
        """Whether an exposure of that moment counts: it may come late, out of a full outbox."""
        if self.state is State.RUNNING:
            return True
        return self.ended_us is not None and time_us <= self.ended_us


@dataclass(frozen=True, slots=True)
class Publication:
    """One state of all campaigns: what was compiled from it, and what the ledger checks."""

    snapshot: Snapshot
    known: Mapping[str, KnownCampaign]


class Running:
    """The campaigns as they are now. Lives on the event loop, so nothing needs a lock."""

    def __init__(self, publication: Publication) -> None:
        # For each customer, as whom they were first seen; whoever asks says so, for their call.
        self.first_seen: dict[str, str] = {}
        self._put(publication)
        self._changed = asyncio.Event()

    snapshot: Snapshot
    compiled: CompiledSnapshot
    known: Mapping[str, KnownCampaign]

    def publish(self, publication: Publication) -> None:
        """Replaces everything at once, and wakes those who watch."""
        self._put(publication)
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, etag: str, *, keep_alive_s: float) -> AsyncIterator[Snapshot | None]:
        """The snapshot whenever it differs from the last one seen; None now and then otherwise.

        A slow reader skips what it missed: nothing queues up for it.
        """
        while True:
            changed = self._changed
            if self.snapshot.etag != etag:
                etag = self.snapshot.etag
                yield self.snapshot
                continue
            try:
                async with asyncio.timeout(keep_alive_s):
                    await changed.wait()
            except TimeoutError:
                yield None

    def _put(self, publication: Publication) -> None:
        compiled = CompiledSnapshot(publication.snapshot, first_seen=self.first_seen)
        self.snapshot, self.compiled = publication.snapshot, compiled
        self.known = publication.known

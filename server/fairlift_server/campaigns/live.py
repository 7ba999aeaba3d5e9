"""All campaigns in memory: assignments are decided and exposures are checked without the database.

Campaigns of every state are here, not only running ones: a late exposure of a stopped campaign is
checked too.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from fairlift.engine.campaign import Campaign, State
from fairlift.engine.deciders import Decider
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

# A watcher is given at most twenty snapshots in a second.
_BETWEEN_SNAPSHOTS_S = 0.05
# A change is told to all watchers over so long for each of them: between two, calls are answered.
_FOR_EACH_WATCHER_S = 0.0003


@dataclass(frozen=True, slots=True)
class ExposureRules:
    """What the exposures of one campaign are checked against.

    Attributes:
        state: of the campaign.
        epoch: the current one.
        variants_by_epoch: ids in declared order, for error messages.
        segments: names of the attributes whose values the plan stores with each exposure.
        ended_us: when the campaign was paused or stopped, in microseconds; None while it runs and
            before it starts.
    """

    state: State
    epoch: int
    variants_by_epoch: Mapping[int, tuple[str, ...]]
    segments: tuple[str, ...]
    ended_us: int | None = None

    def ran_at(self, time_us: int) -> bool:
        """Whether the campaign ran at that moment: an exposure may arrive late, from an outbox."""
        if self.state is State.RUNNING:
            return True
        return self.ended_us is not None and time_us <= self.ended_us


@dataclass(frozen=True, slots=True)
class PublishedSnapshot:
    """One consistent state of all campaigns.

    Attributes:
        snapshot: for assignments.
        exposure_rules: for checking exposures, by campaign id.
        campaigns: all that are stored, by id; a changed one is checked against the others.
        sizes: of the stored messages of those in the snapshot, in bytes, by campaign id.
        entries: those in the snapshot, by id, ordered as there.
        versions: the id and the etag of each of them, likewise, for the snapshot's etag.
        version: how often the shop was changed until then.
    """

    snapshot: Snapshot
    exposure_rules: Mapping[str, ExposureRules]
    campaigns: Mapping[str, Campaign]
    sizes: Mapping[str, int]
    entries: Mapping[str, SnapshotCampaign]
    versions: Mapping[str, str]
    version: int = 0


class LiveCampaigns:
    """The current state of all campaigns.

    Used on the event loop only, so it needs no lock; `compiled_with` alone runs in any thread.
    """

    def __init__(self, published: PublishedSnapshot) -> None:
        # Customer to the visitor id they were first seen with; set for the length of one call.
        self.first_seen: dict[str, str] = {}
        self.published = published
        self.compiled = CompiledSnapshot(published.snapshot, first_seen=self.first_seen)
        self._changed = asyncio.Event()
        self._watchers = 0

    @property
    def snapshot(self) -> Snapshot:
        """What decides all assignments now."""
        return self.published.snapshot

    @property
    def exposure_rules(self) -> Mapping[str, ExposureRules]:
        """What exposures are checked against now, by campaign id."""
        return self.published.exposure_rules

    def compiled_with(self, published: PublishedSnapshot) -> CompiledSnapshot:
        """The state that comes next, compiled; only what changed since the current one is."""
        return CompiledSnapshot(
            published.snapshot, first_seen=self.first_seen, unchanged=self._unchanged(published)
        )

    def publish(self, published: PublishedSnapshot, compiled: CompiledSnapshot) -> None:
        """Replaces the current state in one step and wakes all watchers.

        A state that is not newer than the current one is left: two writers may come in either
        order, and what one of them changed is also read because of its own announcement.

        Args:
            published: the new state.
            compiled: what `compiled_with` made of it since the last change.
        """
        if published.version <= self.published.version:
            return
        self.compiled, self.published = compiled, published
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_started(self) -> None:
        """Returns once a campaign that was started is not archived."""
        while not self.published.entries:
            await self._changed.wait()

    async def watch(self, etag: str, *, keep_alive_s: float) -> AsyncGenerator[Snapshot | None]:
        """Every snapshot that differs from the last one yielded; None as a keep-alive.

        A slow reader skips intermediate snapshots: nothing is queued. So does one that was given a
        snapshot a moment ago: changes in quick succession are announced together.
        """
        self._watchers += 1
        try:
            while True:
                changed = self._changed
                if self.snapshot.etag != etag:
                    etag = self.snapshot.etag
                    yield self.snapshot
                    await asyncio.sleep(_BETWEEN_SNAPSHOTS_S)
                    continue
                try:
                    async with asyncio.timeout(keep_alive_s):
                        await changed.wait()
                except TimeoutError:
                    yield None
                else:
                    await asyncio.sleep(random.uniform(0, self._watchers * _FOR_EACH_WATCHER_S))
        finally:
            self._watchers -= 1

    def _unchanged(self, new: PublishedSnapshot) -> Mapping[str, Decider]:
        """The deciders that still hold, so that a change compiles the changed campaigns only."""
        old = self.published
        if (old.snapshot.holdout_bps, old.snapshot.holdout_salt) != (
            new.snapshot.holdout_bps,
            new.snapshot.holdout_salt,
        ):
            return {}
        deciders, broken, before = self.compiled.campaigns, self.compiled.broken, old.entries
        return {
            name: deciders[name]
            for name, entry in new.entries.items()
            if before.get(name) is entry and name not in broken
        }

"""Snapshots as messages: whole, or what changed since an earlier one, in parts."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.campaign import campaign_name
from fairlift.wire.snapshot import snapshot_campaign_to, snapshot_to

# Half of what gRPC libraries receive by default.
_PART_BYTES = 2 * 1024 * 1024
# Snapshots from which a caller that connects again is sent the changes only.
_REMEMBERED = 32


class SnapshotMessages:
    """Builds each message once for all watchers, outside of the event loop.

    Args:
        environment: of the server; empty: it has no name.
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment
        # Each campaign of the newest snapshot, and its message.
        self._encoded: dict[str, tuple[SnapshotCampaign, pb.SnapshotCampaign]] = {}
        self._recent: dict[str, Snapshot] = {}
        # For the newest snapshot: the messages, by the etag that they start from and their form.
        self._built: dict[tuple[str, bool], Sequence[pb.WatchSnapshotResponse]] = {}
        self._newest: Snapshot | None = None
        self._building = asyncio.Lock()

    async def update(
        self, snapshot: Snapshot, *, held: str, accepts_deltas: bool
    ) -> Sequence[pb.WatchSnapshotResponse]:
        """What brings a caller to the snapshot.

        Args:
            snapshot: the newest.
            held: the etag of the snapshot that the caller holds; empty: none.
            accepts_deltas: whether it may come in parts, and as changes.
        """
        async with self._building:
            if snapshot is not self._newest:
                self._remember(snapshot)
            before = self._recent.get(held) if accepts_deltas else None
            key = (before.etag if before else "", accepts_deltas)
            if key not in self._built:
                self._built[key] = await asyncio.to_thread(
                    self._build, snapshot, before, accepts_deltas
                )
            return self._built[key]

    def _remember(self, snapshot: Snapshot) -> None:
        self._newest = snapshot
        self._built = {}
        self._recent[snapshot.etag] = snapshot
        for etag in list(self._recent)[:-_REMEMBERED]:
            del self._recent[etag]

    def _build(
        self, snapshot: Snapshot, before: Snapshot | None, in_parts: bool
    ) -> Sequence[pb.WatchSnapshotResponse]:
        campaigns = self._messages(snapshot)
        frame = snapshot_to(snapshot, campaigns=())
        frame.environment = self._environment
        if not in_parts:
            frame.campaigns.extend(campaigns)
            return [pb.WatchSnapshotResponse(snapshot=frame)]
        if before is None:
            first, *others = _parts(campaigns)
            frame.campaigns.extend(first)
            updates = [pb.WatchSnapshotResponse(snapshot=frame)]
        else:
            changed, removed = _differences(before, snapshot, campaigns)
            first, *others = _parts(changed)
            delta = pb.SnapshotDelta(
                from_etag=before.etag,
                etag=snapshot.etag,
                create_time=frame.create_time,
                campaigns=first,
                removed_campaigns=map(campaign_name, removed),
                layers=frame.layers,
                holdout=frame.holdout,
            )
            updates = [pb.WatchSnapshotResponse(delta=delta)]
        for part in others:
            updates[-1].more = True
            delta = pb.SnapshotDelta(etag=snapshot.etag, campaigns=part)
            updates.append(pb.WatchSnapshotResponse(delta=delta))
        return updates

    def _messages(self, snapshot: Snapshot) -> list[pb.SnapshotCampaign]:
        """The message of each campaign; those that did not change are not built again."""
        encoded = {}
        for salted in snapshot.campaigns:
            known = self._encoded.get(salted.campaign.id)
            if known is None or known[0] is not salted:
                known = (salted, snapshot_campaign_to(salted))
            encoded[salted.campaign.id] = known
        self._encoded = encoded
        return [message for _, message in encoded.values()]


def _differences(
    before: Snapshot, after: Snapshot, campaigns: Sequence[pb.SnapshotCampaign]
) -> tuple[list[pb.SnapshotCampaign], Iterable[str]]:
    """The messages of the campaigns that are new or changed, and the ids of those that are gone."""
    known = {salted.campaign.id: salted for salted in before.campaigns}
    changed = [
        message
        for salted, message in zip(after.campaigns, campaigns, strict=True)
        if known.pop(salted.campaign.id, None) is not salted
    ]
    return changed, known


def _parts(campaigns: Iterable[pb.SnapshotCampaign]) -> Iterator[list[pb.SnapshotCampaign]]:
    """The campaigns in one part or more, none much larger than the limit."""
    part: list[pb.SnapshotCampaign] = []
    size = 0
    for campaign in campaigns:
        if part and size + campaign.ByteSize() > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(campaign)
        size += campaign.ByteSize()
    yield part

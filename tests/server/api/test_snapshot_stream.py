"""The stream of snapshots: the changes only, in parts, and whole to those who know no changes."""

from collections.abc import AsyncIterator

import pytest
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1.campaign_pb2 import Holdout
from fairlift.wire.snapshot import message_with, snapshot_from, snapshot_with
from fairlift_server.api import snapshot_messages

from tests.server import shop
from tests.server.client import Caller


async def updates(
    caller: Caller, *, etag: str = "", accepts_deltas: bool = True
) -> AsyncIterator[pb.WatchSnapshotResponse]:
    """The updates of one stream, without the keep-alives."""
    request = pb.WatchSnapshotRequest(etag=etag, accepts_deltas=accepts_deltas)
    async for message in caller.assignments.WatchSnapshot(request):
        if message.WhichOneof("update"):
            yield message


async def archive(caller: Caller, name: str) -> None:
    name = f"campaigns/{name}"
    await caller.campaigns.StopCampaign(campaigns.StopCampaignRequest(name=name))
    await caller.campaigns.ArchiveCampaign(campaigns.ArchiveCampaignRequest(name=name))


async def newest(caller: Caller) -> pb.Snapshot:
    return (await anext(updates(caller, accepts_deltas=False))).snapshot


def ids(snapshot: pb.Snapshot | pb.SnapshotDelta) -> list[str]:
    return [each.campaign.name.removeprefix("campaigns/") for each in snapshot.campaigns]


async def test_after_the_first_snapshot_only_changes_are_sent(caller: Caller) -> None:
    for name in ("a", "b", "c"):
        await caller.start(shop.campaign(name))
    stream = updates(caller)
    first = await anext(stream)

    await caller.campaigns.PauseCampaign(campaigns.PauseCampaignRequest(name="campaigns/b"))
    second = await anext(stream)
    await caller.campaigns.UpdateHoldout(
        campaigns.UpdateHoldoutRequest(holdout=Holdout(share_bps=500))
    )
    third = await anext(stream)

    assert ids(first.snapshot) == ["a", "b", "c"]
    assert ids(second.delta) == ["b"]
    assert second.delta.from_etag == first.snapshot.etag
    assert ids(third.delta) == []
    assert third.delta.holdout.share_bps == 500
    assert third.delta.from_etag == second.delta.etag


async def test_changes_lead_to_the_snapshot_that_others_are_sent(caller: Caller) -> None:
    for name in ("a", "b", "c"):
        await caller.start(shop.campaign(name))
    held = await newest(caller)

    # Changes, additions and removals, all of them since the caller lost its connection.
    await archive(caller, "a")
    layered = shop.campaign("d")
    layered.layer.layer, layered.layer.size_bps = "page", 5_000
    await caller.start(layered)
    await caller.campaigns.PauseCampaign(campaigns.PauseCampaignRequest(name="campaigns/b"))
    update = await anext(updates(caller, etag=held.etag))
    whole = await newest(caller)

    assert ids(update.delta) == ["b", "d"]
    assert list(update.delta.removed_campaigns) == ["campaigns/a"]
    assert message_with(held, update.delta) == whole
    changed = snapshot_with(snapshot_from(held), update.delta)
    assert changed == snapshot_from(whole)


async def test_a_caller_with_an_unknown_snapshot_is_sent_the_whole(caller: Caller) -> None:
    await caller.start(shop.campaign("a"))

    update = await anext(updates(caller, etag="of another server"))

    assert ids(update.snapshot) == ["a"]


async def test_a_caller_that_knows_no_changes_is_sent_whole_snapshots(caller: Caller) -> None:
    await caller.start(shop.campaign("a"))
    stream = updates(caller, accepts_deltas=False)
    await anext(stream)

    await caller.start(shop.campaign("b"))

    assert ids((await anext(stream)).snapshot) == ["a", "b"]


@pytest.mark.parametrize("held", [False, True])
async def test_what_is_large_comes_in_parts(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    monkeypatch.setattr(snapshot_messages, "_PART_BYTES", 400)
    etag = (await newest(caller)).etag if held else ""
    for name in "abcdefgh":
        await caller.start(shop.campaign(name))

    stream = updates(caller, etag=etag)
    parts = [await anext(stream)]
    while parts[-1].more:
        parts.append(await anext(stream))
    joined = parts[0].delta if held else parts[0].snapshot
    for part in parts[1:]:
        joined.campaigns.extend(part.delta.campaigns)

    assert len(parts) > 2
    assert ids(joined) == list("abcdefgh")
    assert {part.delta.etag for part in parts[1:]} == {joined.etag}


async def test_a_removed_campaign_that_could_not_be_read_is_gone() -> None:
    before = Snapshot("e1", unreadable={"a": "of a newer server", "b": "of a newer server"})
    delta = pb.SnapshotDelta(from_etag="e1", etag="e2", removed_campaigns=["campaigns/a"])

    after = CompiledSnapshot(snapshot_with(before, delta))

    assert list(after.broken) == ["b"]

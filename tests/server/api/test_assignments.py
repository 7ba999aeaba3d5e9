"""Assignments and snapshots: decided from memory, by the engine that storefronts hold too."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest
from fairlift.engine.decision import CompiledSnapshot
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1 import audience_pb2, campaign_pb2
from fairlift.v1 import campaign_service_pb2 as campaigns_pb
from fairlift.wire.snapshot import snapshot_from

from tests.assignment_messages import assignment_to
from tests.server import shop
from tests.server.client import Caller, running

NAME = "campaigns/free-shipping"


async def assign(caller: Caller, visitor: str, *names: str) -> pb.AssignVariantsResponse:
    request = pb.AssignVariantsRequest(visitor_id=visitor, campaigns=names)
    return await caller.assignments.AssignVariants(request)


async def test_the_same_visitor_sees_the_same_variant(caller: Caller) -> None:
    await caller.start(shop.campaign())

    variants = [(await assign(caller, f"v-{n % 50}")).assignments[0].variant for n in range(200)]

    assert variants[:50] * 4 == variants
    assert set(variants) == {"control", "free"}


async def test_the_server_decides_as_a_storefront_with_its_snapshot(caller: Caller) -> None:
    campaign = shop.campaign()
    campaign.traffic_bps = 5_000
    campaign.variants[1].payload.update({"threshold": 50, "text": "x" * 300})
    campaign.audience.compare.attribute = "cart_value"
    campaign.audience.compare.op = audience_pb2.COMPARISON_GE
    campaign.audience.compare.value.number_value = 30
    await caller.start(campaign)
    watched = caller.assignments.WatchSnapshot(pb.WatchSnapshotRequest())
    first = await watched.read()
    watched.cancel()
    assert isinstance(first, pb.WatchSnapshotResponse)
    local = CompiledSnapshot(snapshot_from(first.snapshot))

    seen: Counter[str] = Counter()
    for number in range(300):
        request = pb.AssignVariantsRequest(visitor_id=f"ñ-{number}")
        request.attributes["cart_value"].number_value = number
        (remote,) = (await caller.assignments.AssignVariants(request)).assignments
        here = local.decide(
            "free-shipping",
            visitor=f"ñ-{number}",
            attributes={"cart_value": number},
            now=time.time(),
        )
        assert remote == assignment_to(here)
        seen[here.reason] += 1
    assert set(seen) == {"assigned", "not_in_audience", "not_in_traffic"}


async def test_what_is_published_anew_is_answered_anew(caller: Caller) -> None:
    await caller.start(shop.campaign("a"))
    before = await assign(caller, "v")

    # A draft changes no assignment, and yet everything is compiled again.
    await caller.campaigns.CreateCampaign(
        campaigns_pb.CreateCampaignRequest(campaign=shop.campaign("b"))
    )
    same = await assign(caller, "v")
    await caller.campaigns.StopCampaign(campaigns_pb.StopCampaignRequest(name="campaigns/a"))
    after = await assign(caller, "v")

    assert list(same.assignments) == list(before.assignments)
    assert after.assignments[0].reason == pb.REASON_ENDED


@pytest.mark.parametrize("visitor", ["", "é" * 300, "a\nb", "a\x00", "\x9f"])
async def test_a_visitor_without_a_usable_id_gets_the_control(caller: Caller, visitor: str) -> None:
    await caller.start(shop.campaign())

    (assignment,) = (await assign(caller, visitor)).assignments

    assert assignment.reason == pb.REASON_NO_UNIT
    assert (assignment.variant, assignment.control) == ("control", True)


async def test_named_campaigns_come_in_the_order_of_the_request(caller: Caller) -> None:
    for name in ("a", "b", "c"):
        await caller.start(shop.campaign(name))

    named = await assign(caller, "v", "campaigns/c", "campaigns/x", "campaigns/a")
    everything = await assign(caller, "v")

    assert [a.campaign for a in named.assignments] == ["campaigns/c", "campaigns/x", "campaigns/a"]
    assert named.assignments[1].reason == pb.REASON_UNKNOWN_CAMPAIGN
    assert [a.campaign for a in everything.assignments] == [f"campaigns/{n}" for n in "abc"]


async def test_drafts_are_not_assigned(caller: Caller) -> None:
    await caller.campaigns.CreateCampaign(
        campaigns_pb.CreateCampaignRequest(campaign=shop.campaign())
    )

    assert not (await assign(caller, "v")).assignments


async def test_a_watcher_hears_of_every_change_and_of_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path, keep_alive_s=0.05) as caller:
        watched = caller.assignments.WatchSnapshot(pb.WatchSnapshotRequest())
        etags, kept_alive = [], 0

        async def next_snapshot() -> pb.Snapshot:
            nonlocal kept_alive
            while True:
                message = await watched.read()
                assert isinstance(message, pb.WatchSnapshotResponse)
                if message.HasField("snapshot"):
                    return message.snapshot
                kept_alive += 1

        etags.append((await next_snapshot()).etag)
        await caller.start(shop.campaign())
        etags.append((await next_snapshot()).etag)
        await asyncio.sleep(0.2)
        await caller.campaigns.PauseCampaign(campaigns_pb.PauseCampaignRequest(name=NAME))
        paused = await next_snapshot()
        etags.append(paused.etag)
        watched.cancel()
        (assignment,) = (await assign(caller, "v")).assignments

    assert len(set(etags)) == 3
    assert kept_alive >= 2
    assert paused.campaigns[0].campaign.state == campaign_pb2.CAMPAIGN_STATE_PAUSED
    assert assignment.reason == pb.REASON_PAUSED


async def test_a_watcher_with_the_newest_etag_hears_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, keep_alive_s=0.05) as caller:
        await caller.start(shop.campaign())
        etag = (await assign(caller, "v")).snapshot_etag

        watched = caller.assignments.WatchSnapshot(pb.WatchSnapshotRequest(etag=etag))
        first = await watched.read()
        watched.cancel()

    assert isinstance(first, pb.WatchSnapshotResponse)
    assert not first.HasField("snapshot")


async def test_assignments_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.start(shop.campaign())
        before = [await assign(caller, f"v-{n}") for n in range(50)]
    async with running(tmp_path) as caller:
        after = [await assign(caller, f"v-{n}") for n in range(50)]

    assert [list(answer.assignments) for answer in before] == [
        list(answer.assignments) for answer in after
    ]
    assert before[0].snapshot_etag == after[0].snapshot_etag


async def test_a_snapshot_holds_no_plan(caller: Caller) -> None:
    await caller.start(shop.campaign())
    watched = caller.assignments.WatchSnapshot(pb.WatchSnapshotRequest())
    first = await watched.read()
    watched.cancel()

    assert isinstance(first, pb.WatchSnapshotResponse)
    (published,) = first.snapshot.campaigns
    assert not published.campaign.plan.primary
    assert len({published.traffic_salt, published.variants_salt}) == 2


async def test_an_attribute_that_is_no_time_is_an_error_of_the_caller(caller: Caller) -> None:
    campaign = shop.campaign()
    campaign.audience.compare.attribute = "since"
    campaign.audience.compare.op = audience_pb2.COMPARISON_LT
    campaign.audience.compare.value.time_value.seconds = 0
    await caller.start(campaign)
    request = pb.AssignVariantsRequest(visitor_id="v")
    request.attributes["since"].time_value.seconds = 2**62

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.assignments.AssignVariants(request)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a time between the years 1 and 9999" in (caught.value.details() or "")

"""Hundreds of watchers and a change: all are told, and who never reads is cut off."""

import asyncio
import time

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift_server.api import call_guard

from tests.server import shop
from tests.server.client import Caller

READERS = 280
NEVER_READ = 20
# So little goes to a caller who does not read.
SMALL_WINDOW = (
    ("grpc.http2.lookahead_bytes", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
CUT_S = 1.0
TOLD_S = 3.0


def watch(
    channel: grpc.aio.Channel,
) -> "grpc.aio.UnaryStreamCall[pb.WatchSnapshotRequest, pb.WatchSnapshotResponse]":
    return AssignmentServiceStub(channel).WatchSnapshot(pb.WatchSnapshotRequest())


async def test_all_are_told_of_a_change_and_who_never_reads_is_cut_off(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_guard, "SLOW_READER_S", CUT_S)
    campaign = shop.campaign()
    campaign.variants[1].payload.update({"text": "x" * 15_000})
    for number in range(3):
        campaign.name = f"campaigns/large-{number}"
        await caller.start(campaign)
    told: list[float] = []
    ready = asyncio.Event()

    async def reader() -> None:
        seen = 0
        async for message in caller.assignments.WatchSnapshot(
            pb.WatchSnapshotRequest(accepts_deltas=True)
        ):
            seen += bool(message.WhichOneof("update"))
            if seen == 2:
                told.append(time.monotonic())
                return
            ready.set()

    async with grpc.aio.insecure_channel(caller.address, SMALL_WINDOW) as slow:
        stalled = [watch(slow) for _ in range(NEVER_READ)]
        readers = [asyncio.create_task(reader()) for _ in range(READERS)]
        await asyncio.sleep(1)
        await ready.wait()
        begun = time.monotonic()
        await caller.campaigns.PauseCampaign(
            campaigns.PauseCampaignRequest(name="campaigns/large-0")
        )
        await asyncio.wait_for(asyncio.gather(*readers), 30)
        await asyncio.sleep(3 * CUT_S)
        ends: list[grpc.StatusCode | None] = []
        for call in stalled:
            try:
                while await asyncio.wait_for(call.read(), 5) is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError as error:
                ends.append(error.code())
            except TimeoutError:
                ends.append(None)

    assert len(told) == READERS
    assert max(told) - begun < TOLD_S
    assert ends == [grpc.StatusCode.UNAVAILABLE] * NEVER_READ

"""Thousands of watchers and one change: when the last one is told, and what a stream costs.

The watchers are in another process, each with a stream of its own over a few connections. Some
never read: they must not hold up the others, and are cut off.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time

import grpc
import uvloop
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1 import campaign_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub

from benchmarks.form import Measure, publish
from benchmarks.overload import Probe, percentile, rss_mib
from benchmarks.serve import campaign, empty_server, start_campaigns

WATCHERS = int(os.environ.get("W", "5000"))
CONNECTIONS = 50
CHANGES = 5
TOLD_S = 60.0


async def watch(address: str) -> None:
    """Watches; prints a line when all have the first snapshot, and for each change."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(CONNECTIONS)]
    told: list[float] = []

    async def one(channel: grpc.aio.Channel) -> None:
        etag = ""
        while True:
            request = pb.WatchSnapshotRequest(etag=etag, accepts_deltas=True)
            try:
                async for message in AssignmentServiceStub(channel).WatchSnapshot(request):
                    if message.WhichOneof("update"):
                        etag = message.snapshot.etag or message.delta.etag
                        told.append(time.time())
            except grpc.aio.AioRpcError:  # gRPC refuses some of a thousand that come at once
                await asyncio.sleep(random.uniform(0, 2))

    tasks = [asyncio.create_task(one(channels[number % CONNECTIONS])) for number in range(WATCHERS)]
    while tasks:
        while len(told) < WATCHERS:
            await asyncio.sleep(0.02)
        print(json.dumps(sorted(told)), flush=True)
        told.clear()


async def main() -> None:
    with empty_server() as (address, server):
        await start_campaigns(address)
        alone = rss_mib(server)
        probe = Probe(address)
        probing = asyncio.create_task(probe.run())
        sender = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.watchers",
            address,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        assert sender.stdout is not None
        await sender.stdout.readline()
        watched = rss_mib(server)
        last_s, median_s, assign_ms = [], [], []
        async with grpc.aio.insecure_channel(address) as channel:
            campaigns = CampaignServiceStub(channel)
            for number in range(CHANGES):
                await asyncio.sleep(1)
                probe.taken()
                name = campaign(number).name
                begun = time.time()
                await campaigns.PauseCampaign(campaign_service_pb2.PauseCampaignRequest(name=name))
                line = await asyncio.wait_for(sender.stdout.readline(), TOLD_S)
                told = [moment - begun for moment in json.loads(line)]
                last_s.append(told[-1])
                median_s.append(statistics.median(told))
                assign_ms.append(percentile(probe.taken(), 0.99))
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        sender.kill()
        await sender.wait()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; last told after {last_s}")
    publish(
        "watchers",
        [
            Measure("last_of_5000_told", statistics.median(last_s), "s", "the goal", 3.0),
            Measure("half_of_5000_told", statistics.median(median_s), "s"),
            Measure("memory_per_stream", (watched - alone) / WATCHERS * 1024, "KiB"),
            Measure("assign_p99_meanwhile", statistics.median(assign_ms), "ms"),
            Measure("assign_failed_meanwhile", probe.failed, "calls"),
        ],
    )


if __name__ == "__main__":
    uvloop.run(watch(sys.argv[1]) if sys.argv[1:] else main())

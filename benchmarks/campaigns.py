"""Changes of campaigns in a large shop: what one costs, and what assignments notice of it.

`make bench-campaigns`. The peer of an assignment during changes is the same assignment while
nothing changes, in the same run; that of a large shop is the same change in a small one.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from fairlift.v1 import campaign_pb2, plan_pb2
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest, WatchSnapshotRequest
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub

from benchmarks.form import Measure, publish
from examples.server import running_server

CHANGES = 40
ASSIGNMENTS = 1_500
PAYLOAD = "x" * 1_400


def campaign(number: int) -> campaign_pb2.Campaign:
    """A campaign of about 3.6 kB, for visitors of one country."""
    made = campaign_pb2.Campaign(
        name=f"campaigns/c{number:05}",
        variants=[campaign_pb2.Variant(id=name, weight=1) for name in ("control", "new")],
        plan=plan_pb2.Plan(
            primary=[plan_pb2.PlannedMetric(metric="conversion_rate", minimum_effect=0.1)],
            planned_units=10_000,
        ),
    )
    for variant in made.variants:
        variant.payload.update({"text": PAYLOAD})
    return made


class Shop:
    """A server with many running campaigns, one client that watches, and one that assigns."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.campaigns = CampaignServiceStub(channel)
        self.assignments = AssignmentServiceStub(channel)

    async def fill(self, count: int) -> None:
        """Creates and starts the campaigns."""
        for first in range(0, count, 500):
            requests = (
                pb.UpdateCampaignRequest(campaign=campaign(number), allow_missing=True)
                for number in range(first, min(first + 500, count))
            )
            await self.campaigns.BatchUpdateCampaigns(
                pb.BatchUpdateCampaignsRequest(requests=requests)
            )
        for number in range(count):
            await self.campaigns.StartCampaign(pb.StartCampaignRequest(name=campaign(number).name))

    async def change(self) -> float:
        """Median seconds of a change: a campaign is paused, and resumed."""
        seconds = []
        for number in range(CHANGES // 2):
            name = campaign(number).name
            started = time.perf_counter()
            await self.campaigns.PauseCampaign(pb.PauseCampaignRequest(name=name))
            seconds.append(time.perf_counter() - started)
            started = time.perf_counter()
            await self.campaigns.ResumeCampaign(pb.ResumeCampaignRequest(name=name))
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)

    async def assigned_p99(self) -> float:
        """The 99th percentile of the seconds that an assignment takes."""
        request = AssignVariantsRequest(campaigns=[campaign(0).name])
        seconds = []
        for number in range(ASSIGNMENTS):
            request.visitor_id = f"v{number}"
            started = time.perf_counter()
            await self.assignments.AssignVariants(request)
            seconds.append(time.perf_counter() - started)
        return statistics.quantiles(seconds, n=100)[98]

    async def watch(self) -> None:
        """Receives every change, as a storefront does."""
        async for _ in self.assignments.WatchSnapshot(WatchSnapshotRequest(accepts_deltas=True)):
            pass


@asynccontextmanager
async def shop(count: int) -> AsyncIterator[Shop]:
    """A server of its own with that many campaigns."""
    with running_server(currency="EUR") as address:
        async with grpc.aio.insecure_channel(address) as channel:
            made = Shop(channel)
            await made.fill(count)
            watching = asyncio.create_task(made.watch())
            try:
                yield made
            finally:
                watching.cancel()


async def measured(count: int) -> tuple[float, float, float]:
    """Seconds of a change, and of the 99th percentile of assignments: quiet, and meanwhile."""
    async with shop(count) as made:
        changed = await made.change()
        quiet = await made.assigned_p99()

        async def changing() -> None:
            while True:
                await made.change()
                await asyncio.sleep(0)

        busy = asyncio.create_task(changing())
        meanwhile = await made.assigned_p99()
        busy.cancel()
        return changed, quiet, meanwhile


def applied(count: int) -> float:
    """Seconds that `fairlift apply` of a folder of unchanged files takes."""
    import subprocess
    import sys

    with tempfile.TemporaryDirectory() as folder, running_server(currency="EUR") as address:
        for number in range(count):
            Path(folder, f"c{number}.yaml").write_text(
                f"campaign: c{number}\nvariants: [{{id: a}}, {{id: b}}]\n"
            )
        command = [sys.executable, "-m", "fairlift_cli", "apply", "--server", address, folder]
        subprocess.run(command, check=True, capture_output=True)
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    small, large = asyncio.run(measured(20)), asyncio.run(measured(2_000))
    publish(
        "campaigns",
        [
            Measure("change_2000_ms", large[0] * 1e3, "ms", "20 campaigns", small[0] * 1e3),
            Measure("assign_p99_ms", large[2] * 1e3, "ms", "while quiet", large[1] * 1e3),
            Measure("apply_100_unchanged_s", applied(100), "s"),
        ],
    )


if __name__ == "__main__":
    main()

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
from dataclasses import dataclass
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
# How long assignments are measured.
MEASURED_S = 3.0
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


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one shop, in seconds: of a change, and of the 99th percentile of assignments.

    Attributes:
        change: the median.
        quiet: while nothing changes.
        without_pause: while each change follows the one before at once, as in an import.
        five_a_second: while there are five changes a second.
    """

    change: float
    quiet: float
    without_pause: float
    five_a_second: float


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
        seconds: list[float] = []
        end = time.perf_counter() + MEASURED_S
        while time.perf_counter() < end:
            request.visitor_id = f"v{len(seconds)}"
            started = time.perf_counter()
            await self.assignments.AssignVariants(request)
            seconds.append(time.perf_counter() - started)
        return statistics.quantiles(seconds, n=100)[98]

    async def assigned_p99_while_changing(self, *, pause_s: float) -> float:
        """The same while a campaign is paused and resumed, with a pause after each change."""
        over = asyncio.Event()

        async def changing() -> None:
            name = campaign(1).name
            while not over.is_set():
                await self.campaigns.PauseCampaign(pb.PauseCampaignRequest(name=name))
                await asyncio.sleep(pause_s)
                await self.campaigns.ResumeCampaign(pb.ResumeCampaignRequest(name=name))
                await asyncio.sleep(pause_s)

        busy = asyncio.create_task(changing())
        try:
            return await self.assigned_p99()
        finally:
            over.set()
            await busy

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


async def measured(count: int) -> Figures:
    """The figures of a shop with so many campaigns."""
    async with shop(count) as made:
        quiet = await made.assigned_p99()
        changed = await made.change()
        without_pause = await made.assigned_p99_while_changing(pause_s=0.0)
        five_a_second = await made.assigned_p99_while_changing(pause_s=0.2)
        return Figures(changed, quiet, without_pause, five_a_second)


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
    figures = {count: asyncio.run(measured(count)) for count in (20, 300, 2_000)}
    small, large = figures[20], figures[2_000]
    publish(
        "campaigns",
        [
            Measure("change_2000_ms", large.change * 1e3, "ms", "20 campaigns", small.change * 1e3),
            *(
                Measure(
                    f"assign_p99_{count}_{name}_ms", p99 * 1e3, "ms", "while quiet", quiet * 1e3
                )
                for count in (300, 2_000)
                for quiet in (figures[count].quiet,)
                for name, p99 in (
                    ("5_changes_a_second", figures[count].five_a_second),
                    ("without_pause", figures[count].without_pause),
                )
            ),
            Measure("apply_100_unchanged_s", applied(100), "s"),
        ],
    )


if __name__ == "__main__":
    main()

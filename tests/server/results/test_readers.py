"""Many readers of one campaign, and of the health of another one meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.events.intake import Intake
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.store.history import Author

from tests.databases import database_in
from tests.server import shop
from tests.server.campaigns.test_published import NOW, Campaigns, plain_campaign
from tests.server.client import Caller, workers


async def test_twelve_readers_cost_two_computations(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.start(shop.campaign())
    computed: list[str] = []
    run = WorkerPool.run

    # Any: a function of any arguments.
    async def counting(
        pool: WorkerPool, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        computed.append(function.__name__)
        return await run(pool, function, *args, **options)

    monkeypatch.setattr(WorkerPool, "run", counting)
    request = pb.GetResultsRequest(name="campaigns/free-shipping")
    reports = await asyncio.gather(*(caller.results.GetResults(request) for _ in range(12)))

    assert len(reports) == 12
    assert len(computed) <= 2


class Busy(WorkerPool):
    """A pool that is computing the report of a large campaign."""

    async def run(  # type: ignore[override]
        self, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        """Never returns."""
        del function, args, options
        await asyncio.Event().wait()


async def test_data_quality_does_not_wait_for_reports(tmp_path: Path) -> None:
    async def intake() -> Intake:
        return Intake(up_since_us=0)

    campaigns = Campaigns(database_in(tmp_path))
    await campaigns.lifecycle.create(plain_campaign("a"), validate_only=False, author=Author())
    await campaigns.lifecycle.move("start", "a", etag="", author=Author())
    results = CampaignResults(
        campaigns.store,
        Busy(1),
        workers(),
        currency="EUR",
        now=lambda: NOW,
        intake=intake,
    )

    reading = asyncio.create_task(results.read("a"))
    _, _, quality = await results.data_quality("a")

    assert quality is not None
    assert not reading.done()
    reading.cancel()
    campaigns.store.close()

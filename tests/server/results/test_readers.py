"""Many readers of one campaign, and of the health of another one meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.api.report_messages import report_to
from fairlift_server.events.intake import Intake
from fairlift_server.results.campaign_results import CampaignResults
from fairlift_server.results.worker_pool import WorkerPool
from fairlift_server.store.history import Author

from tests.databases import database_in
from tests.server import shop
from tests.server.campaigns.test_published import NOW, Campaigns, plain_campaign
from tests.server.client import Caller, workers


async def test_twelve_readers_cost_two_computations_and_two_reports(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.start(shop.campaign())
    computed: list[str] = []
    written: list[str] = []
    run, write = WorkerPool.run, report_to

    def writing(*args: Any, language: str, **kwargs: Any) -> pb.Report:
        written.append(language)
        return write(*args, language=language, **kwargs)

    monkeypatch.setattr("fairlift_server.api.results.report_to", writing)

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
    assert len(written) <= 2
    assert len({report.SerializeToString() for report in reports}) == len(written)


async def test_readers_of_two_languages_get_their_own(caller: Caller) -> None:
    await caller.start(shop.campaign())
    languages = ["en", "es", "ro"] * 3
    requests = [
        pb.GetResultsRequest(name="campaigns/free-shipping", language=language)
        for language in languages
    ]

    reports = await asyncio.gather(*map(caller.results.GetResults, requests))

    sentences = {
        (language, r.verdict.sentence) for language, r in zip(languages, reports, strict=True)
    }
    assert len(sentences) == 3


class Busy(WorkerPool):
    """A pool that is computing the report of a large campaign."""

    async def run(  # type: ignore[override]
        self, function: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        """Never returns."""
        del function, args, options
        await asyncio.Event().wait()


async def test_data_quality_does_not_wait_for_started(tmp_path: Path) -> None:
    async def intake() -> Intake:
        return Intake(up_since_us=0)

    campaigns = Campaigns(database_in(tmp_path))
    await campaigns.lifecycle.create(plain_campaign("a"), validate_only=False, author=Author())
    await campaigns.lifecycle.move("start", "a", etag="", author=Author())
    campaign_results = CampaignResults(
        campaigns.store,
        Busy(1),
        workers(),
        currency="EUR",
        now=lambda: NOW,
        intake=intake,
    )

    reading = asyncio.create_task(campaign_results.read("a"))
    _, _, quality = await campaign_results.data_quality("a")

    assert quality is not None
    assert not reading.done()
    reading.cancel()
    campaigns.store.close()

"""While the database is away a server with a journal goes on taking events, and says so."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2, event_service_pb2, results_service_pb2
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.faults.database_away import has_files
from tests.faults.ledgers import locked
from tests.server import shop
from tests.server.client import Caller, details, running

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
EVENTS, CAMPAIGNS = "fairlift.v1.EventService", "fairlift.v1.CampaignService"


async def becomes(caller: Caller, service: str, status: int) -> None:
    """Returns when health says so of the service."""
    request = health_pb2.HealthCheckRequest(service=service)
    async with asyncio.timeout(60):
        async for answer in health_pb2_grpc.HealthStub(caller.channel).Watch(request):  # type: ignore[attr-defined]  # missing from its stubs
            if answer.status == status:
                return


async def status(caller: Caller, service: str) -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    answer = await health_pb2_grpc.HealthStub(caller.channel).Check(request)  # type: ignore[attr-defined]  # missing from its stubs
    return int(answer.status)


async def journal_check(caller: Caller) -> results_service_pb2.HealthCheck:
    request = results_service_pb2.GetHealthRequest(name="campaigns/free-shipping")
    checks = (await caller.results.GetHealth(request)).checks
    (check,) = (each for each in checks if each.name == "journal")
    return check


async def until_refused(caller: Caller, events: list[event_service_pb2.Event]) -> None:
    """Sends the batch again and again."""
    while True:
        await caller.record(*events)


def batch(number: int = 500) -> list[event_service_pb2.Event]:
    return [shop.exposure(f"v-{n}", browser="b" * 200) for n in range(number)]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder is away; root may write everywhere else."""
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(folder)


@pytest.mark.slow
async def test_events_are_taken_while_campaigns_cannot_be_changed(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with running(tmp_path, journal=str(journal)) as caller:
        await caller.start(shop.campaign())
        assert (await journal_check(caller)).status == results_service_pb2.HEALTH_STATUS_OK

        with locked(tmp_path / "shop.db"):
            outcomes = await caller.record(*batch())
            assert {outcome.status for outcome in outcomes} == {EVENT_STATUS_ACCEPTED}
            await becomes(caller, CAMPAIGNS, NOT_SERVING)
            assert [await status(caller, each) for each in ("", EVENTS)] == [SERVING] * 2
            waiting = await journal_check(caller)
            assert (waiting.value, waiting.shop_wide) == (500, True)
            assert waiting.status == results_service_pb2.HEALTH_STATUS_WARNING
            assert waiting.sentence.startswith("500 events are waiting in the journal")
            # A folder that takes no more is found without an event that needs it.
            with read_only(journal):
                await becomes(caller, EVENTS, NOT_SERVING)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await caller.record(*batch())
            await becomes(caller, "", SERVING)

        await becomes(caller, CAMPAIGNS, SERVING)
        while has_files(journal):
            await asyncio.sleep(0.01)
        assert (await journal_check(caller)).value == 0

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    _, _, retry = details(refused.value)
    assert retry.retry_delay.seconds >= 1


@pytest.mark.slow
async def test_a_full_journal_is_not_ready_until_the_database_is_back(tmp_path: Path) -> None:
    async with running(tmp_path, journal=str(tmp_path / "journal"), journal_mb=1) as caller:
        await caller.start(shop.campaign())
        with locked(tmp_path / "shop.db"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await until_refused(caller, batch(1_000))
            assert "the journal has reached 1 MiB" in (refused.value.details() or "")
            await becomes(caller, "", NOT_SERVING)
            # Assignments need neither.
            request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
            (assignment,) = (await caller.assignments.AssignVariants(request)).assignments
            assert assignment.variant
        await becomes(caller, "", SERVING)
        outcomes = await caller.record(*batch())
        assert {outcome.status for outcome in outcomes} == {EVENT_STATUS_ACCEPTED}

"""Callers of another environment are refused with a sentence."""

import asyncio
from pathlib import Path

import grpc
import pytest
from fairlift import Client
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import assignment_service_pb2, results_service_pb2
from fairlift_server.access.token_text import new_token

from tests.server import shop
from tests.server.access.callers import ADMIN, bearer, made, status
from tests.server.client import running

ASSIGN = "/fairlift.v1.AssignmentService/AssignVariants"


async def test_a_token_names_its_environment_and_another_server_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN, environment="staging") as caller:
        answer = await made(caller, "storefront")
        at_home = await status(caller.channel, ASSIGN, bearer(answer.secret))
    # The same database, as a copy of staging would be.
    async with running(tmp_path, token=ADMIN, environment="production") as caller:
        elsewhere = await status(caller.channel, ASSIGN, bearer(answer.secret))
        unknown = await status(caller.channel, ASSIGN, bearer(new_token("production")))
        stranger = await status(caller.channel, ASSIGN, bearer(new_token("test")))
        broken = await status(caller.channel, ASSIGN, bearer(new_token("test")[:-1] + "!"))

    assert answer.token.environment == "staging"
    assert answer.secret.startswith("fairlift_staging_")
    assert at_home == ("OK", "")
    assert elsewhere[0] == stranger[0] == "UNAUTHENTICATED"
    assert "made for the environment 'staging', and this server is of another" in elsewhere[1]
    assert "made for the environment 'test'" in stranger[1]
    assert "production" not in elsewhere[1] + stranger[1]
    assert "with a valid token" in unknown[1]
    assert broken == unknown


async def test_a_caller_that_names_another_environment_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN, environment="production") as caller:
        answers = [
            await status(caller.channel, ASSIGN, bearer(ADMIN, environment=name))
            for name in ("production", "staging")
        ]
        stream = caller.assignments.WatchSnapshot(
            assignment_service_pb2.WatchSnapshotRequest(environment="staging"),
            metadata=bearer(ADMIN),
        )
        with pytest.raises(grpc.aio.AioRpcError) as watched:
            await stream.read()

    assert answers[0] == ("OK", "")
    assert answers[1][0] == "PERMISSION_DENIED"
    assert "of the environment 'staging', and this server is of another one" in answers[1][1]
    assert "production" in (watched.value.details() or "")  # this caller has a valid token


async def test_snapshots_reports_and_settings_carry_the_name(tmp_path: Path) -> None:
    async with running(tmp_path, environment="production") as caller:
        campaign = await caller.start(shop.campaign())
        watch = caller.assignments.WatchSnapshot(
            assignment_service_pb2.WatchSnapshotRequest(environment="production")
        )
        snapshot = (await anext(aiter(watch))).snapshot
        report = await caller.results.GetResults(
            results_service_pb2.GetResultsRequest(name=campaign.name)
        )
        settings = await caller.admin.GetSettings(pb.GetSettingsRequest())

    assert {snapshot.environment, report.environment, settings.environment} == {"production"}


async def test_the_sdk_of_another_environment_gets_nothing_and_stores_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, environment="production") as caller:
        await caller.start(shop.campaign())

        def storefront(environment: str) -> tuple[bool, str, int]:
            with Client(caller.address, environment=environment) as client:
                ready = client.wait_ready(2.0)
                client.action("v", "view")
                client.flush(1.0)
                stats = client.stats()
                return ready, stats.problem, stats.accepted

        home = await asyncio.to_thread(storefront, "production")
        away = await asyncio.to_thread(storefront, "staging")

    assert home[0] is True
    assert home[2] == 1
    assert away[0] is False
    assert "another one" in away[1]
    assert away[2] == 0


@pytest.mark.parametrize("name", ["Production", "a b", "x" * 33, "-a", "é"])
def test_a_name_that_no_server_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be up to 32 small letters"):
        Client("127.0.0.1:1", environment=name)

"""The one map from our errors to status codes, and what callers get of it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import pytest
from fairlift.engine.errors import (
    FairliftError,
    InvalidRequest,
    Overloaded,
    Unavailable,
    Violation,
)
from fairlift.v1 import (
    assignment_service_pb2,
    campaign_service_pb2,
    event_service_pb2,
)
from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.api.admission import Admission
from fairlift_server.api.call_classes import ASSIGN_VARIANTS
from fairlift_server.api.errors import STATUS, reason, refusal, status_of
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.events.ingest import Ingest
from google.rpc.error_details_pb2 import RetryInfo

from tests.databases import sqlite_only
from tests.server import shop
from tests.server.client import Caller, details, running


def tree(error: type[FairliftError] = FairliftError) -> Iterator[type[FairliftError]]:
    yield error
    for child in error.__subclasses__():
        yield from tree(child)


def test_every_error_has_a_status_and_every_status_an_error() -> None:
    ours = {error for error in tree() if error.__module__ == "fairlift.engine.errors"}

    assert set(STATUS) == ours


def test_reasons_are_stable_names() -> None:
    names = {reason(error.__new__(error)) for error in STATUS}

    assert len(names) == len(STATUS)
    assert {"STALE_ETAG", "INVALID_CAMPAIGN", "OVERLOADED"} <= names


def test_details_stay_below_what_metadata_may_hold() -> None:
    many = InvalidRequest(Violation(f"field[{n}]", "x" * 2_000) for n in range(1_000))

    assert len(status_of(many, request_id="r" * 64).SerializeToString()) < 8_000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Overloaded("full", retry_after_s=1.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Unavailable("no database", retry_after_s=1.5), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_overload_tells_when_to_come_again(error: FairliftError, code: grpc.StatusCode) -> None:
    retry = RetryInfo()
    assert any(packed.Unpack(retry) for packed in status_of(error).details)
    assert retry.retry_delay.ToMilliseconds() == 1_500

    found, _, trailing = refusal(error)
    # A generic client that repeats the call at once adds to the load.
    assert (found, dict(trailing)["grpc-retry-pushback-ms"]) == (code, b"-1")


def test_a_server_that_ends_may_be_replaced_at_once() -> None:
    _, _, trailing = refusal(Unavailable("the server is shutting down"))
    assert "grpc-retry-pushback-ms" not in dict(trailing)


async def test_an_error_carries_reason_domain_and_request_id(caller: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.campaigns.GetCampaign(
            campaign_service_pb2.GetCampaignRequest(name="campaigns/none"),
            metadata=(("x-request-id", "my-request"),),
        )

    info, _, _ = details(caught.value)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert (info.reason, info.domain) == ("NOT_FOUND", "fairlift")
    assert info.metadata["request_id"] == "my-request"


async def test_a_refusal_of_a_caller_who_left_is_no_error_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Gone:
        """gRPC's context of a call whose connection has broken."""

        def peer(self) -> str:
            return "ipv4:192.0.2.1:5"

        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return ()

        async def abort(self, *_: object) -> NoReturn:
            raise grpc.aio.InternalError("Failed to execute the batch")

    tokens = LiveTokens(environment="shop", setting="secret", is_open=False, now_us=lambda: 0)
    admission = Admission(tokens=tokens, turns=LoopTurns(), shortage=lambda _method: "")
    admission.add(ASSIGN_VARIANTS, object())
    call: Any = SimpleNamespace(method=ASSIGN_VARIANTS, invocation_metadata=())
    with pytest.raises(asyncio.CancelledError):
        await admission.service(call).stream_unary((), Gone())

    assert "Traceback" not in caplog.text


async def test_a_token_is_asked_of_every_call_and_stream(tmp_path: Path) -> None:
    async with running(tmp_path, token="secret") as caller:
        request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
        good = (("authorization", "Bearer secret"),)
        refused = []
        for metadata in (None, (("authorization", "Bearer other"),)):
            with pytest.raises(grpc.aio.AioRpcError) as unary:
                await caller.assignments.AssignVariants(request, metadata=metadata)
            with pytest.raises(grpc.aio.AioRpcError) as created:
                await caller.campaigns.ListCampaigns(
                    campaign_service_pb2.ListCampaignsRequest(), metadata=metadata
                )
            watch = caller.assignments.WatchSnapshot(
                assignment_service_pb2.WatchSnapshotRequest(), metadata=metadata
            )
            with pytest.raises(grpc.aio.AioRpcError) as stream:
                await watch.read()
            refused += [unary.value.code(), created.value.code(), stream.value.code()]
        answer = await caller.assignments.AssignVariants(request, metadata=good)

    assert set(refused) == {grpc.StatusCode.UNAUTHENTICATED}
    assert answer.snapshot_etag


async def test_a_full_queue_sheds_and_tells_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, write = asyncio.Event(), Ingest._write

    async def slow_write(ingest: Ingest, group: list[Any]) -> None:
        await refused.wait()
        await write(ingest, group)

    monkeypatch.setattr(Ingest, "_write", slow_write)
    async with running(tmp_path, queue_events=1_000) as caller:
        await caller.start(shop.campaign())
        batches = [[shop.exposure(f"v-{b}-{n}") for n in range(900)] for b in range(12)]
        calls = [asyncio.create_task(caller.record(*batch)) for batch in batches]
        await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
        refused.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        retries = []
        for outcome in outcomes:
            if isinstance(outcome, grpc.aio.AioRpcError):
                assert outcome.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                retries.append(details(outcome)[2].retry_delay.nanos)

    assert 0 < len(retries) < len(batches)
    assert set(retries) == {500_000_000}


@sqlite_only
async def test_a_stream_is_not_read_while_the_queue_is_full(tmp_path: Path) -> None:
    async with running(tmp_path, queue_events=1_000) as caller:
        await caller.start(shop.campaign())
        with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the server waits for this writer
            events = [shop.exposure(f"v{n}") for n in range(1_000)]
            waiting = asyncio.create_task(caller.record(*events))
            while not await is_refused(caller, event_service_pb2.Event()):
                await asyncio.sleep(0)
            method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = caller.channel.stream_stream(
                "/fairlift.v1.EventService/StreamEvents"
            )
            stream = method()
            await stream.write(b"\xff")  # no message: whoever reads it says INVALID_ARGUMENT
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stream.read()
            other.execute("ROLLBACK")
        await waiting

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def is_refused(caller: Caller, event: event_service_pb2.Event) -> bool:
    """Whether the queue has no room for it."""
    try:
        await caller.record(event)
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return False

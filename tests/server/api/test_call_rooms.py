"""How many calls of each class run, and which are refused: the caller's time, places, turns."""

import asyncio
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest
from fairlift.engine.errors import Overloaded
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2
from fairlift.v1.event_service_pb2 import (
    EVENT_STATUS_ACCEPTED,
    StreamEventsRequest,
    StreamEventsResponse,
)
from fairlift.v1.results_service_pb2 import ListReportsRequest
from fairlift_server.api import call_classes
from fairlift_server.api.call_classes import (
    ASSIGN_VARIANTS,
    LIMITS,
    RECORD_EVENTS,
    STREAM_EVENTS,
    CallClass,
    ClassLimit,
    class_of,
    longest_s,
)
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.api.permissions import ROLES
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.server import shop
from tests.server.client import Caller, details, running

RESULTS = "/fairlift.v1.ResultsService/GetResults"
CAMPAIGNS = "/fairlift.v1.CampaignService/ListCampaigns"
WATCH = "/fairlift.v1.AssignmentService/WatchSnapshot"
HEALTH = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"


class Disk:
    """Events that wait for the disk, as many as a test says."""

    def __init__(self) -> None:
        self.room = True
        self.wait_s = 0.0

    def has_room(self) -> bool:
        return self.room

    def expected_wait_s(self) -> float:
        return self.wait_s


def no_deadline() -> None:
    return None


async def test_classes_are_ranked_as_a_shop_misses_them() -> None:
    order = [ASSIGN_VARIANTS, RECORD_EVENTS, RESULTS, CAMPAIGNS, WATCH]

    assert [class_of(method) for method in order] == sorted(class_of(m) for m in order)
    assert len({class_of(method) for method in order}) == 5


def test_every_call_but_an_assignment_has_a_limit_and_a_longest_time() -> None:
    limited = {method for method in ROLES if class_of(method) in LIMITS}

    assert set(ROLES) - limited == {ASSIGN_VARIANTS}
    assert all(0 < longest_s(method) <= 1_800 for method in ROLES)


async def test_a_full_class_leaves_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fairlift_server.api.call_rooms.LIMITS", {**LIMITS, CallClass.RESULTS: ClassLimit(1)}
    )
    rooms = CallRooms(Disk(), LoopTurns())

    with rooms.running(RESULTS):
        full = {method for method in ROLES if rooms.shortage(method)}
        assert "too many calls of this kind (results)" in rooms.shortage(RESULTS)

    assert full == {method for method in ROLES if class_of(method) is CallClass.RESULTS}
    assert not rooms.shortage(RESULTS)


async def test_events_are_refused_while_too_many_wait_for_the_disk_or_to_be_read() -> None:
    disk, turns = Disk(), LoopTurns()
    rooms = CallRooms(disk, turns)
    disk.room = False
    assert "too many events wait for the disk" in rooms.shortage(RECORD_EVENTS)
    assert not rooms.shortage(RESULTS)
    disk.room = True

    await take_turns(rooms, 40, busy_s=0.02)  # so the server learns how long they take
    waiting = take_turns(rooms, 40)
    await asyncio.sleep(0)
    assert "too many calls of this kind (record)" in rooms.shortage(RECORD_EVENTS)
    await waiting
    assert not rooms.shortage(RECORD_EVENTS)


def take_turns(rooms: CallRooms, calls: int, *, busy_s: float = 0.0) -> asyncio.Future[list[None]]:
    """Calls that all wait for their turn, in which each uses the processor."""

    async def call() -> None:
        await rooms.turn(RECORD_EVENTS, no_deadline)
        until = time.thread_time() + busy_s
        while time.thread_time() < until:
            pass

    return asyncio.gather(*(asyncio.create_task(call()) for _ in range(calls)))


async def test_of_small_calls_many_may_wait() -> None:
    rooms = CallRooms(Disk(), LoopTurns())
    await take_turns(rooms, 100)
    waiting = take_turns(rooms, 200)
    await asyncio.sleep(0)

    assert not rooms.shortage(RECORD_EVENTS)
    await waiting


async def test_a_burst_of_calls_with_one_event_each_is_taken(caller: Caller) -> None:
    calls = (caller.record(shop.action(f"v-{number}", "add_to_cart")) for number in range(300))

    answers = await asyncio.gather(*calls)

    assert {each.status for outcomes in answers for each in outcomes} == {EVENT_STATUS_ACCEPTED}


@pytest.mark.parametrize(
    ("method", "left_s", "wait_s", "may"),
    [
        (RECORD_EVENTS, 0.5, 0.4, True),
        (RECORD_EVENTS, 0.5, 0.6, False),
        (RECORD_EVENTS, None, 60.0, True),
        (RESULTS, 0.001, 0.0, False),
        (RESULTS, 5.0, 60.0, True),
        (HEALTH, 0.001, 60.0, True),
    ],
)
async def test_work_that_cannot_end_in_time_is_not_begun(
    method: str, left_s: float | None, wait_s: float, may: bool
) -> None:
    disk = Disk()
    disk.wait_s = wait_s
    rooms = CallRooms(disk, LoopTurns())
    if may:
        await rooms.turn(method, lambda: left_s)
    else:
        with pytest.raises(Overloaded, match="the caller waits for") as refused:
            await rooms.turn(method, lambda: left_s)
        assert refused.value.retry_after_s >= max(0.5, wait_s)


async def test_a_call_of_a_full_class_is_told_when_to_come_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_room = {**call_classes.LIMITS, CallClass.RESULTS: ClassLimit(0)}
    monkeypatch.setattr("fairlift_server.api.call_rooms.LIMITS", no_room)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.results.ListReports(ListReportsRequest())
    info, _, retry = details(refused.value)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert info.reason == "OVERLOADED"
    assert 0 < retry.retry_delay.ToMilliseconds() <= 5_000
    assert ("grpc-retry-pushback-ms", "-1") in tuple(refused.value.trailing_metadata() or ())
    # All others go on.
    await caller.campaigns.ListCampaigns(campaign_service_pb2.ListCampaignsRequest())
    await caller.accepted([shop.action("visitor", "add_to_cart")])
    await caller.assignments.AssignVariants(
        assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
    )


async def test_a_stream_too_many_is_refused_and_health_answers(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {**call_classes.LIMITS, CallClass.STREAM: ClassLimit(1)}
    monkeypatch.setattr("fairlift_server.api.call_rooms.LIMITS", one)
    request = assignment_service_pb2.WatchSnapshotRequest()
    first = caller.assignments.WatchSnapshot(request)
    await first.read()
    second = caller.assignments.WatchSnapshot(request)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await second.read()
    stub = health_pb2_grpc.HealthStub(caller.channel)
    health = await stub.Check(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]  # missing from its stubs
    first.cancel()

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_call_without_a_deadline_gets_the_longest_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_classes, "_USUAL_S", 0.3)
    async with running(tmp_path, database=str(tmp_path / "shop.db")) as caller:
        with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the server waits for its turn to write
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await caller.record(shop.action("visitor", "add_to_cart"))
            other.execute("ROLLBACK")

    assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "took more than 0.3 s" in (ended.value.details() or "")
    assert details(ended.value)[2].retry_delay.seconds == 1


async def test_a_call_for_which_there_was_room_only_when_it_came_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(("", "others came in meanwhile"))
    monkeypatch.setattr(CallRooms, "shortage", lambda _rooms, _method: next(answers))
    async with running(tmp_path) as caller:
        with pytest.raises(grpc.aio.AioRpcError, match="others came in meanwhile") as refused:
            await caller.results.ListReports(ListReportsRequest())

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(refused.value)[2].retry_delay.ToMilliseconds() == 500


async def test_the_last_place_of_a_class_is_used(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {**call_classes.LIMITS, CallClass.RESULTS: ClassLimit(1), CallClass.ADMIN: ClassLimit(1)}
    monkeypatch.setattr("fairlift_server.api.call_rooms.LIMITS", one)

    await caller.campaigns.ListCampaigns(campaign_service_pb2.ListCampaignsRequest())
    await caller.results.ListReports(ListReportsRequest())


async def test_open_streams_go_on_when_they_are_as_many_as_may_be(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {**call_classes.LIMITS, CallClass.STREAM: ClassLimit(1)}
    monkeypatch.setattr("fairlift_server.api.call_rooms.LIMITS", one)
    stream = caller.events.StreamEvents()

    for number in (1, 2, 3):
        events = [shop.action("visitor", "add_to_cart")]
        await stream.write(StreamEventsRequest(sequence=number, events=events))
        answer = await stream.read()
        assert isinstance(answer, StreamEventsResponse)
        assert answer.sequence == number
    stream.cancel()


def test_who_watches_the_health_takes_no_place_of_who_asks() -> None:
    rooms = CallRooms(Disk(), LoopTurns())

    with ExitStack() as watches:
        for _ in range(LIMITS[CallClass.HEALTH].at_once):
            assert not rooms.shortage(HEALTH_WATCH)
            watches.enter_context(rooms.running(HEALTH_WATCH))
        assert rooms.shortage(HEALTH_WATCH)
        assert not rooms.shortage(HEALTH)


def test_a_call_that_runs_has_its_place_but_no_room_on_the_disk() -> None:
    disk = Disk()
    disk.room = False
    rooms = CallRooms(disk, LoopTurns())

    rooms.check_disk(RESULTS)
    with pytest.raises(Overloaded, match="too many events wait for the disk") as refused:
        rooms.check_disk(STREAM_EVENTS)
    assert refused.value.retry_after_s == 0.5


async def test_the_wait_for_a_turn_counts_for_the_longest_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_turns: LoopTurns, _rank: int) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(call_classes, "_USUAL_S", 0.3)
    async with running(tmp_path) as caller:
        monkeypatch.setattr(LoopTurns, "wait", never)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await asyncio.wait_for(caller.results.ListReports(ListReportsRequest()), 10)

    assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "took more than 0.3 s" in (ended.value.details() or "")


async def test_a_timeout_inside_of_a_call_is_an_error_of_the_server(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def no_answer(*_: object, **__: object) -> None:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(CampaignLifecycle, "listed", no_answer)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await caller.campaigns.ListCampaigns(campaign_service_pb2.ListCampaignsRequest())

    assert ended.value.code() is grpc.StatusCode.INTERNAL
    assert "Connection timed out" in caplog.text

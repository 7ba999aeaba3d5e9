"""The sender's clock: its error is taken out of the events' times, stored with them and counted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1 import results_service_pb2 as results_pb

from tests import databases
from tests.databases import database_in
from tests.server import shop
from tests.server.client import Caller, details

HOUR = timedelta(hours=1)


def rows(folder: Path, query: str) -> list[tuple[int, ...]]:
    return databases.rows(database_in(folder), query)


@pytest.fixture
async def senders(caller: Caller) -> AsyncIterator[list[Caller]]:
    """Four connections to the server of the test."""
    async with AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(caller.address, options) for _ in range(4)]
        yield [
            Caller(await stack.enter_async_context(channel), caller.clock, caller.address)
            for channel in channels
        ]


def request(sent: datetime, *events: pb.Event) -> pb.RecordEventsRequest:
    message = pb.RecordEventsRequest(events=events)
    message.sent_time.FromDatetime(sent)
    return message


async def health(caller: Caller) -> dict[str, results_pb.HealthCheck]:
    answer = await caller.results.GetHealth(
        results_pb.GetHealthRequest(name="campaigns/free-shipping"), timeout=120
    )
    return {check.name: check for check in answer.checks}


@pytest.mark.parametrize("off", [HOUR, -HOUR, timedelta(minutes=6)])
async def test_the_time_of_a_wrong_sender_is_corrected_and_the_shift_is_stored(
    senders: list[Caller], tmp_path: Path, off: timedelta
) -> None:
    for sender in senders[:3]:
        await sender.events.RecordEvents(request(shop.now()))
    happened = shop.now() - timedelta(days=2)  # the storefront was offline
    now = shop.now()
    event = shop.action("v", "view", at=happened + off)

    answer = await senders[3].events.RecordEvents(request(now + off, event))

    assert answer.outcomes[0].status == pb.EVENT_STATUS_ACCEPTED
    ((time_us,),) = rows(tmp_path, "SELECT time_us FROM actions")
    ((shift_us,),) = rows(tmp_path, "SELECT shift_us FROM clock_corrections")
    assert time_us / 1e6 == pytest.approx(happened.timestamp(), abs=30)
    assert shift_us / 1e6 == pytest.approx(-off.total_seconds(), abs=30)


async def test_an_old_event_of_a_right_clock_is_left_alone(
    senders: list[Caller], tmp_path: Path
) -> None:
    happened = shop.now() - timedelta(days=2)
    for number, sender in enumerate(senders):
        event = shop.action(f"v-{number}", "view", at=happened)
        await sender.events.RecordEvents(request(shop.now(), event))

    assert set(rows(tmp_path, "SELECT time_us FROM actions")) == {
        (int(happened.timestamp() * 1_000_000),)
    }
    assert rows(tmp_path, "SELECT shift_us FROM clock_corrections") == []


async def test_health_counts_corrections_and_clocks(caller: Caller, senders: list[Caller]) -> None:
    await caller.start(shop.campaign())
    for sender in senders[:3]:
        await sender.events.RecordEvents(request(shop.now()))
    await senders[3].events.RecordEvents(request(shop.now() + HOUR, shop.action("v", "view")))
    one_wrong = await health(caller)
    for sender in senders:
        await sender.events.RecordEvents(request(shop.now() + HOUR))
    all_alike = await health(caller)

    assert one_wrong["corrected_times"].value == 1
    assert one_wrong["clock"].value == 1
    assert one_wrong["clock"].status == results_pb.HEALTH_STATUS_WARNING
    assert "1 of 4 callers" in one_wrong["clock"].sentence
    assert all_alike["clock"].sentence.startswith(
        "The server's clock is wrong: 4 callers agree on a time that differs from it by +3,"
    )


async def test_a_stream_says_when_each_batch_was_sent(
    senders: list[Caller], tmp_path: Path
) -> None:
    for sender in senders[:3]:
        await sender.events.RecordEvents(request(shop.now()))
    stream = senders[3].events.StreamEvents()
    event = shop.action("v", "view", at=shop.now() - HOUR)
    batch = pb.StreamEventsRequest(sequence=1, events=[event])
    batch.sent_time.FromDatetime(shop.now() - HOUR)
    await stream.write(batch)
    await stream.read()

    ((shift_us,),) = rows(tmp_path, "SELECT shift_us FROM clock_corrections")
    assert shift_us / 1e6 == pytest.approx(HOUR.total_seconds(), abs=30)


async def test_a_sent_time_beyond_the_calendar_is_refused(caller: Caller) -> None:
    message = pb.RecordEventsRequest()
    message.sent_time.seconds = 2**60

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.events.RecordEvents(message)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(caught.value)[1].field_violations[0].field == "sent_time"


@pytest.mark.parametrize(
    ("nanos", "is_taken"),
    [(-5, False), (-1, False), (0, True), (999_999_999, True), (10**9, False), (2**31 - 1, False)],
)
async def test_nanos_out_of_the_range_of_protobuf_are_refused(
    caller: Caller, nanos: int, is_taken: bool
) -> None:
    event = shop.action("v", "view", at=shop.now().replace(microsecond=0))
    event.event_time.nanos = nanos
    (outcome,) = await caller.record(event)

    assert (outcome.status == pb.EVENT_STATUS_ACCEPTED) == is_taken
    if not is_taken:
        assert outcome.reason == pb.REFUSAL_REASON_INVALID
        assert outcome.message == f"event_time: has nanos {nanos}, must have 0 to 999999999"

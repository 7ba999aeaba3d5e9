"""Several servers on one PostgreSQL database behave as one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.engine.errors import WrongState
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_RUNNING, Campaign, Holdout

from tests.databases import new_database, rows
from tests.server import shop
from tests.server.client import Caller, Clock, running
from tests.server.crowds import start
from tests.server.live_days import day_of, list_looks, live_until, planned, read

ANNOUNCED_S = 0.5  # far below the poll, on a busy machine


@pytest.fixture
def database(tmp_path: Path) -> str:
    return new_database(str(tmp_path))


@pytest.fixture
async def servers(tmp_path: Path, database: str) -> AsyncIterator[tuple[Caller, Caller]]:
    clock = Clock()
    async with AsyncExitStack() as stack:
        a, b = [
            await stack.enter_async_context(running(tmp_path, clock=clock, database=database))
            for _ in range(2)
        ]
        yield a, b


async def etag(caller: Caller) -> str:
    request = assignment_service_pb2.WatchSnapshotRequest()
    async for response in caller.assignments.WatchSnapshot(request):
        return str(response.snapshot.etag)
    raise AssertionError


async def until_etag(caller: Caller, wanted: str) -> None:
    while await etag(caller) != wanted:
        await asyncio.sleep(0.02)


async def test_a_change_reaches_the_other_server_with_the_same_snapshot(
    servers: tuple[Caller, Caller],
) -> None:
    a, b = servers
    before = await etag(a)
    assert await etag(b) == before

    await a.start(shop.campaign())
    async with asyncio.timeout(5):
        await until_etag(b, await etag(a))

    assert await etag(a) != before
    # The same visitors see the same variants.
    request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v-1")
    answers = [await server.assignments.AssignVariants(request) for server in servers]
    assert answers[0].assignments == answers[1].assignments


async def test_a_server_that_is_behind_reads_before_it_refuses(
    servers: tuple[Caller, Caller],
) -> None:
    a, b = servers
    # Without a pause: no announcement has been heard yet.
    await a.start(shop.campaign())
    (first,) = await b.record(shop.exposure("v-1"))
    name = "campaigns/free-shipping"
    await a.campaigns.PauseCampaign(campaign_service_pb2.PauseCampaignRequest(name=name))
    await a.campaigns.ResumeCampaign(campaign_service_pb2.ResumeCampaignRequest(name=name))
    (second,) = await b.record(shop.exposure("v-2"))
    await b.campaigns.CreateCampaign(
        campaign_service_pb2.CreateCampaignRequest(campaign=shop.campaign("other"))
    )
    started = await a.campaigns.StartCampaign(
        campaign_service_pb2.StartCampaignRequest(name="campaigns/other")
    )

    assert [first.status, second.status] == [pb.EVENT_STATUS_ACCEPTED] * 2
    assert started.state == CAMPAIGN_STATE_RUNNING


async def test_two_changes_of_one_campaign_are_made_one_after_the_other(
    servers: tuple[Caller, Caller],
) -> None:
    started = await servers[0].start(shop.campaign())
    changes = []
    for number, server in enumerate(servers):
        changed = Campaign()
        changed.CopyFrom(started)
        changed.display_name = f"by server {number}"
        changes.append(
            server.campaigns.UpdateCampaign(
                campaign_service_pb2.UpdateCampaignRequest(campaign=changed)
            )
        )

    async def outcome(call: "grpc.aio.UnaryUnaryCall[object, Campaign]") -> str:
        try:
            return (await call).display_name
        except grpc.aio.AioRpcError as error:
            return error.code().name

    outcomes = sorted(await asyncio.gather(*map(outcome, changes)))  # type: ignore[arg-type]

    assert outcomes[0] == "ABORTED"  # it was read before the other change
    assert outcomes[1].startswith("by server")


async def test_the_holdout_is_the_same_everywhere(servers: tuple[Caller, Caller]) -> None:
    a, b = servers
    holdout = Holdout(share_bps=500)
    await a.campaigns.UpdateHoldout(campaign_service_pb2.UpdateHoldoutRequest(holdout=holdout))
    async with asyncio.timeout(5):
        await until_etag(b, await etag(a))

    read_back = await b.campaigns.GetHoldout(campaign_service_pb2.GetHoldoutRequest())
    assert read_back.share_bps == 500


async def test_an_event_that_many_send_through_both_is_counted_once(
    servers: tuple[Caller, Caller], database: str
) -> None:
    await servers[0].start(shop.campaign())
    events = [shop.exposure(f"v-{number}") for number in range(200)]
    events += [shop.order(f"v-{number}", f"o-{number}") for number in range(200)]

    async def sent(server: Caller, turn: int) -> Sequence[pb.EventOutcome]:
        while True:
            try:
                return await server.record(*(events if turn % 2 else reversed(events)))
            except grpc.aio.AioRpcError as error:
                # A busy machine: whoever is asked to come back later sends the same ids again.
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                await asyncio.sleep(0.1)

    calls = [sent(server, turn) for turn in range(10) for server in servers]

    answers = await asyncio.gather(*calls)

    statuses = {status for answer in answers for status in (each.status for each in answer)}
    accepted = sum(
        outcome.status == pb.EVENT_STATUS_ACCEPTED for answer in answers for outcome in answer
    )
    assert statuses == {pb.EVENT_STATUS_ACCEPTED, pb.EVENT_STATUS_DUPLICATE}
    assert accepted == len(events)
    assert rows(database, "SELECT count(*) FROM exposures") == [(200,)]
    assert rows(database, "SELECT count(*), sum(items) FROM orders") == [(200, 200)]


async def test_an_order_and_its_refund_meet_whichever_server_each_comes_to(
    servers: tuple[Caller, Caller], database: str
) -> None:
    a, b = servers
    for attempt in range(20):
        orders = [shop.order("v", f"o-{attempt}-{number}") for number in range(20)]
        refunds = [
            shop.cancellation(order.order.order_id, at=shop.now() + timedelta(seconds=1))
            for order in orders
        ]
        await asyncio.gather(a.record(*orders), b.record(*reversed(refunds)))

    assert rows(database, "SELECT count(*) FROM orders WHERE NOT cancelled") == [(0,)]
    assert rows(database, "SELECT DISTINCT status FROM amendments") == [("applied",)]


async def test_a_rate_and_an_order_meet_whichever_server_each_comes_to(
    servers: tuple[Caller, Caller], database: str
) -> None:
    a, b = servers
    old = shop.now() - timedelta(days=2)
    await a.accepted([shop.exchange_rate("USD", 2, at=old)])
    for attempt in range(30):
        since = old + timedelta(hours=attempt)
        order = shop.order("v", f"o-{attempt}", currency="USD", at=since + timedelta(minutes=1))
        await asyncio.gather(
            a.record(order), b.record(shop.exchange_rate("USD", 3 + attempt, at=since))
        )

    rates = rows(database, "SELECT rate_picos FROM orders ORDER BY time_us")
    assert rates == [((3 + attempt) * 10**12,) for attempt in range(30)]


async def test_an_event_that_waits_is_judged_once(
    servers: tuple[Caller, Caller], database: str
) -> None:
    a, b = servers
    waiting = [shop.order(f"v-{n}", f"o-{n}", currency="USD") for n in range(50)]
    outcomes = await a.record(*waiting)
    await b.accepted([shop.exchange_rate("USD", 2, at=shop.now() - timedelta(days=1))])
    async with asyncio.timeout(20):
        while rows(database, "SELECT count(*) FROM orders") != [(50,)]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(2.5)  # two more rounds of both servers

    assert {outcome.status for outcome in outcomes} == {pb.EVENT_STATUS_PARKED}
    assert rows(database, "SELECT count(*) FROM orders") == [(50,)]
    assert rows(database, "SELECT count(*) FROM order_lines") == [(50,)]
    assert rows(database, "SELECT count(*) FROM parked_events") == [(0,)]


async def test_a_look_is_made_once_and_read_by_both(
    servers: tuple[Caller, Caller], database: str
) -> None:
    a, b = servers
    await start(a, planned())
    for day in range(1, 4):
        server = (a, b)[day % 2]
        await live_until(server, day, day_of(day, each=20, buyers=(4, 7)))
        reports = await asyncio.gather(read(a), read(b))
        assert reports[0].verdict == reports[1].verdict
        looks = await asyncio.gather(list_looks(a), list_looks(b))
        assert looks[0] == looks[1]

    numbers = [number for (number,) in rows(database, "SELECT number FROM looks ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


async def test_a_correction_that_waits_for_its_order_finds_a_rate_that_comes_at_the_same_moment(
    servers: tuple[Caller, Caller], database: str
) -> None:
    a, b = servers
    since = shop.now() - timedelta(days=2)
    for attempt in range(20):
        orders = [
            shop.order("v", f"o-{attempt}-{n}", at=since + timedelta(hours=attempt, minutes=1))
            for n in range(10)
        ]
        corrected = [
            shop.correction(
                order.order.order_id, shop.order("v", order.order.order_id, currency="USD")
            )
            for order in orders
        ]
        await a.record(*corrected)
        rate = shop.exchange_rate("USD", 2 + attempt, at=since + timedelta(hours=attempt))
        await asyncio.gather(a.record(*orders), b.record(rate))

    stored = rows(database, "SELECT DISTINCT order_id, rate_picos FROM orders ORDER BY order_id")
    expected = {f"o-{attempt}": (2 + attempt) * 10**12 for attempt in range(20)}
    assert len(stored) == 200
    assert {(o.rpartition("-")[0], rate) for o, rate in stored} == set(expected.items())


async def test_a_server_with_another_currency_or_form_of_ids_does_not_start_on_a_new_database(
    servers: tuple[Caller, Caller], tmp_path: Path, database: str
) -> None:
    for settings, says in (
        ({"currency": "USD"}, "FAIRLIFT_CURRENCY"),
        ({"raw_ids": True}, "keyed"),
    ):
        with pytest.raises(WrongState, match=says):
            async with running(tmp_path, database=database, **settings):
                pass
    (outcome,) = await servers[0].record(shop.order("v", "o-1"))

    assert outcome.status == pb.EVENT_STATUS_ACCEPTED

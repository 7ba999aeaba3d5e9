"""What a client gets that asks the server for each decision, and one that is used in coroutines."""

import asyncio
import time
from typing import Any

from fairlift import Client, Reason

from tests.client.shop import Shop, connected
from tests.faults.tcp_proxy import TcpProxy

SPAIN = {"country": "ES"}


def test_server_decides_for_a_thin_client(shop: Shop) -> None:
    with Client(shop.target, decide="server", timeout_s=5) as client, connected(shop) as local:
        for i in range(20):
            here = client.assign("spring", f"v{i}", SPAIN, expose=True)
            there = local.assign("spring", f"v{i}", SPAIN)
            assert (here.variant, here.reason, here.payload) == (
                there.variant,
                there.reason,
                there.payload,
            )
        assert client.assign("nowhere", "v", default="off").variant == "off"
        assert list(client.assign_all("v", SPAIN)) == ["spring"]
        assert client.wait_ready(0)
    assert len(shop.of_kind("exposure")) == 20


def test_slow_server_costs_a_thin_client_its_deadline_and_no_more(shop: Shop) -> None:
    with Client(shop.target, decide="server") as client:
        shop.delay_s = 1.0
        started = time.perf_counter()
        decided = client.assign("spring", "v", SPAIN, default="off")
        took_s = time.perf_counter() - started
        shop.delay_s = 0.0

        assert (decided.variant, decided.reason) == ("off", Reason.NOT_READY)
        assert took_s < 0.5
        assert client.assign_all("v", {"x": 1}) is not None


def test_a_connection_that_is_reset_costs_no_answer_where_there_is_time(shop: Shop) -> None:
    proxy = TcpProxy(shop.port)
    proxy.resets = 1
    try:
        with Client(f"127.0.0.1:{proxy.port}", decide="server", timeout_s=5) as client:
            assert client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED
        assert proxy.resets == 0
    finally:
        proxy.stop()


async def test_a_hundred_coroutines_keep_their_deadline_together(shop: Shop) -> None:
    async with Client(shop.target, decide="server", timeout_s=0.3) as client:
        assert (await client.assign_async("spring", "v", SPAIN)).reason is Reason.ASSIGNED
        shop.delay_s = 2.0
        started = time.perf_counter()
        decided = await asyncio.gather(
            *(client.assign_async("spring", f"v{i}", SPAIN, default="off") for i in range(100))
        )
        took_s = time.perf_counter() - started
        shop.delay_s = 0.0

    assert {(each.variant, each.reason) for each in decided} == {("off", Reason.NOT_READY)}
    assert took_s < 1.0


async def test_nonsense_in_a_coroutine_gives_the_control(shop: Shop) -> None:
    async with Client(shop.target, decide="server", timeout_s=5.0) as client:
        nonsense: list[Any] = [7.5, b"v", [1], object()]
        decided = [await client.assign_async("spring", each, SPAIN) for each in nonsense]
        unknown = await client.assign_async("sprnig", "v", SPAIN, default="off")

    assert {each.variant for each in decided} == {"control"}
    assert (unknown.variant, unknown.reason) == ("off", Reason.UNKNOWN_CAMPAIGN)


async def test_client_serves_asyncio(shop: Shop) -> None:
    async with Client(shop.target) as client:
        while not client.stats().etag:
            await asyncio.sleep(0.01)
        assert (await client.assign_async("spring", "v", SPAIN, expose=True)).is_in_campaign
    async with Client(shop.target, decide="server", timeout_s=5) as thin:
        decided = await asyncio.gather(
            *(thin.assign_async("spring", f"v{i}", SPAIN) for i in range(20))
        )
    assert all(each.reason is Reason.ASSIGNED for each in decided)
    assert len(shop.of_kind("exposure")) == 1

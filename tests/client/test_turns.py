"""Coroutines that ask the server at once: each has its turn, and none waits for nothing."""

import asyncio
import threading
from typing import Any

import grpc
import pytest
from fairlift import Client, Reason
from fairlift.engine.errors import Unavailable
from fairlift.turns import Turns
from fairlift.v1 import assignment_service_pb2 as a

from tests.client.shop import Shop

SPAIN = {"country": "ES"}


class CountingShop(Shop):
    """Counts how many assignments are under way."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lock = threading.Lock()
        self.under_way = self.most = 0

    def AssignVariants(  # noqa: N802  # the contract's name
        self, request: a.AssignVariantsRequest, context: grpc.ServicerContext
    ) -> a.AssignVariantsResponse:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            return super().AssignVariants(request, context)
        finally:
            with self.lock:
                self.under_way -= 1


async def test_two_hundred_coroutines_at_once_are_all_answered() -> None:
    # Given a server that needs 50 ms for an answer, so that all 200 together need over a second
    shop = CountingShop()
    shop.start()
    shop.delay_s = 0.05
    try:
        async with Client(shop.target, decide="server", timeout_s=1.0) as client:
            # When all ask at once
            asked = (client.assign_async("spring", f"v{i}", SPAIN) for i in range(200))
            answers = await asyncio.gather(*asked)
    finally:
        shop.stop()

    # Then none is the control for want of time, and the server had few to answer at a time
    assert {answer.reason for answer in answers} == {Reason.ASSIGNED}
    assert shop.most == 8


def test_client_serves_one_event_loop_after_the_other(shop: Shop) -> None:
    async def ask(client: Client) -> set[Reason]:
        asked = (client.assign_async("spring", f"v{i}", SPAIN) for i in range(20))
        return {answer.reason for answer in await asyncio.gather(*asked)}

    with Client(shop.target, decide="server", timeout_s=10) as client:
        for _ in range(3):
            assert asyncio.run(ask(client)) == {Reason.ASSIGNED}


async def test_turn_of_a_cancelled_coroutine_goes_to_the_next() -> None:
    turns, go = Turns(60.0), asyncio.Event()

    async def call(name: str) -> str:
        async with turns.turn():
            await go.wait()
            return name

    first = [asyncio.create_task(call(f"first-{i}")) for i in range(8)]
    cancelled, last = asyncio.create_task(call("cancelled")), asyncio.create_task(call("last"))
    await asyncio.sleep(0)
    cancelled.cancel()
    first[0].cancel()
    go.set()

    assert await last == "last"
    assert [await task for task in first[1:]] == [f"first-{i}" for i in range(1, 8)]
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_who_waits_for_a_server_that_answers_nobody_gives_up_together() -> None:
    turns: Any = Turns(0.05)

    async def call() -> None:
        async with turns.turn():
            await asyncio.Event().wait()

    hanging = [asyncio.create_task(call()) for _ in range(8)]
    await asyncio.sleep(0)
    waiting = await asyncio.gather(*(call() for _ in range(50)), return_exceptions=True)

    assert {type(failure) for failure in waiting} == {Unavailable}
    for task in hanging:
        task.cancel()


async def test_who_waits_has_a_turn_after_calls_that_missed_their_deadline() -> None:
    turns = Turns(0.5)
    over = asyncio.Event()

    async def late() -> None:
        async with turns.turn():
            await over.wait()
            raise Unavailable("the deadline is over")

    async def call() -> str:
        async with turns.turn():
            return "answer"

    first = [asyncio.create_task(late()) for _ in range(8)]
    await asyncio.sleep(0)
    # As gRPC does at the deadline, which is a little after that of those who wait
    asyncio.get_running_loop().call_later(0.6, over.set)

    assert await asyncio.gather(*(call() for _ in range(50))) == ["answer"] * 50
    assert all(await asyncio.gather(*first, return_exceptions=True))

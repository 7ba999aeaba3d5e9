"""Messages of callers who hold no secret: those that arrive slowly are few, the others are not."""

import asyncio
from typing import NoReturn, cast

import grpc
import pytest
from fairlift.engine.errors import InvalidRequest, Overloaded
from fairlift_server.api import message_arrival
from fairlift_server.api.admission import Admission
from fairlift_server.api.call_classes import ASSIGN_VARIANTS
from fairlift_server.api.call_guard import CallGuard
from fairlift_server.api.call_record import Context
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.message_arrival import MOST_SLOW_WITHOUT_TOKEN, MessageArrival


class Arriving:
    """A call whose message comes when the test says so."""

    def __init__(self) -> None:
        self.message: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def read(self) -> object:
        return await self.message


def context_of(call: Arriving) -> Context:
    return cast("Context", call)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_AT_ONCE_S": 0.01, "_LONGEST_S": 0.5}.items():
        monkeypatch.setattr(message_arrival, name, value)


async def test_of_slow_messages_so_many_may_wait_and_prompt_ones_always_pass() -> None:
    arrival = MessageArrival(2)
    slow = [Arriving() for _ in range(2)]
    waiting = [asyncio.create_task(arrival.message(context_of(call))) for call in slow]
    await asyncio.sleep(0.1)

    with pytest.raises(Overloaded, match="too many messages arrive slowly"):
        await arrival.message(context_of(Arriving()))
    prompt = Arriving()
    prompt.message.set_result(b"prompt")
    assert await arrival.message(context_of(prompt)) == b"prompt"

    slow[0].message.set_result(b"late")
    assert await waiting[0] == b"late"
    with pytest.raises(Overloaded, match=r"did not arrive within 0\.5 s"):
        await waiting[1]
    freed = Arriving()
    asyncio.get_running_loop().call_later(0.1, freed.message.set_result, b"there is room again")
    assert await arrival.message(context_of(freed)) == b"there is room again"


async def test_a_caller_who_leaves_gives_the_place_back() -> None:
    arrival = MessageArrival(2)
    waiting = [asyncio.create_task(arrival.message(context_of(Arriving()))) for _ in range(2)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    late = Arriving()
    asyncio.get_running_loop().call_later(0.1, late.message.set_result, b"late")
    assert await arrival.message(context_of(late)) == b"late"


async def test_a_call_without_a_message_is_the_callers_mistake() -> None:
    call = Arriving()
    call.message.set_result(grpc.aio.EOF)
    with pytest.raises(InvalidRequest, match="is missing"):
        await MessageArrival(2).message(context_of(call))


class Refusing:
    """An admission that says of a refused call why."""

    async def refuse(self, error: Exception, _method: str, _context: Context) -> NoReturn:
        raise error


async def test_callers_without_a_token_take_no_places_of_storefronts() -> None:
    async def received(data: bytes, _context: Context) -> bytes:
        return data

    guard = CallGuard(cast("Admission", Refusing()), cast("CallRooms", None))
    check = guard._arriving("/grpc.health.v1.Health/Check", received)
    assign = guard._arriving(ASSIGN_VARIANTS, received)
    calls = [Arriving() for _ in range(MOST_SLOW_WITHOUT_TOKEN)]
    waiting = [asyncio.create_task(check(None, context_of(call))) for call in calls]
    await asyncio.sleep(0.1)

    with pytest.raises(Overloaded, match="too many messages arrive slowly"):
        await check(None, context_of(Arriving()))
    slow = Arriving()
    asyncio.get_running_loop().call_later(0.1, slow.message.set_result, b"of a visitor")

    assert await assign(None, context_of(slow)) == b"of a visitor"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

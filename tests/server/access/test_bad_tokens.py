"""Who sends bad tokens again and again is answered late; nobody else is."""

import asyncio
import time

import pytest
from fairlift_server.api import bad_tokens
from fairlift_server.api.bad_tokens import BadTokens


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"_FREE": 3, "_WAIT_S": 0.2, "_MORE_PER_S": 1_000, "_FORGET_S": 0.5, "_WAITING": 50}
    for name, value in values.items():
        monkeypatch.setattr(bad_tokens, name, value)


async def seconds(tokens: BadTokens, address: str) -> float:
    begun = time.monotonic()
    await tokens.pause(address)
    return time.monotonic() - begun


async def test_the_first_few_are_answered_at_once_and_the_others_late() -> None:
    tokens = BadTokens()

    first = [await seconds(tokens, "10.0.0.7") for _ in range(3)]
    fourth = await seconds(tokens, "10.0.0.7")
    neighbour = await seconds(tokens, "10.0.0.8")

    assert max(*first, neighbour) < 0.1
    assert fourth >= 0.2


async def test_an_address_begins_anew_after_some_time() -> None:
    tokens = BadTokens()
    for _ in range(3):
        await tokens.pause("10.0.0.7")
    await asyncio.sleep(0.6)

    assert await seconds(tokens, "10.0.0.7") < 0.1


async def test_the_more_wait_the_longer_and_no_more_than_so_many() -> None:
    tokens = BadTokens()
    for _ in range(3):
        await tokens.pause("10.0.0.7")

    took = await asyncio.gather(*(seconds(tokens, "10.0.0.7") for _ in range(60)))

    assert sum(each >= 0.2 for each in took) == 50
    assert sum(each < 0.1 for each in took) == 10
    assert max(took) >= 0.2 + 0.045


async def test_a_caller_who_gives_up_makes_room() -> None:
    tokens = BadTokens()
    for _ in range(3):
        await tokens.pause("10.0.0.7")
    waiting = [asyncio.create_task(tokens.pause("10.0.0.7")) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert await seconds(tokens, "10.0.0.7") >= 0.2


async def test_memory_stays_small_for_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_tokens, "_ADDRESSES", 10)
    tokens = BadTokens()

    await asyncio.gather(*(tokens.pause(f"10.0.0.{number}") for number in range(13)))
    late = await seconds(tokens, "10.0.1.1")

    assert late >= 0.2  # all that are not told apart count as one

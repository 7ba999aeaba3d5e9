"""Who takes the next turn on the event loop, and how long turns pause for calls that come in."""

import asyncio
from collections import Counter

import pytest
from fairlift_server.api import loop_turns
from fairlift_server.api.call_classes import (
    RECORD_EVENTS,
    CallClass,
)
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.loop_turns import LoopTurns

from tests.server.api.test_call_rooms import Disk, take_turns


async def test_small_calls_share_a_pause_and_large_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = Counter[str]()
    pause = LoopTurns._until_quiet

    async def counted(turns: LoopTurns) -> None:
        pauses["now"] += 1
        await pause(turns)

    monkeypatch.setattr(LoopTurns, "_until_quiet", counted)
    monkeypatch.setattr(loop_turns, "_WORK_S", 0.05)
    rooms = CallRooms(Disk(), LoopTurns())

    await take_turns(rooms, 100)
    small = pauses.pop("now")
    await take_turns(rooms, 10, busy_s=0.1)

    assert small <= 10
    assert pauses["now"] >= 9


async def test_a_burst_that_one_pause_takes_in_is_not_charged_to_the_turn_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms, pauses, burst = CallRooms(Disk(), LoopTurns()), 0, []

    async def pause(_turns: LoopTurns) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:  # after the turn of the second call
            burst.append(take_turns(rooms, 250))
        await asyncio.sleep(0.05)

    monkeypatch.setattr(LoopTurns, "_until_quiet", pause)
    await take_turns(rooms, 2)
    while pauses < 3:
        assert not rooms.shortage(RECORD_EVENTS)
        await asyncio.sleep(0.001)
    await burst[0]


async def test_the_most_important_goes_first_and_one_who_left_is_skipped() -> None:
    turns, order = LoopTurns(), []

    async def take(rank: int) -> None:
        await turns.wait(rank)
        order.append(rank)

    await turns.wait(0)  # so that the others wait
    tasks = [asyncio.create_task(take(rank)) for rank in (2, 3, 1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert order == [1, 2, 3]


async def test_a_pause_takes_no_time_while_no_call_comes_in_or_few_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_turns, "_QUIET_S", 60)
    turns = LoopTurns()
    rooms = CallRooms(Disk(), turns)

    async with asyncio.timeout(30):
        await take_turns(rooms, 10, busy_s=0.01)

    turns.arrivals += 1  # one came in: others may follow, but few wait
    async with asyncio.timeout(30):
        await take_turns(rooms, 10, busy_s=0.01)

    many = take_turns(rooms, 40, busy_s=0.01)
    await asyncio.sleep(0)
    turns.arrivals += 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await many


async def test_a_pause_takes_in_the_calls_that_follow_one_another() -> None:
    turns, known = LoopTurns(), list[int]()

    async def calls() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            turns.arrivals += 1

    async def take() -> None:
        await turns.wait(1)
        known.append(turns.arrivals)

    await turns.wait(1)  # so that the next one waits for the pause
    await asyncio.gather(calls(), take())

    assert known == [5]


async def test_a_turn_waits_while_calls_come_in_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_turns, "_LONGEST_S", 0.2)
    turns = LoopTurns()

    async def crowd() -> None:
        while True:
            turns.arrivals += 1
            await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    coming = asyncio.create_task(crowd())
    await turns.wait(1)
    begun = loop.time()
    await turns.wait(1)
    took_s = loop.time() - begun
    coming.cancel()

    assert 0.15 < took_s < 5


async def test_a_flood_of_important_calls_keeps_the_others_waiting_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_turns, "_AHEAD_S", 0.1)
    turns, before = LoopTurns(), []

    async def flood() -> None:
        while True:
            await turns.wait(CallClass.RECORD)
            before.append(CallClass.RECORD)

    flooding = [asyncio.create_task(flood()) for _ in range(8)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await turns.wait(CallClass.RESULTS)
    for task in flooding:
        task.cancel()

    assert len(before) > 8  # the flood went first

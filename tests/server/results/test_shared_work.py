"""Who asks for the same at the same time shares one computation."""

import asyncio

import pytest
from fairlift_server.results.shared_work import SharedWork, to_the_end


class Computation:
    """Counts how often it runs, and ends when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def settled() -> None:
    """Lets every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_ask_during_a_computation_share_the_next_one() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()

    first = asyncio.create_task(shared.run("a", work))
    await settled()
    others = [asyncio.create_task(shared.run("a", work)) for _ in range(11)]
    await settled()
    begun_meanwhile = work.begun
    work.may_end.set()

    assert begun_meanwhile == 1
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 11


async def test_different_keys_do_not_wait_for_each_other() -> None:
    shared: SharedWork[str, int] = SharedWork()
    slow, fast = Computation(), Computation()
    fast.may_end.set()

    waiting = asyncio.create_task(shared.run("slow", slow))
    await settled()

    assert await shared.run("fast", fast) == 1
    slow.may_end.set()
    assert await waiting == 1


async def test_a_caller_who_goes_away_stops_nothing_that_others_wait_for() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()
    gone, waits = (asyncio.create_task(shared.run("a", work)) for _ in range(2))
    await settled()

    gone.cancel()
    await settled()
    work.may_end.set()

    assert await waits == 1
    assert gone.cancelled()


async def test_work_is_cancelled_when_the_last_of_its_callers_has_left() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()
    callers = [asyncio.create_task(shared.run("a", work)) for _ in range(2)]
    await settled()

    callers[0].cancel()
    await settled()
    cancelled_after_one = work.cancelled
    callers[1].cancel()
    await settled()
    work.may_end.set()

    assert (cancelled_after_one, work.cancelled) == (0, 1)
    assert await shared.run("a", work) == 2


async def test_work_that_nobody_waits_for_any_more_is_never_begun() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()
    first = asyncio.create_task(shared.run("a", work))
    await settled()
    gone = asyncio.create_task(shared.run("a", work))
    await settled()

    gone.cancel()
    await settled()
    comes_later = asyncio.create_task(shared.run("a", work))
    await settled()
    work.may_end.set()

    assert await first == 1
    assert await comes_later == 2
    assert work.begun == 2


async def test_what_must_be_done_is_done_though_all_callers_have_left() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()
    gone = asyncio.create_task(shared.run("a", lambda: to_the_end(work())))
    await settled()

    gone.cancel()
    await settled()
    follows = asyncio.create_task(shared.run("a", work))
    await settled()
    begun_meanwhile = work.begun
    work.may_end.set()

    assert (begun_meanwhile, work.cancelled) == (1, 0)
    assert await follows == 2


async def test_a_failure_reaches_all_who_wait_and_not_the_next() -> None:
    shared: SharedWork[str, int] = SharedWork()

    async def failing() -> int:
        raise ValueError("no")

    work = Computation()
    work.may_end.set()
    results = await asyncio.gather(
        *(shared.run("a", failing) for _ in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [ValueError] * 3
    with pytest.raises(ValueError, match="no"):
        await shared.run("a", failing)
    assert await shared.run("a", work) == 1


async def test_one_after_another_each_runs() -> None:
    shared: SharedWork[str, int] = SharedWork()
    work = Computation()
    work.may_end.set()

    assert [await shared.run("a", work) for _ in range(3)] == [1, 2, 3]

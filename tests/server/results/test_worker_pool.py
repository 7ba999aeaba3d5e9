"""Errors travel from the processes that compute, and break nothing for others."""

import asyncio
import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest
from fairlift.engine import errors as engine_errors
from fairlift.engine.errors import NotFound, Violation
from fairlift_server.analysis.attached_ledger import engine_threads
from fairlift_server.results.job_slots import FreeSlots, SharedSlots
from fairlift_server.results.worker_pool import WorkerError, WorkerPool
from fairlift_stats import errors as stats_errors
from fairlift_stats.sequential import errors as sequential_errors

from tests.server.client import workers


class CannotBeRebuilt(Exception):
    """Pickle calls its `__init__` with the message alone, which lacks an argument."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__(f"{name} is {value}")


def raise_what_cannot_be_rebuilt() -> None:
    raise CannotBeRebuilt("the moon", 3.5)


def raise_not_found() -> None:
    raise NotFound("no such campaign")


def own_niceness() -> int:
    return os.nice(0)


async def test_what_computes_results_gives_way_to_what_serves() -> None:
    assert await workers().run(own_niceness) == min(19, os.nice(0) + 5)


def own_processors() -> set[int]:
    return os.sched_getaffinity(0)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps them apart")


@needs_linux
async def test_what_computes_results_leaves_one_of_several_processors_to_what_serves() -> None:
    first, *others = sorted(own_processors())
    given = set(others) or {first}

    assert await workers().run(own_processors) == given
    # Its engine does not divide the others among more threads than they are.
    assert await workers().run(engine_threads) == min(2, len(given))


@needs_linux
async def test_where_nobody_serves_all_processors_compute() -> None:
    pool = WorkerPool(1, beside_server=False)
    try:
        assert await pool.run(own_processors) == own_processors()
    finally:
        pool.close()


def exceptions() -> Iterator[type[Exception]]:
    for module in (engine_errors, stats_errors, sequential_errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


# A value for each parameter of their constructors, by name or else by type.
VALUES: dict[object, object] = {
    "violations": [Violation("plan", "is absent")],
    "found": 3.0,
    "known": ("a", "b"),
    str: "text",
    int: 7,
    float: 0.5,
    bool: True,
}


def made(kind: type[Exception]) -> Exception:
    if kind.__init__ is Exception.__init__:
        return kind("text")
    arguments: list[object] = []
    keywords: dict[str, object] = {}
    for parameter in list(inspect.signature(kind.__init__, eval_str=True).parameters.values())[1:]:
        value = VALUES.get(parameter.name, VALUES.get(parameter.annotation, "text"))
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments.append("text")
        elif parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = value
        elif parameter.default is parameter.empty:
            arguments.append(value)
    return kind(*arguments, **keywords)


@pytest.mark.parametrize("kind", list(exceptions()), ids=lambda kind: kind.__name__)
def test_an_exception_is_the_same_after_a_journey(kind: type[Exception]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert str(again) == str(error)


async def test_an_exception_that_cannot_travel_is_told_in_words_and_breaks_nothing() -> None:
    with pytest.raises(WorkerError, match=r"CannotBeRebuilt: the moon is 3\.5"):
        await workers().run(raise_what_cannot_be_rebuilt)

    # The same process answers the next call.
    assert await workers().run(abs, -3) == 3


async def test_an_exception_arrives_as_itself_with_the_place_where_it_was_raised() -> None:
    with pytest.raises(NotFound, match="no such campaign") as caught:
        await workers().run(raise_not_found)

    assert "raise_not_found" in str(caught.value.__cause__)


async def test_a_pool_starts_its_process_when_it_is_first_used_and_ends_it() -> None:
    before = set(multiprocessing.active_children())
    never_used = WorkerPool(1)
    never_used.close()
    assert set(multiprocessing.active_children()) == before

    used = WorkerPool(1)
    assert await used.run(abs, -3) == 3
    assert len(set(multiprocessing.active_children()) - before) == 1
    used.close()
    assert set(multiprocessing.active_children()) == before


async def test_a_process_can_start_before_the_first_job() -> None:
    before = set(multiprocessing.active_children())
    pool = WorkerPool(1)
    try:
        pool.start()
        started = set(multiprocessing.active_children()) - before
        assert len(started) == 1
        assert await pool.run(abs, -3) == 3
        assert set(multiprocessing.active_children()) - before == started
    finally:
        pool.close()


async def test_a_process_that_is_killed_while_it_has_no_job_is_replaced() -> None:
    pool = WorkerPool(1)
    try:
        killed = await pool.run(os.getpid)
        assert pool._pool is not None
        at_its_end = cast("threading.Thread", pool._pool._executor_manager_thread)
        os.kill(killed, signal.SIGKILL)
        # It notices that the process has ended.
        await asyncio.to_thread(at_its_end.join)

        assert await pool.run(os.getpid) != killed
    finally:
        pool.close()


async def test_operators_are_told_of_each_job_and_how_it_ended() -> None:
    told: list[tuple[str, bool]] = []
    spans: list[str] = []

    @contextmanager
    def span(name: str) -> Iterator[None]:
        spans.append(f"{name} begins")
        try:
            yield
        finally:
            spans.append(f"{name} ends")

    pool = WorkerPool(1, lambda name, _seconds, failed: told.append((name, failed)), span)
    try:
        await pool.run(own_niceness)
        with pytest.raises(NotFound):
            await pool.run(raise_not_found)
    finally:
        pool.close()

    assert told == [("own_niceness", False), ("raise_not_found", True)]
    assert spans == [
        *("own_niceness begins", "own_niceness ends"),
        *("raise_not_found begins", "raise_not_found ends"),
    ]


class OneJob:
    """A pool of processes whose only job ends when the test says so."""

    def __init__(self) -> None:
        self.job: Future[bytes] = Future()

    def submit(self, *_arguments: object) -> Future[bytes]:
        return self.job


async def test_whoever_leaves_as_a_job_ends_does_not_stop_the_job_that_follows() -> None:
    slots = FreeSlots(SharedSlots(multiprocessing.get_context("spawn"), 1), 1)
    processes, pool = OneJob(), WorkerPool(1)
    pool._slots, pool._pool = slots, cast("ProcessPoolExecutor", processes)
    caller = asyncio.create_task(pool.run(abs, -3))
    await asyncio.sleep(0)

    processes.job.set_result(b"")
    following = slots.take()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert following is not None
    slots.shared.control(following).check()

"""A caller who leaves stops what is computed for it alone; the process goes on with the next."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift_server.results import campaign_results
from fairlift_server.results.worker_pool import JobProgress, WorkerPool

from tests.server.client import running, workers
from tests.server.crowds import NAME, START, start
from tests.server.live_days import DAY, HOUR, day_of, list_looks, live_until, planned
from tests.server.slow_queries import (
    BEGUN,
    MAY_END,
    NEVER_ENDS,
    SPILLS,
    answer_never,
    load,
    looks_never,
    looks_when_told,
)

pytestmark = pytest.mark.timeout(300)
REQUEST = pb.GetResultsRequest(name=NAME)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(1)
    yield pool
    await asyncio.to_thread(pool.close)


async def report(stream: Any) -> pb.Report:  # Any: a call, which is untyped
    read = await stream.read()
    assert isinstance(read, pb.Report)
    return read


async def leave(job: asyncio.Task[object]) -> None:
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job


async def test_a_query_ends_when_its_caller_leaves_and_its_process_answers_the_next(
    pool: WorkerPool, tmp_path: Path
) -> None:
    process = await pool.run(os.getpid)
    job = asyncio.create_task(pool.run(answer_never, tmp_path, 100, NEVER_ENDS))
    await until((tmp_path / BEGUN).exists)

    await leave(job)

    assert await pool.run(os.getpid) == process


async def test_a_query_that_was_stopped_leaves_no_files(pool: WorkerPool, tmp_path: Path) -> None:
    def spilled() -> list[Path]:
        return list(tmp_path.glob("fairlift-spilled-*/*"))

    query = SPILLS.format(rows=2_000_000_000)
    job = asyncio.create_task(pool.run(answer_never, tmp_path, 100, query))
    await until(lambda: bool(spilled()))

    await leave(job)
    await pool.run(os.getpid)

    assert spilled() == []


async def test_a_job_that_waits_for_its_turn_ends_when_its_caller_leaves(
    pool: WorkerPool, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in "abcde"]
    for folder in folders:
        folder.mkdir()
    jobs = [asyncio.create_task(pool.run(answer_never, each, 100, NEVER_ENDS)) for each in folders]
    await until((folders[0] / BEGUN).exists)

    for job in jobs:
        await leave(job)

    assert await pool.run(abs, -3) == 3
    assert not (folders[-1] / BEGUN).exists()


async def test_many_callers_who_leave_take_no_places(pool: WorkerPool, tmp_path: Path) -> None:
    for _ in range(70):  # there are 64
        job = asyncio.create_task(pool.run(answer_never, tmp_path, 100, NEVER_ENDS))
        await asyncio.sleep(0)
        await leave(job)

    assert await pool.run(abs, -3) == 3


async def test_a_job_says_how_far_it_is(pool: WorkerPool, tmp_path: Path) -> None:
    progress = JobProgress()
    before = progress.share()
    never = pool.run(answer_never, tmp_path, 100, NEVER_ENDS, progress=progress)
    job = asyncio.create_task(never)
    await until((tmp_path / BEGUN).exists)

    assert (before, progress.share()) == (0.0, 0.5)
    await leave(job)


async def test_a_pool_that_is_closed_waits_for_no_query(tmp_path: Path) -> None:
    pool = WorkerPool(1)
    job = asyncio.create_task(pool.run(answer_never, tmp_path, 100, NEVER_ENDS))
    await until((tmp_path / BEGUN).exists)

    await asyncio.to_thread(pool.close)
    await asyncio.wait([job])

    assert job.exception() is not None


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
async def test_the_query_of_a_caller_who_leaves_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(campaign_results, "looks_of_campaign", looks_never)
    async with running(tmp_path, analysis_folder=str(tmp_path)) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        await workers().run(load)
        call = caller.results.GetResults(REQUEST, timeout=10 if how == "deadline" else None)
        await until((tmp_path / BEGUN).exists)
        if how == "cancelled":
            call.cancel()
        with suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await call

        # The only process that computes results is free again.
        assert await workers().run(abs, -3) == 3


async def test_a_caller_who_leaves_stops_nothing_that_another_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_results, "looks_of_campaign", looks_when_told)
    async with running(tmp_path, analysis_folder=str(tmp_path)) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        leaves, waits = (caller.results.GetResults(REQUEST) for _ in range(2))
        await until((tmp_path / BEGUN).exists)

        leaves.cancel()
        await asyncio.sleep(0.5)
        (tmp_path / MAY_END).touch()

        assert (await waits).campaign == NAME


async def test_a_look_that_is_due_is_made_though_its_caller_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, analysis_folder=str(tmp_path)) as caller:
        await start(caller, planned())
        await live_until(caller, 1, day_of(1, each=20))
        caller.clock.ahead += DAY
        looks_before = await list_looks(caller)
        monkeypatch.setattr(campaign_results, "looks_of_campaign", looks_when_told)

        call = caller.results.GetResults(REQUEST)
        await until((tmp_path / BEGUN).exists)
        call.cancel()
        await asyncio.sleep(0.5)
        (tmp_path / MAY_END).touch()

        async def has_looks() -> bool:
            return bool(await list_looks(caller))

        while not await has_looks():
            await asyncio.sleep(0.1)

    assert looks_before == []


async def test_a_watcher_who_asked_for_it_is_told_how_far_a_long_report_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_results, "looks_of_campaign", looks_when_told)
    async with running(tmp_path, analysis_folder=str(tmp_path)) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        plain = caller.results.WatchResults(pb.WatchResultsRequest(name=NAME))
        watched = caller.results.WatchResults(pb.WatchResultsRequest(name=NAME, with_progress=True))
        heard = [await report(watched) for _ in range(2)]
        (tmp_path / MAY_END).touch()
        while (last := await report(watched)).HasField("progress"):
            heard.append(last)
        first_of_plain = await report(plain)
        watched.cancel()
        plain.cancel()

    first, second, *_ = [each.progress for each in heard]
    assert 0 < first.elapsed_s < second.elapsed_s
    assert 0 <= first.share <= second.share <= 1
    assert pb.Report(campaign=NAME, progress=first) == heard[0]
    assert last.display_name
    assert not first_of_plain.HasField("progress")

"""What stores events may end, by a mistake in the server: callers and operators hear of it."""

import asyncio
from collections.abc import Sequence

import pytest
from fairlift.engine.errors import Unavailable
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.ledger import EventOutcome

from tests.server.events.test_queue import BATCH, Disk


async def test_a_writer_that_ended_refuses_what_waits_and_what_comes_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given one batch at the disk and one that waits
    disk = Disk()

    async def end(events: Sequence[object]) -> list[EventOutcome]:
        await disk.store(events)
        raise asyncio.CancelledError

    ingest = Ingest(end, limit_events=50_000)
    reasons: list[str] = []
    ingest.on_end = reasons.append
    waiting = [asyncio.create_task(ingest.record(BATCH))]
    await disk.busy.wait()
    waiting.append(asyncio.create_task(ingest.record(BATCH)))
    await asyncio.sleep(0)

    # When the writer ends
    disk.free.set()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*waiting, return_exceptions=True)

    # Then every caller hears of it, and nothing waits for ever
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    with pytest.raises(Unavailable, match="restart the server"):
        await ingest.record(BATCH)
    assert ingest.waiting_events == 0
    assert len(reasons) == 1
    assert reasons[0] in caplog.text
    await ingest.close()


async def test_a_store_that_answers_too_little_ends_the_writer_with_its_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def forget(_events: Sequence[object]) -> list[EventOutcome]:
        return []

    ingest = Ingest(forget, limit_events=50_000)
    with pytest.raises(Unavailable, match="restart the server"):
        async with asyncio.timeout(5):
            await ingest.record(BATCH)

    assert "Traceback" in caplog.text
    await ingest.close()

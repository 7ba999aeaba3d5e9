"""The queue before the disk: what it refuses, asked before a batch is read."""

import asyncio
from collections.abc import Sequence

import pytest
from fairlift.engine.errors import Overloaded
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.ledger import ActionEntry, Event, EventOutcome

BATCH = [Event(bytes(16), bytes(8), ActionEntry(bytes(16), 0, 0, "v", "add_to_cart", None))] * 100


class Disk:
    """Takes one group at a time, and each as long as the test wants."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.busy = asyncio.Event()

    async def store(self, events: Sequence[object]) -> list[EventOutcome]:
        self.busy.set()
        await self.free.wait()
        return ["accepted"] * len(events)


async def test_a_full_queue_has_no_room() -> None:
    disk = Disk()
    ingest = Ingest(disk.store, limit_events=250)
    waiting, rooms = [], []
    for _ in range(3):  # the third begins within the limit: its size is not known before it is read
        rooms.append(ingest.has_room)
        waiting.append(asyncio.create_task(ingest.record(BATCH)))
        await asyncio.sleep(0)

    rooms.append(ingest.has_room)
    with pytest.raises(Overloaded, match="300 events already wait for the disk"):
        await ingest.record(BATCH)
    disk.free.set()
    assert await asyncio.gather(*waiting) == [["accepted"] * 100] * 3
    rooms.append(ingest.has_room)
    assert rooms == [True, True, True, False, True]
    await ingest.close()


async def test_a_slow_disk_is_overload_before_the_queue_is_full() -> None:
    # Given a disk that takes its time for one batch while the next one waits
    disk = Disk()
    seconds = [0.0]
    ingest = Ingest(disk.store, limit_events=50_000, now=lambda: seconds[0])
    waiting = [asyncio.create_task(ingest.record(BATCH))]
    await disk.busy.wait()
    waiting.append(asyncio.create_task(ingest.record(BATCH)))
    await asyncio.sleep(0)

    # When it has waited for two seconds
    seconds[0] = 1.9
    before = ingest.has_room
    seconds[0] = 2.0

    # Then no more are taken until the disk has
    assert (before, ingest.has_room) == (True, False)
    disk.free.set()
    await asyncio.gather(*waiting)
    assert ingest.has_room
    await ingest.close()

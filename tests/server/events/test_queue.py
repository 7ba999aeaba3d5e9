"""The queue before the disk: what it refuses, asked before a batch is read."""

import asyncio
import sys
import threading
from collections.abc import Sequence

import pytest
from fairlift.engine.errors import Overloaded, Unavailable
from fairlift_server.events.commit_time import CommitTime
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


async def test_the_longest_wait_is_asked_from_other_threads() -> None:
    """Those that count; the queue may empty between any two of their steps."""
    disk = Disk()
    disk.free.set()
    ingest = Ingest(disk.store, limit_events=50_000)
    has_ended = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        while not has_ended.is_set():
            waits.append(ingest.longest_wait_s)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        asking = asyncio.create_task(asyncio.to_thread(ask))
        for _ in range(3_000):
            await ingest.record(BATCH[:1])
    finally:
        has_ended.set()
        sys.setswitchinterval(interval)
    await asking
    await ingest.close()
    assert ingest.longest_wait_s == 0
    assert min(waits) >= 0


class TimedDisk:
    """Takes 10 ms for a commit and 0.1 ms for an event, by the test's own clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.fails = False
        self.next: asyncio.Event | None = None

    def clock(self) -> float:
        return self.now_s

    async def store(self, events: Sequence[object]) -> list[EventOutcome]:
        if self.next is not None:
            await self.next.wait()
        if self.fails:
            self.now_s += 30
            raise OSError("no answer")
        self.now_s += 0.01 + 0.0001 * len(events)
        return ["accepted"] * len(events)


async def expected_s(ingest: Ingest, disk: TimedDisk, batches: int) -> float:
    """For so many batches that wait; they are stored in the end."""
    disk.next = asyncio.Event()
    waiting = [asyncio.create_task(ingest.record(BATCH)) for _ in range(batches)]
    await asyncio.sleep(0)
    wait_s = ingest.expected_wait_s
    disk.next.set()
    await asyncio.gather(*waiting)
    disk.next = None
    return wait_s


async def test_one_small_commit_does_not_make_a_crowd_of_events_look_slow() -> None:
    disk = TimedDisk()
    ingest = Ingest(disk.store, limit_events=50_000, now=disk.clock)
    assert await expected_s(ingest, disk, 1) == 0.0  # nothing was measured
    await ingest.close()
    ingest = Ingest(disk.store, limit_events=50_000, now=disk.clock)
    await ingest.record(BATCH[:1])

    # 1,000 events in one commit take 0.11 s; from one commit alone it is known that it took 10 ms.
    assert await expected_s(ingest, disk, 10) == pytest.approx(0.0101)
    await ingest.close()


async def test_the_wait_is_a_part_for_each_commit_and_one_for_each_event() -> None:
    disk = TimedDisk()
    ingest = Ingest(disk.store, limit_events=90_000, now=disk.clock)
    for size in (1, 40, 100, 7):
        await ingest.record(BATCH[:size])

    assert await expected_s(ingest, disk, 10) == pytest.approx(0.01 + 0.1)
    # Two and a half groups of 10,000 are three commits.
    assert await expected_s(ingest, disk, 250) == pytest.approx(3 * 0.01 + 2.5)
    await ingest.close()


async def test_a_commit_that_failed_says_nothing_of_the_next_ones() -> None:
    disk = TimedDisk()
    ingest = Ingest(disk.store, limit_events=50_000, now=disk.clock)
    await ingest.record(BATCH)
    disk.fails = True
    with pytest.raises(Unavailable):
        await ingest.record(BATCH)
    disk.fails = False

    assert await expected_s(ingest, disk, 1) == pytest.approx(0.02)
    await ingest.close()


@pytest.mark.parametrize(
    ("measured", "one_event_s", "ten_thousand_s"),
    [
        # By chance the larger one was quicker: both took the mean.
        ([(1, 0.03), (100, 0.01)], 0.02, 0.02),
        # A line that begins below zero: in proportion, which least squares puts at
        # (100 x 0.01 + 1,000 x 1.0) / (100^2 + 1,000^2) for each event.
        ([(100, 0.01), (1_000, 1.0)], 1_001 / 1_010_000, 10_010_000 / 1_010_000),
    ],
)
def test_chance_makes_no_time_negative(
    measured: list[tuple[int, float]], one_event_s: float, ten_thousand_s: float
) -> None:
    times = CommitTime()
    for events, seconds in measured:
        times.add(events, seconds)

    assert times.expected_s(1, 1) == pytest.approx(one_event_s)
    assert times.expected_s(1, 10_000) == pytest.approx(ten_thousand_s)


def test_an_old_disk_is_forgotten() -> None:
    times = CommitTime()
    for number in range(100):
        times.add(10, 9.0 if number < 60 else 0.01)

    assert times.expected_s(1, 10) == pytest.approx(0.01)

"""Events while the database is away: acknowledged by the journal, stored later, once, in order."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fairlift.engine.errors import Overloaded, Unavailable
from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journal_records import ReadEvent
from fairlift_server.events.journaled_store import JournaledStore, JournalPace
from fairlift_server.events.ledger import EventOutcome, RefusalReason, RefusedEvent

from tests.server.events.test_journal_records import exposures

PACE = JournalPace(patience_s=0.2, first_pause_s=0.001)
GONE = Unavailable("the database is restarting", retry_after_s=1)
BUSY = Overloaded("the database cannot write now: database is locked")


class Database:
    """Stores events by their ids, as the ledger does; it can go away, and be slow."""

    def __init__(self) -> None:
        self.stored: list[ReadEvent] = []
        self.failure: Exception | None = None
        self.delay_s = 0.0
        self.refuses: Callable[[ReadEvent], bool] = lambda _event: False

    async def store(self, events: Sequence[ReadEvent]) -> list[EventOutcome]:
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        return [self._outcome(event) for event in events]

    def _outcome(self, event: ReadEvent) -> EventOutcome:
        if event in self.stored:
            return "duplicate"
        if self.refuses(event):
            return RefusedEvent(RefusalReason.CONFLICT, "the id has another content")
        self.stored.append(event)
        return "accepted"


@asynccontextmanager
async def journaled(
    database: Database,
    folder: Path,
    *,
    limit_bytes: int = MIB,
    grace_s: float = 5.0,
    on_journaled: Callable[[], None] = lambda: None,
) -> AsyncIterator[JournaledStore]:
    journal = Journal(folder, limit_bytes=limit_bytes, file_bytes=3_000)
    store = JournaledStore(database.store, journal, pace=PACE, on_journaled=on_journaled)
    try:
        yield store
    finally:
        await store.close(grace_s=grace_s)


async def until_drained(store: JournaledStore) -> None:
    async with asyncio.timeout(10):
        while store.state.events:
            await asyncio.sleep(0.001)


def fields_of(caplog: pytest.LogCaptureFixture, message: str) -> dict[str, object]:
    (line,) = (record for record in caplog.records if record.getMessage() == message)
    fields: dict[str, object] = line.fields  # type: ignore[attr-defined]  # of our log lines
    return fields


async def test_while_the_database_is_there_the_journal_is_not_used(tmp_path: Path) -> None:
    database, events = Database(), exposures(3)
    async with journaled(database, tmp_path) as store:
        assert await store.store(events) == ["accepted"] * 3
        assert await store.store(events) == ["duplicate"] * 3
        assert list(tmp_path.glob("*.journal")) == []


@pytest.mark.parametrize("failure", [GONE, BUSY])
async def test_events_drain_in_order_and_once(tmp_path: Path, failure: Exception) -> None:
    # Given events that came before, while and after the database is away
    database, events, late = Database(), exposures(100), list[None]()
    async with journaled(database, tmp_path, on_journaled=lambda: late.append(None)) as store:
        outcomes = await store.store(events[:10])
        database.failure = failure
        for start in range(10, 60, 5):
            outcomes += await store.store(events[start : start + 5])
        outcomes += await store.store(events[10:15])  # a caller that got no answer
        assert (store.state.events, len(database.stored), len(late)) == (55, 10, 11)
        database.failure = None
        for start in range(60, 100, 5):
            outcomes += await store.store(events[start : start + 5])
        await until_drained(store)

        # Then all of them are acknowledged, and stored in the order in which they came
        assert set(outcomes) == {"accepted"}
        assert database.stored == events
        # And the database is asked itself again
        assert await store.store(events[:1]) == ["duplicate"]


async def test_a_slow_database_delays_no_caller(tmp_path: Path) -> None:
    database, events = Database(), exposures(30)
    async with journaled(database, tmp_path) as store:
        database.delay_s = 0.5
        async with asyncio.timeout(0.45):
            assert await store.store(events[:10]) == ["accepted"] * 10
            assert await store.store(events[10:]) == ["accepted"] * 20
        # What was written late is a duplicate when it drains.
        await until_drained(store)
        assert database.stored == events


async def test_an_error_of_the_server_itself_is_not_hidden(tmp_path: Path) -> None:
    database = Database()
    async with journaled(database, tmp_path) as store:
        database.failure = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await store.store(exposures(1))
        assert store.state.events == 0


async def test_a_full_journal_sends_callers_away(tmp_path: Path) -> None:
    database, events = Database(), exposures(200)
    async with journaled(database, tmp_path, limit_bytes=36_000) as store:
        database.failure = GONE
        await store.store(events[:50])
        with pytest.raises(Overloaded) as refused:
            await store.store(events[50:])
        assert refused.value.retry_after_s >= 1
        assert await store.can_take()  # smaller batches
        database.failure = None
        await until_drained(store)
        assert await store.store(events[50:]) == ["accepted"] * 150
        assert database.stored == events


async def test_until_a_full_journal_has_drained_no_event_would_be_stored(tmp_path: Path) -> None:
    """Also while the database is there again: it takes what waits first."""
    database = Database()
    async with journaled(database, tmp_path, limit_bytes=2_000) as store:
        await store.check()
        database.failure = GONE
        await store.store(exposures(1))
        await store.check()
        while store.state.size_bytes < 1_000:
            await store.store(exposures(1))
        with pytest.raises(Overloaded, match="the journal has reached"):
            await store.check()
        database.failure = None
        await until_drained(store)
        await store.check()


async def test_the_stop_says_what_stays_and_the_next_start_drains_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, events = Database(), exposures(40)
    async with journaled(database, tmp_path) as store:
        database.failure = GONE
        await store.store(events[:30])
        await asyncio.sleep(0.02)  # the database was tried
    stays = fields_of(caplog, "events stay in the journal until the next start")
    assert (stays["events"], database.stored) == (30, [])

    database.failure = None
    async with journaled(database, tmp_path) as store:
        assert await store.store(events[30:]) == ["accepted"] * 10
        await until_drained(store)
    assert database.stored == events
    assert fields_of(caplog, "the journal of an earlier start is drained")["events"] == 30
    assert fields_of(caplog, "the journal is drained")["accepted"] == 40


async def test_a_stop_drains_what_it_can(tmp_path: Path) -> None:
    database, events = Database(), exposures(40)
    async with journaled(database, tmp_path) as store:
        database.failure = GONE
        await store.store(events)
        database.failure = None
        await until_drained(store)
        database.delay_s = 0.3
        await store.store(exposures(60)[40:])
    assert len(database.stored) == 60


async def test_what_the_ledger_refuses_later_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, events = Database(), exposures(20)
    database.refuses = lambda event: event in (events[3], events[17])
    async with journaled(database, tmp_path) as store:
        database.failure = BUSY
        assert await store.store(events) == ["accepted"] * 20
        database.failure = None
        await until_drained(store)

    refused = [
        json.loads(line)
        for path in sorted(tmp_path.glob("*.refused"))
        for line in path.read_text().splitlines()
    ]
    assert [line["event_id"] for line in refused] == [
        events[3].event_id.hex(),
        events[17].event_id.hex(),
    ]
    assert {line["reason"] for line in refused} == {"conflict"}
    assert fields_of(caplog, "the journal is drained")["refused"] == 2
    assert len(database.stored) == 18
    errors = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert any(line.getMessage() == "events of the journal were refused" for line in errors)


async def test_damage_is_logged_and_the_others_are_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, events = Database(), exposures(8)
    async with journaled(database, tmp_path) as store:
        database.failure = GONE
        await store.store(events)
        await asyncio.sleep(0.02)
    (path,) = tmp_path.glob("*.journal")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    database.failure = None
    async with journaled(database, tmp_path) as store:
        await until_drained(store)
    assert len(database.stored) == 7
    assert fields_of(caplog, "the journal is damaged")["lost_events"] == 1
    assert path.with_suffix(".damaged").exists()


async def test_a_database_that_comes_and_goes_loses_nothing(tmp_path: Path) -> None:
    # Given a database that fails at random, is slow at random, and stores and then fails at random
    database, events, chance = Database(), exposures(600), random.Random(3)
    sent = database.store

    async def unsteady(group: Sequence[ReadEvent]) -> list[EventOutcome]:
        database.failure = chance.choice([None, None, GONE, BUSY])
        database.delay_s = chance.choice([0, 0, 0, 0.25])
        outcomes = await sent(group)
        if chance.random() < 0.3:
            raise GONE  # committed, and the answer was lost
        return outcomes

    database.store = unsteady  # type: ignore[method-assign,assignment]  # a fault
    # When a server over it ends and starts again and again
    for start in range(0, 600, 60):
        async with journaled(database, tmp_path, grace_s=0) as store:
            for first in range(start, start + 60, 4):
                assert len(await store.store(events[first : first + 4])) == 4
                await asyncio.sleep(chance.uniform(0, 0.01))
    database.store = sent  # type: ignore[method-assign]
    database.failure, database.delay_s = None, 0
    async with journaled(database, tmp_path) as store:
        await until_drained(store)

    # Then every acknowledged event is there once, in order
    assert database.stored == events

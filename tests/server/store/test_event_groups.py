"""An event that the server fails to store costs the others nothing, and is named."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fairlift.engine.errors import Overloaded
from fairlift_server.events.ingest import Ingest
from fairlift_server.events.ledger import ActionEntry, Event, EventOutcome, RefusedEvent
from fairlift_server.events.parking import ParkingLimits
from fairlift_server.store import tables
from fairlift_server.store.database import Store
from fairlift_server.store.event_groups import store_group
from fairlift_server.store.events import store_events
from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError

from tests.databases import database_in

POISON = "poison"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(database_in(tmp_path))
    store.migrate()
    yield store
    store.close()


def action(number: int, unit: str) -> Event:
    event_id = number.to_bytes(16)
    return Event(event_id, event_id[:8], ActionEntry(event_id, 1, 1, unit, "view", None))


class Failing:
    """The ledger, with a fault: it cannot store what some units do."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.attempts = 0

    def __call__(
        self, connection: Connection, events: Sequence[Event], currency: str
    ) -> list[EventOutcome]:
        self.attempts += 1
        outcomes = store_events(connection, events, currency)
        if any(getattr(event.entry, "unit", "") == POISON for event in events):
            raise self.error
        return outcomes


def grouped(store: Store, events: Sequence[Event], failing: Failing) -> list[EventOutcome]:
    return store.write_now(
        lambda t: store_group(t, events, "EUR", ParkingLimits(9, 9), store=failing)
    )


def units(store: Store) -> list[str]:
    return list(store.read_now(lambda t: t.execute(select(tables.actions.c.unit)).scalars()))


def test_the_culprit_is_refused_by_name_and_the_others_are_stored(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(OverflowError("int too large"))
    events = [action(number, POISON if number == 700 else f"v{number}") for number in range(1_000)]

    outcomes = grouped(store, events, failing)

    culprit = outcomes.pop(700)
    assert isinstance(culprit, RefusedEvent)
    assert culprit.is_retryable
    assert "OverflowError" in culprit.message
    assert outcomes == ["accepted"] * 999
    assert sorted(units(store)) == sorted(f"v{n}" for n in range(1_000) if n != 700)
    assert failing.attempts <= 21  # two for each of ten halvings, and the first
    (record,) = caplog.records
    assert record.fields["event_id"] == (700).to_bytes(16).hex()  # type: ignore[attr-defined]  # ours


def test_a_culprit_may_come_again_when_the_fault_is_mended(store: Store) -> None:
    events = [action(1, POISON), action(2, "v")]

    grouped(store, events, Failing(ValueError("a fault")))
    outcomes = store.write_now(lambda t: store_group(t, events, "EUR", ParkingLimits(9, 9)))

    assert outcomes == ["accepted", "duplicate"]


def test_many_culprits_are_all_found(store: Store) -> None:
    events = [action(number, POISON if number % 3 else f"v{number}") for number in range(30)]

    outcomes = grouped(store, events, Failing(ValueError("a fault")))

    assert [isinstance(o, RefusedEvent) for o in outcomes] == [n % 3 > 0 for n in range(30)]
    assert len(units(store)) == 10


def test_a_fault_of_the_database_blames_no_event(store: Store) -> None:
    broken = DatabaseError("INSERT", None, Exception("database disk image is malformed"))

    with pytest.raises((DatabaseError, Overloaded)):
        grouped(store, [action(1, POISON), action(2, "v")], Failing(broken))

    assert units(store) == []


async def test_a_caller_who_repeats_the_culprit_fails_no_call_of_others(store: Store) -> None:
    failing = Failing(OverflowError("int too large"))
    ingest = Ingest(
        lambda events: store.write(
            lambda t: store_group(t, events, "EUR", ParkingLimits(9, 9), store=failing)
        ),
        limit_events=50_000,
    )

    async def calls(caller: int, unit: str) -> list[EventOutcome]:
        outcomes: list[EventOutcome] = []
        for number in range(20):
            outcomes += await ingest.record([action(caller * 1_000 + number, unit)])
        return outcomes

    async with asyncio.TaskGroup() as group:
        poisoner = group.create_task(calls(0, POISON))
        others = [group.create_task(calls(caller, f"v{caller}")) for caller in range(1, 7)]
    await ingest.close()

    assert all(isinstance(outcome, RefusedEvent) for outcome in poisoner.result())
    assert [task.result() for task in others] == [["accepted"] * 20] * 6


@pytest.mark.parametrize("is_last", [True, False])
def test_what_a_group_gives_back_is_its_own(store: Store, is_last: bool) -> None:
    """A transaction may hold several groups, as an import tries them out."""

    def two_groups(transaction: Connection) -> list[list[EventOutcome]]:
        limits = ParkingLimits(9, 9)
        first = store_group(transaction, [action(1, "a")], "EUR", limits)
        failing = Failing(ValueError("a fault"))
        events = [action(2, POISON), action(3, "b"), action(4, POISON), action(1, "a")]
        return [
            first,
            store_group(transaction, events, "EUR", limits, store=failing, is_last=is_last),
        ]

    first, second = store.write_now(two_groups)

    assert first == ["accepted"]
    assert [isinstance(each, RefusedEvent) for each in second] == [True, False, True, False]
    assert (second[1], second[3]) == ("accepted", "duplicate")
    assert sorted(units(store)) == ["a", "b"]


def test_some_of_many_events_that_were_seen_before_are_told_from_the_new_ones(
    store: Store,
) -> None:
    def stored(events: Sequence[Event]) -> list[EventOutcome]:
        return store.write_now(lambda t: store_group(t, events, "EUR", ParkingLimits(9, 9)))

    stored([action(number, f"v{number}") for number in range(0, 200, 2)])
    changed = action(0, "v0")._replace(digest=b"another!")

    outcomes = stored([changed, *[action(number, f"v{number}") for number in range(1, 200)]])

    conflict, *others = outcomes
    assert isinstance(conflict, RefusedEvent)
    assert others == ["accepted" if number % 2 else "duplicate" for number in range(1, 200)]
    # All of them once more, in another order, each of them twice.
    again = [action(number, f"v{number}") for number in reversed(range(200))]
    assert stored([*again, *again]) == ["duplicate"] * 400
    assert sorted(units(store)) == sorted(f"v{number}" for number in range(200))

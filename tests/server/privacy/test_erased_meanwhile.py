"""Events that were read before somebody was erased, and are stored after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift_server.events.ledger import (
    ActionEntry,
    Event,
    EventOutcome,
    IdentityEntry,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import ParkingLimits, WaitingEvent
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store.database import Store
from fairlift_server.store.erased_units import ErasedUnits
from fairlift_server.store.erasure import Erasure, Request, erase
from fairlift_server.store.event_groups import judge_again, store_group
from fairlift_server.store.history import Author
from fairlift_server.store.person_rows import PersonRows, person_rows

from tests.databases import database_in
from tests.server.privacy.stored import EVENT

IDS = UnitIds(bytes(32), salt=b"salt")
WAITS = RefusedEvent(RefusalReason.IN_THE_FUTURE, "is early", "event_time", waits_for="clock")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(database_in(tmp_path))
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def erased() -> ErasedUnits:
    return ErasedUnits(IDS)


def action(number: int, unit: str) -> Event:
    event_id = number.to_bytes(16)
    return Event(event_id, event_id[:8], ActionEntry(event_id, 1, 1, unit, "view", None))


def link(number: int, visitor: str, customer: str) -> Event:
    event_id = number.to_bytes(16)
    return Event(event_id, event_id[:8], IdentityEntry(event_id, 1, 1, visitor, customer))


def stored(store: Store, erased: ErasedUnits, *events: Event | WaitingEvent) -> list[EventOutcome]:
    limits = ParkingLimits(99, 99)
    return store.write_now(lambda t: store_group(t, events, "EUR", limits, erased=erased))


def gone(store: Store, unit: str, found: PersonRows | None = None) -> Erasure:
    return store.write_now(lambda t: erase(t, [unit], IDS, None, Request(1, Author()), known=found))


def units(store: Store) -> list[str]:
    query = f"SELECT unit FROM actions WHERE {EVENT} ORDER BY id"
    return list(store.read_now(lambda t: t.exec_driver_sql(query).scalars()))


def reasons(outcomes: list[EventOutcome]) -> list[object]:
    return [o.reason if isinstance(o, RefusedEvent) else o for o in outcomes]


def test_a_group_that_was_read_before_is_refused_but_for_others(
    store: Store, erased: ErasedUnits
) -> None:
    group = [action(1, "a"), action(2, "b"), link(3, "x", "a"), action(4, "c")]
    gone(store, "a")

    outcomes = stored(store, erased, *group)

    assert reasons(outcomes) == [
        RefusalReason.ERASED,
        "accepted",
        RefusalReason.ERASED,
        "accepted",
    ]
    assert units(store) == ["b", "c"]


def test_a_waiting_event_that_was_read_before_is_not_counted(
    store: Store, erased: ErasedUnits
) -> None:
    early = [WaitingEvent.of(action(1, "a"), WAITS), WaitingEvent.of(action(2, "b"), WAITS)]
    stored(store, erased, *early)
    judged: list[tuple[bytes, Event | RefusedEvent]] = [
        (event.event_id, event) for event in (action(1, "a"), action(2, "b"))
    ]
    assert gone(store, "a").counts["parked_events"] == 1

    outcomes = store.write_now(lambda t: judge_again(t, judged, "EUR", erased))

    assert outcomes == ["accepted"]
    assert units(store) == ["b"]
    assert (
        store.read_now(lambda t: t.exec_driver_sql("SELECT count(*) FROM seen_events").scalar_one())
        == 1
    )


def test_what_came_between_the_search_and_the_erasure_goes_too(
    store: Store, erased: ErasedUnits
) -> None:
    stored(store, erased, action(1, "a"), action(2, "b"))
    found = store.read_now(lambda t: person_rows(t, ["a"]))
    stored(store, erased, action(3, "a"), action(4, "b"))

    erasure = gone(store, "a", found)

    assert (erasure.events, units(store)) == (2, ["b", "b"])


def test_a_link_that_came_between_extends_the_person(store: Store, erased: ErasedUnits) -> None:
    stored(store, erased, action(1, "a"), action(2, "b"), action(3, "c"))
    found = store.read_now(lambda t: person_rows(t, ["a"]))
    stored(store, erased, link(4, "b", "a"))

    erasure = gone(store, "a", found)

    assert (erasure.ids, erasure.events, units(store)) == (2, 3, ["c"])


def test_tombstones_of_another_server_are_seen_in_the_next_group(
    store: Store, erased: ErasedUnits
) -> None:
    assert stored(store, erased, action(1, "a")) == ["accepted"]
    gone(store, "a")
    assert reasons(stored(store, erased, action(2, "a"))) == [RefusalReason.ERASED]
    gone(store, "b")
    assert reasons(stored(store, erased, action(3, "b"))) == [RefusalReason.ERASED]
    assert reasons(stored(store, ErasedUnits(IDS), action(4, "b"))) == [RefusalReason.ERASED]

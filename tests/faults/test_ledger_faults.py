"""Faults on both databases, in short; `make faults FAULT=SQLite:` runs them at length."""

import pytest

from tests.faults import (
    damaged_journal,
    database_away,
    killed_commands,
    killed_while_erasing,
    loaded_servers,
    same_events,
)
from tests.faults.ledgers import LEDGERS, Counts, OpenLedger, postgres_ledger, sqlite_ledger

_HARM = ("lost", "doubled", "wrong", "half", "early", "resurrected", "not assigned")


def harm(counts: Counts) -> dict[str, float]:
    return {name: counts[name] for name in _HARM if counts.get(name)}


@pytest.fixture(params=LEDGERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_ledger(name: str) -> OpenLedger:
    return LEDGERS[name]


@pytest.fixture
def servers(name: str) -> int:
    return 1 if name == "SQLite" else 2


@pytest.mark.slow
def test_killed_servers_lose_and_double_nothing(open_ledger: OpenLedger, servers: int) -> None:
    counts = loaded_servers.killed_servers(open_ledger=open_ledger, servers=servers, kills=3)

    assert harm(counts) == {}
    assert counts["acknowledged"] > 0


@pytest.mark.slow
def test_every_event_is_acknowledged_while_the_database_is_away(open_ledger: OpenLedger) -> None:
    counts = database_away.away_for(4, open_ledger=open_ledger)

    assert harm(counts) == {}
    assert counts["refused"] == 0
    assert counts["while away"] > 0


@pytest.mark.slow
def test_kills_lose_no_event_of_the_journal(open_ledger: OpenLedger) -> None:
    counts = database_away.run(kills=2, open_ledger=open_ledger)

    assert harm(counts) == {}
    assert counts["of them draining"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damaged_journal.cut_off, damaged_journal.flipped])
def test_a_damaged_journal_loses_what_was_hit_alone(
    open_ledger: OpenLedger, damage: damaged_journal.Damage
) -> None:
    counts = damaged_journal.run(damage, open_ledger=open_ledger, rounds=3)

    assert harm(counts) == {}
    assert counts["touched"] > 0


@pytest.mark.slow
def test_events_that_are_sent_a_hundred_times_count_once(
    open_ledger: OpenLedger, servers: int
) -> None:
    counts = same_events.repeated(open_ledger=open_ledger, servers=servers, times=100)

    assert harm(counts) == {}


@pytest.mark.slow
def test_orders_that_are_amended_at_once_are_right(open_ledger: OpenLedger, servers: int) -> None:
    counts = same_events.amended_at_once(open_ledger=open_ledger, servers=servers, rounds=4)

    assert harm(counts) == {}


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_erases_leaves_all_or_nothing(
    open_ledger: OpenLedger,
) -> None:
    counts = killed_while_erasing.run(rounds=3, open_ledger=open_ledger)

    assert counts["erased"] + counts["kept"] == 3
    assert harm(counts) == {}


@pytest.mark.slow
def test_killed_commands_leave_nothing_half_done(open_ledger: OpenLedger) -> None:
    for counts in (
        killed_commands.killed_imports(open_ledger=open_ledger, kills=3, orders=6_000),
        killed_commands.killed_exports(open_ledger=open_ledger, kills=3, events=8_000),
        killed_commands.killed_migrations(open_ledger=open_ledger, kills=3),
    ):
        assert harm(counts) == {}
        assert min(counts["kills"], counts.get("amid", 1)) > 0


@pytest.mark.slow
def test_a_file_that_others_lock_and_a_full_disk_lose_nothing() -> None:
    locked = loaded_servers.locked_file(lock_s=0.5, free_s=0.2, times=4)

    assert harm(locked) == {}
    assert locked["assigned"] > 0


@pytest.mark.slow
def test_killed_moves_lose_nothing() -> None:
    counts = killed_commands.killed_moves(
        open_old=sqlite_ledger, open_new=postgres_ledger, kills=3, events=60_000
    )

    assert harm(counts) == {}
    assert counts["kills"] > 0

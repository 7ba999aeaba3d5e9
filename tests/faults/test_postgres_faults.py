"""Faults of servers on PostgreSQL, in short; `make faults FAULT=PostgreSQL` runs them at length."""

import pytest

from tests.faults import postgres_faults as faults


def harmless(counts: faults.Counts) -> bool:
    return counts["acknowledged"] > 0 and not any(
        counts[harm] for harm in ("lost", "doubled", "wrong")
    )


@pytest.mark.slow
def test_a_killed_server_loses_and_doubles_nothing() -> None:
    assert harmless(faults.killed_servers(servers=2, kills=3))


@pytest.mark.slow
def test_a_killed_postgres_loses_nothing_and_assignments_go_on() -> None:
    counts = faults.killed_postgres(kills=3)

    assert harmless(counts)
    assert counts["assigned"] > 0
    assert counts["not assigned"] == 0


@pytest.mark.slow
def test_a_promoted_copy_is_found() -> None:
    counts = faults.failover()

    assert harmless(counts)
    assert counts["not assigned"] == 0


@pytest.mark.slow
def test_orders_that_two_servers_amend_at_once_are_right() -> None:
    counts = faults.amended_at_once(rounds=4)

    assert counts["wrong"] == 0

"""Faults of servers on PostgreSQL, in short; `make faults FAULT=PostgreSQL` runs them at length."""

import pytest

from tests.faults import postgres_faults as faults
from tests.faults.ledgers import Counts


def harmless(counts: Counts) -> bool:
    return counts["acknowledged"] > 0 and not any(
        counts[harm] for harm in ("lost", "doubled", "wrong")
    )


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

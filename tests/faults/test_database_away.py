"""The short forms of a database that is away; `make faults` has the long ones."""

import pytest

from tests.faults import database_away, postgres_journal


@pytest.mark.slow
def test_no_acknowledged_event_is_lost_or_doubled_by_kills() -> None:
    counts = database_away.run(kills=2)
    assert (counts["lost"], counts["doubled"]) == (0, 0)
    assert counts["acknowledged"] > 0
    assert counts["of them draining"] > 0


@pytest.mark.slow
def test_every_event_is_acknowledged_while_the_database_is_away() -> None:
    counts = database_away.away_for(4)
    assert (counts["refused"], counts["lost"], counts["doubled"], counts["wrong"]) == (0, 0, 0, 0)
    assert counts["while away"] > 0


@pytest.mark.slow
def test_the_journal_bridges_a_killed_postgres() -> None:
    counts = postgres_journal.postgres_away(seconds=3)
    assert (counts["refused"], counts["lost"], counts["doubled"]) == (0, 0, 0)
    assert counts["while away"] > 0

"""A computation says how far it is, and ends when its answer is not wanted any more."""

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest
from fairlift_server.analysis.duckdb_engine import bounded_connection
from fairlift_server.analysis.job_control import JobControl, JobStopped
from fairlift_server.analysis.ledger_source import LedgerSource

from tests.server.slow_queries import NEVER_ENDS

SOURCE = LedgerSource(":memory:")


def steps(control: JobControl, number: int) -> None:
    control.begin_round(number)
    for _ in range(number):
        control.end_step()


def test_the_share_grows_from_step_to_step_to_one() -> None:
    told: list[float] = []
    steps(JobControl(told.append), 4)

    assert told == [0.25, 0.5, 0.75, 1.0]


def test_rounds_that_are_expected_have_their_part_of_the_share() -> None:
    told: list[float] = []
    control = JobControl(told.append)
    control.expect_rounds(2)
    steps(control, 2)
    steps(control, 4)

    assert told == [0.25, 0.5, 0.625, 0.75, 0.875, 1.0]


def test_the_share_never_falls_when_more_is_asked_than_was_expected() -> None:
    told: list[float] = []
    control = JobControl(told.append)
    steps(control, 2)
    steps(control, 2)

    assert told == [0.5, 1.0, 1.0, 1.0]


def test_a_computation_that_is_not_wanted_ends_at_its_next_step() -> None:
    is_stopped = False
    control = JobControl(is_stopped=lambda: is_stopped)
    control.begin_round(2)
    control.end_step()
    is_stopped = True

    with pytest.raises(JobStopped):
        control.end_step()


def test_a_statement_that_would_take_for_ever_is_interrupted() -> None:
    stops: Iterator[bool] = iter([False, False])
    control = JobControl(is_stopped=lambda: next(stops, True))

    with closing(bounded_connection(SOURCE)) as connection:
        with pytest.raises(JobStopped), control.stopping(connection.interrupt):
            connection.execute(NEVER_ENDS)

        # The connection is as good as before.
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_failure_of_the_engine_stays_what_it_is() -> None:
    control = JobControl()

    with (
        closing(bounded_connection(SOURCE)) as connection,
        pytest.raises(duckdb.CatalogException),
        control.stopping(connection.interrupt),
    ):
        connection.execute("SELECT * FROM no_such_table")

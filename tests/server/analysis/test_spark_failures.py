"""Spark is interrupted when nobody waits, and says whose fault a failure is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.analysis.job_control import JobControl, JobStopped
from fairlift_server.analysis.spark_session import failures_in_words, spark_session
from fairlift_server.analysis.spark_tables import small_table

from tests.spark_cluster import configured, missing_for_spark

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(300)]
# 10^15 pairs of rows: years of work.
NEVER_ENDS = """
    SELECT sum(hash(a.id, b.id)) FROM range(100000000) AS a CROSS JOIN range(10000000) AS b
"""
MASTER = "local[1]"


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path) -> Iterator[None]:
    if reason := missing_for_spark():
        pytest.skip(reason)
    with configured(tmp_path):
        yield


def test_a_statement_that_would_take_for_ever_is_interrupted() -> None:
    stops = iter([False] * 20)
    control = JobControl(is_stopped=lambda: next(stops, True))

    with spark_session(MASTER) as session:
        with (
            pytest.raises(JobStopped),
            control.stopping(session.interruptAll),
            failures_in_words(MASTER),
        ):
            session.sql(NEVER_ENDS).collect()

        assert [tuple(row) for row in session.sql("SELECT 1").collect()] == [(1,)]


@pytest.mark.parametrize("kind", ["DOUBLE", "TIMESTAMP", "BIGINT"])
def test_a_value_that_does_not_fit_is_no_failure_of_the_cluster(kind: str) -> None:
    query = f"SELECT CAST(if(id = 2, 'abc', '1') AS {kind}) AS x FROM range(3)"

    with (
        pytest.raises(WrongState, match=r"cannot answer: .*CAST_INVALID_INPUT"),
        spark_session(MASTER) as session,
    ):
        session.sql(query).collect()


def test_small_tables_need_no_python_on_the_executors() -> None:
    """`configured` names a Python that is not there."""
    columns = {"a": "int64", "b": "string", "c": "binary", "d": "float64", "e": "boolean"}
    rows = [(2**62, "x", b"\x00", 1.5, True), (None,) * 5]

    with spark_session(MASTER) as session:
        read = small_table(session, columns, rows).collect()
        empty = small_table(session, columns, [])

        assert [tuple(row) for row in read] == rows
        assert not empty.collect()
        assert empty.schema == small_table(session, columns, rows).schema

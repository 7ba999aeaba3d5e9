"""What Spark needs and is not there: said at once, in words, without the token of a URL."""

import socket
import time
from typing import Any

import pytest
from fairlift.engine.errors import Unavailable, WrongState
from fairlift_server.analysis.duckdb_tables import shop_connection
from fairlift_server.analysis.spark_session import failures_in_words, spark_session
from fairlift_server.analysis.spark_tables import open_spark_shop
from fairlift_server.analysis.table_views import OwnTables

pytest.importorskip("pyspark")


def unused_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize("is_port", [True, False])
def test_a_server_that_is_not_there_is_said_at_once(*, is_port: bool) -> None:
    """Spark's own client would try for ten minutes."""
    port = str(unused_port()) if is_port else "none"
    began = time.monotonic()

    with (
        pytest.raises(Unavailable, match=r"cannot be reached: .*; nothing was written") as refused,
        spark_session(f"sc://127.0.0.1:{port}/;use_ssl=true;token=s3cret"),
    ):
        pass

    assert time.monotonic() - began < 60
    assert f"Spark (sc://127.0.0.1:{port}) ended" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_package_that_is_missing_is_no_failure_of_the_server() -> None:

    from pyspark.errors import PySparkImportError

    with (
        pytest.raises(WrongState, match=r"cannot answer: .*must be installed"),
        failures_in_words("sc://127.0.0.1:15002"),
    ):
        raise PySparkImportError(
            errorClass="PACKAGE_NOT_INSTALLED",
            messageParameters={"package_name": "pandas", "minimum_version": "2.2.0"},
        )


# As Spark 4.1 says it: the plan follows the reason.
NO_SUCH_TABLE = """\
[TABLE_OR_VIEW_NOT_FOUND] The table or view `etl_loads` cannot be found. Verify the spelling.
'Project [unix_micros(cast(scalar-subquery#1 [] as timestamp)) AS unix_micros#2]
:  +- 'Project ['max('loaded_at)]
:     +- 'UnresolvedRelation [etl_loads], [], false
+- OneRowRelation
"""


def test_the_reason_is_told_and_no_branch_of_the_plan() -> None:
    from pyspark.errors import AnalysisException

    with (
        pytest.raises(WrongState, match=r"cannot answer: \[TABLE_OR_VIEW_NOT_FOUND\] The table"),
        failures_in_words("local[1]"),
    ):
        raise AnalysisException(NO_SUCH_TABLE)


def test_of_java_the_last_cause_is_told() -> None:
    from pyspark.errors import PySparkException

    text = (
        "An error occurred while calling o1.sql.\n: java.lang.A: one\nCaused by: java.lang.B: two"
    )

    with (
        pytest.raises(Unavailable, match=r"cannot be reached: Caused by: java\.lang\.B: two;"),
        failures_in_words("local[1]"),
    ):
        raise PySparkException(text)


def test_a_file_of_another_kind_is_refused_as_by_duckdb() -> None:
    tables = OwnTables({}, "EUR", files={"visits": "/srv/visits.xlsx"})
    no_session: Any = None

    with pytest.raises(WrongState) as by_spark:
        open_spark_shop(no_session, tables)
    with pytest.raises(WrongState) as by_duckdb:
        shop_connection(tables)

    assert str(by_spark.value) == str(by_duckdb.value)
    assert "/srv/visits.xlsx (files.visits) must end in one of .parquet" in str(by_spark.value)

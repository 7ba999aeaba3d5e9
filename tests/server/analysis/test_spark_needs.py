"""What Spark needs and is not there: said at once, in words, without the token of a URL."""

import socket
import time

import pytest
from fairlift.engine.errors import Unavailable, WrongState
from fairlift_server.analysis.spark_session import failures_in_words, spark_session

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

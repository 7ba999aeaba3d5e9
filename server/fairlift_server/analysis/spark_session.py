"""A session of Spark, and what its failures mean in words."""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fairlift.engine.errors import FairliftError, Unavailable, WrongState

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONNECT: Final = "sc://"
_CONNECT_PORT: Final = 15002
_REACHED_WITHIN_S: Final = 10.0
# Its client would try for ten minutes: a server that restarts has forgotten the session.
_CONNECT_RETRIES: Final = 6
# What an operator does not need to choose; everything else is Spark's own configuration.
_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    # A sum that does not fit is an error, never another number.
    "spark.sql.ansi.enabled": "true",
    # What was kept is joined with itself: Spark 4 loses track of what it knows of its columns.
    "spark.sql.constraintPropagation.enabled": "false",
}
# A statement that does not fit the tables, or a value in them that does not fit its column.
_OF_QUERIES: Final = frozenset(
    {
        *("AnalysisException", "ParseException", "ArithmeticException"),
        *("NumberFormatException", "DateTimeException", "PySparkImportError"),
    }
)
# Java ended before Spark had begun in it.
_NOT_BEGUN: Final = "JAVA_GATEWAY_EXITED"
# A Java error that caused another, or one as Python shows it; no branch of a plan, `:  +- …`.
_CAUSE: Final = re.compile(r"Caused by:|: \S")
_OWN_SETTINGS: Final = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}


@contextmanager
def spark_session(url: str) -> Iterator["SparkSession"]:
    """A session, stopped when the block ends.

    Args:
        url: `local[*]`, `spark://HOST:PORT`, another master that Spark knows, or `sc://HOST:PORT`
            of Spark Connect.

    Raises:
        WrongState: Spark cannot run here.
        Unavailable: it cannot be reached, or it ended in the middle.
    """
    check_spark(url)
    if url.startswith(CONNECT):
        _reach(url)
    with failures_in_words(url):
        session = _begun(url)
        try:
            yield session
        finally:
            _stop(session)


def check_spark(url: str) -> None:
    """Checks that what Spark needs on this machine is here.

    Raises:
        WrongState: something is missing.
    """
    if find_spec("pyspark") is None:
        raise WrongState("PySpark is not installed; pip install 'fairlift[spark]'")
    if url.startswith(CONNECT):
        return
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    if java is None:
        where = f"JAVA_HOME ({home}) has no bin/java" if home else "there is no `java` on the PATH"
        raise WrongState(
            f"Spark needs Java 17 or later, and {where}; install it, set JAVA_HOME, or use Spark "
            "Connect (spark:sc://HOST:PORT), which needs none here"
        )


@contextmanager
def failures_in_words(url: str) -> Iterator[None]:
    """Says of Spark's failures what happened and what to do."""
    try:
        yield
    except FairliftError:
        raise
    except Exception as error:
        if not _is_of_spark(error):
            raise
        if _NOT_BEGUN in str(error):
            raise WrongState(
                "Spark could not start: Java ended at once, and what it said stands above; Spark "
                "needs Java 17 or later (`java -version` says which this is) and memory for it"
            ) from error
        reason = _first_line(error)
        if _is_of_query(error):
            raise WrongState(f"Spark ({_shown(url)}) cannot answer: {reason}") from error
        raise _unavailable(url, reason) from error


def _unavailable(url: str, reason: str) -> Unavailable:
    return Unavailable(
        f"Spark ({_shown(url)}) ended or cannot be reached: {reason}; nothing was written, run it "
        "again"
    )


def _shown(url: str) -> str:
    """The URL without parameters: one of them may be a token."""
    return url.partition(";")[0].rstrip("/")


def _reach(url: str) -> None:
    """Opens a connection to a server of Spark Connect, and closes it.

    Raises:
        Unavailable: it cannot be reached.
    """
    parts = urlsplit(url)
    try:
        address = parts.hostname or "", parts.port or _CONNECT_PORT
        socket.create_connection(address, _REACHED_WITHIN_S).close()
    except (OSError, ValueError) as error:  # a port that is no number
        raise _unavailable(url, getattr(error, "strerror", "") or str(error)) from error


def _begun(url: str) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("fairlift")
    settings = dict(_SETTINGS)
    if url.startswith(CONNECT):
        builder = builder.remote(url)
    else:
        builder, settings = builder.master(url), {**_SETTINGS, **_OWN_SETTINGS}
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    if url.startswith(CONNECT):
        _try_less_often(session)
    for name, value in _SETTINGS.items():
        session.conf.set(name, value)
    return session


def _try_less_often(session: Any) -> None:
    """Of a session of Spark Connect, which `SparkSession` is not typed to be."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session.client.set_retry_policies([DefaultPolicy(max_retries=_CONNECT_RETRIES)])


def _stop(session: "SparkSession") -> None:
    try:
        session.stop()
    except Exception as error:  # it may have ended already
        if not _is_of_spark(error):
            raise


def _is_of_spark(error: BaseException) -> bool:
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"pyspark", "py4j", "grpc"}) or isinstance(error, ConnectionError)


def _is_of_query(error: BaseException) -> bool:
    """Whether the query itself is at fault: another try would fail likewise."""
    return any(kind.__name__ in _OF_QUERIES for kind in type(error).__mro__)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    caused = [line for line in lines if _CAUSE.match(line)]
    return (caused[-1] if caused else lines[0] if lines else type(error).__name__)[:500]

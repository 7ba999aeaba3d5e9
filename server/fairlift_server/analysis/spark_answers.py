"""Spark over an export or a shop's own tables: answers, for as long as a session lasts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fairlift_server.analysis.answering import answers_of
from fairlift_server.analysis.job_control import JobControl, not_followed
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.analysis.spark_engine import SparkEngine
from fairlift_server.analysis.spark_session import failures_in_words, spark_session
from fairlift_server.analysis.spark_tables import open_spark_lake, open_spark_own
from fairlift_server.analysis.table_views import LakeTables, OwnTables, complete_until, named_ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkAnswers:
    """A session of Spark in which the ledger's tables have their names."""

    def __init__(
        self,
        session: "SparkSession",
        url: str,
        tables: LakeTables | OwnTables,
        control: JobControl,
    ) -> None:
        self._session = session
        self._control = control
        self._tables = tables
        self._url = url

    def answers(self, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
        """The answers to all queries.

        Raises:
            WrongState: the tables do not fit.
            Unavailable: Spark ended in the middle.
            JobStopped: the answers are not wanted any more.
        """
        with self._stopping():
            engine = SparkEngine(self._session, named_ledger())
            try:
                return answers_of(engine, queries, self._control)
            finally:
                engine.close()

    def complete_until_us(self) -> int:
        """The moment until which the tables are complete; 0: they have no events.

        Raises:
            WrongState, Unavailable, JobStopped: as `answers` does.
        """
        with self._stopping():
            [row] = self._session.sql(complete_until(self._tables)).collect()
            return int(row[0] or 0)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        # The session is of this job alone.
        interrupt = self._session.interruptAll
        with self._control.stopping(interrupt), failures_in_words(self._url):
            yield


@contextmanager
def spark_answers(
    url: str, tables: LakeTables | OwnTables, control: JobControl | None = None
) -> Iterator[SparkAnswers]:
    """What answers, until the block ends.

    Raises:
        WrongState: Spark cannot run here, or the tables do not fit.
        Unavailable: it cannot be reached, or it ended.
    """
    with spark_session(url) as session:
        if isinstance(tables, LakeTables):
            open_spark_lake(session, tables)
        else:
            open_spark_own(session, tables)
        yield SparkAnswers(session, url, tables, control or not_followed())

"""Where the ledger is read from and by which engine; a plain value that travels to the workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fairlift_server.analysis.job_control import JobControl
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.events.intake import Intake
from fairlift_server.results.look import LookRequest
from fairlift_server.results.query_steps import Ask, AskAgain

if TYPE_CHECKING:
    from fairlift_server.analysis.table_views import LakeTables, OwnTables

DUCKDB = "duckdb"
SPARK = "spark"
_LAKE, _SOURCES = "lake", "sources"


@dataclass(frozen=True, slots=True)
class AnalysisSource:
    """An engine, and the tables that it reads.

    Attributes:
        ledger: the server's own, and the bounds of DuckDB.
        engine: `duckdb`, `spark`, or `spark:MASTER`.
        tables: `database`, `lake:DIR` or `sources:FILE`.
        currency: the shop's.
        key_states: what stored ids are hashed after; None: they are stored as they come.
    """

    ledger: LedgerSource = field(repr=False)
    engine: str = DUCKDB
    tables: str = "database"
    currency: str = "EUR"
    key_states: tuple[bytes, bytes] | None = field(default=None, repr=False)

    @property
    def master(self) -> str:
        """Of Spark; empty: DuckDB is the engine."""
        engine, _, master = self.engine.partition(":")
        return (master or "local[*]") if engine == SPARK else ""

    @property
    def reads_database(self) -> bool:
        """Whether it is the server's own database that is read."""
        return self.tables == "database"


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """What answers queries, for as long as its block lasts.

    Attributes:
        ask: answers.
        ask_again: answers, given earlier answers that lack newer events; None: they are of no use.
        complete_until_us: what happened before is in the tables; None: they are as of now.
    """

    ask: Ask
    ask_again: AskAgain | None = None
    complete_until_us: int | None = None

    def as_read(self, request: LookRequest) -> LookRequest:
        """The request as of the moment until which the tables are complete.

        They were filled by others than this server: when it began to take in events, and when
        somebody began the campaign, says nothing of what is in them.
        """
        if self.complete_until_us is None:
            return request
        days = replace(request.days, opened_us=min(request.days.opened_us, request.days.start_us))
        now_us = min(request.now_us, self.complete_until_us)
        return replace(request, days=days, now_us=now_us, intake=Intake(up_since_us=0))


@contextmanager
def opened_source(source: AnalysisSource, control: JobControl) -> Iterator[OpenedSource]:
    """What answers queries from this source. Call it in a worker process.

    Args:
        source: is read.
        control: follows and stops what answers.

    Raises:
        WrongState: the engine cannot run here, or the tables are not there or do not fit.
        Unavailable: the engine cannot be reached.
    """
    if source.reads_database:
        from fairlift_server.analysis.copy_answers import answers_from_copy

        ask = partial(answers_from_copy, source.ledger, control=control)
        yield OpenedSource(ask, ask)
        return
    tables, until_us = _tables_of(source)
    if source.master:
        from fairlift_server.analysis.spark_answers import spark_answers

        with spark_answers(source.master, tables, control) as spark:
            until_us = until_us or spark.complete_until_us()
            yield OpenedSource(spark.answers, complete_until_us=until_us)
        return
    from fairlift_server.analysis.table_answers import complete_until_us, table_answers

    yield OpenedSource(
        partial(table_answers, tables, source.ledger, control=control),
        complete_until_us=until_us or complete_until_us(tables, source.ledger, control),
    )


def _tables_of(source: AnalysisSource) -> "tuple[LakeTables | OwnTables, int | None]":
    """The tables, and until when they are complete if that is known without a query."""
    from fairlift_server.analysis.table_views import LakeTables

    kind, _, path = source.tables.partition(":")
    if kind == _LAKE:
        from fairlift_server.lake.reading import lake_files

        files = lake_files(Path(path))
        return LakeTables(files.paths, source.currency), files.made_us
    assert kind == _SOURCES, source.tables
    from fairlift_server.sources.shop_sources import own_tables

    spark = bool(source.master)
    tables = own_tables(
        Path(path), spark=spark, currency=source.currency, key_states=source.key_states
    )
    return tables, None

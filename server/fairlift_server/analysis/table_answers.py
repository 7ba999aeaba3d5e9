"""DuckDB over an export or a shop's own tables: how a server without a ledger answers queries."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import Final

import duckdb
from fairlift.engine.errors import WrongState

from fairlift_server.analysis.answering import answers_of
from fairlift_server.analysis.attached_ledger import first_line
from fairlift_server.analysis.duckdb_engine import DuckDBEngine, stoppable_connection
from fairlift_server.analysis.duckdb_tables import open_lake, open_own
from fairlift_server.analysis.job_control import JobControl, not_followed
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.table_views import LakeTables, OwnTables, complete_until, named_ledger

# A value may be written with hundreds of digits.
_LONGEST_REASON: Final = 200


def table_answers(
    tables: LakeTables | OwnTables,
    bounds: LedgerSource,
    queries: Sequence[LedgerQuery],
    control: JobControl | None = None,
) -> list[LedgerAnswer]:
    """The answers to all queries.

    Args:
        tables: that hold the ledger.
        bounds: of memory and files.
        queries: to be answered.
        control: follows and stops it.

    Raises:
        WrongState: the tables are not there, or do not fit.
        JobStopped: the answers are not wanted any more.
    """
    control = control or not_followed()
    with _opened(tables, bounds, control) as connection:
        engine = DuckDBEngine(connection, named_ledger(), place="tables")
        return answers_of(engine, queries, control)


def complete_until_us(
    tables: LakeTables | OwnTables, bounds: LedgerSource, control: JobControl
) -> int:
    """The moment until which the tables are complete; 0: they have no events.

    Raises:
        WrongState, JobStopped: as table_answers does.
    """
    with _opened(tables, bounds, control) as connection:
        try:
            [(moment_us,)] = connection.execute(complete_until(tables)).fetchall()
        except duckdb.ProgrammingError as error:
            raise WrongState(
                "until when the shop's tables are complete (`complete_until`) cannot be read: "
                f"{first_line(error)}; `fairlift-server sources check` says where"
            ) from error
        return int(moment_us or 0)


@contextmanager
def _opened(
    tables: LakeTables | OwnTables, bounds: LedgerSource, control: JobControl
) -> Iterator[duckdb.DuckDBPyConnection]:
    with stoppable_connection(bounds, control) as connection:
        if isinstance(tables, LakeTables):
            open_lake(connection, tables)
        else:
            open_own(connection, tables)
        with _failures_in_words(tables):
            yield connection


@contextmanager
def _failures_in_words(tables: LakeTables | OwnTables) -> Iterator[None]:
    """Says of failures that the tables are the cause of what it is; others stay as they are."""
    try:
        yield
    except duckdb.IOException as error:
        reason = first_line(error)
        if isinstance(tables, LakeTables):
            raise WrongState(
                f"a file could not be read: {reason}; a newer export may have replaced it: try "
                "again"
            ) from error
        raise WrongState(
            f"the shop's tables could not be read to the end: {reason}; try again, and run "
            "`fairlift-server sources check` if it stays so"
        ) from error
    # Of a line of a file that cannot be taken apart, the error says that the input is invalid.
    except (duckdb.DataError, duckdb.InvalidInputException) as error:
        reason = shorten(first_line(error), _LONGEST_REASON, placeholder="…")
        raise WrongState(
            f"a value of the tables does not fit: {reason}; mend it, or leave its row out with "
            "`where` in the sources file"
        ) from error
    except duckdb.Error as error:
        # What DuckDB has no class for comes from the readers of files.
        if type(error) is not duckdb.Error:
            raise
        raise WrongState(f"a file is damaged: {first_line(error)}; write it again") from error

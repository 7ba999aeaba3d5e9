"""DuckDB over the ledger, attached read-only: how a server answers queries."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
from fairlift.engine.errors import WrongState
from ibis.backends.sql.compilers.duckdb import compiler

from fairlift_server.analysis.answering import answers_of
from fairlift_server.analysis.attached_ledger import (
    DUCKDB_TYPES,
    attach_ledger,
    engine_threads,
    first_line,
    quoted,
)
from fairlift_server.analysis.engine import KEPT
from fairlift_server.analysis.job_control import JobControl, not_followed
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.ledger_tables import Ledger, attached_ledger
from fairlift_server.analysis.untyped import Row, Table

_ROWS_AT_ONCE: Final = 1_000
# That a process keeps: about 10 kB each.
_MOST_STATEMENTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Statement:
    """A text that was worked out, and the columns that it gives."""

    text: str
    schema: Any


_statements: OrderedDict[Hashable, _Statement] = OrderedDict()


def answers(
    source: str | Path | LedgerSource,
    queries: Sequence[LedgerQuery],
    control: JobControl | None = None,
) -> list[LedgerAnswer]:
    """The answers to all queries, as of one moment.

    Call it in a process of its own: DuckDB brings its own SQLite, and two copies of SQLite in one
    process drop each other's locks on the file.

    Raises:
        JobStopped: they are not wanted any more.
    """
    control = control or not_followed()
    if not isinstance(source, LedgerSource):
        source = LedgerSource(str(source))
    with stoppable_connection(source, control) as connection:
        attach_ledger(connection, source.database)
        connection.begin()
        answers = answers_of(DuckDBEngine(connection, attached_ledger()), queries, control)
        connection.commit()
        return answers


@contextmanager
def stoppable_connection(
    source: LedgerSource, control: JobControl
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A bounded connection whose statements are interrupted once they are not wanted any more.

    Raises:
        WrongState: memory, or room for files, is not enough.
        JobStopped: the block was interrupted.
    """
    with (
        closing(bounded_connection(source)) as connection,
        control.stopping(connection.interrupt),
    ):
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise WrongState(
                f"results need more than the {source.memory_mb} MB of FAIRLIFT_ANALYSIS_MB, or "
                f"more room in {source.spill_folder.parent}: {first_line(error)}"
            ) from error


def bounded_connection(source: LedgerSource) -> duckdb.DuckDBPyConnection:
    """A connection that takes no more memory than is allowed, and writes the rest to files."""
    # DuckDB makes the folder of its files, but none above it.
    with suppress(OSError):
        source.spill_folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return duckdb.connect(
        config={
            "threads": engine_threads(),
            "memory_limit": f"{source.memory_mb}MB",
            "temp_directory": str(source.spill_folder),
            # The order of rows is asked for where it matters.
            "preserve_insertion_order": False,
        }
    )


class DuckDBEngine:
    """A connection of DuckDB.

    Args:
        connection: within a transaction.
        ledger: its tables.
        place: names the ledger's tables; those of one name are the same in each process.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, ledger: Ledger, *, place: str = "shop"
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._place = place

    @property
    def ledger(self) -> Ledger:
        """Where the tables of the ledger are."""
        return self._ledger

    def put(self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes a small table of this name, in place of any before."""
        typed = ", ".join(f'"{column}" {DUCKDB_TYPES[kind]}' for column, kind in columns.items())
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({typed})")
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            values = ", ".join(
                f"({', '.join(map(_literal, row))})" for row in rows[start : start + _ROWS_AT_ONCE]
            )
            self._connection.execute(f"INSERT INTO {name} VALUES {values}")

    def keep(self, name: str, key: Hashable, expression: Callable[[], Table]) -> Table:
        """Keeps the rows of a statement as a table of this name."""
        statement = _statement((self._place, key), expression)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {KEPT}{name} AS {_in_64_bits(statement)}"
        )
        return ibis.table(statement.schema, name=f"{KEPT}{name}")

    def rows(
        self, key: Hashable, expression: Callable[[], Table], *, in_64_bits: bool = False
    ) -> Iterator[Row]:
        """The rows of a statement."""
        statement = _statement((self._place, key), expression)
        # Whole numbers of 128 bits are read in ten times the time.
        text = _in_64_bits(statement) if in_64_bits else statement.text
        cursor = self._connection.execute(text)
        names = [column[0] for column in cursor.description or ()]
        for row in cursor.fetchall():
            yield dict(zip(names, row, strict=True))

    def drop(self, names: Iterable[str]) -> None:
        """Frees tables."""
        for name in names:
            self._connection.execute(f"DROP TABLE IF EXISTS {KEPT}{name}")


def _literal(value: object) -> str:
    """A value as SQL writes it: DuckDB reads parameters with the help of pandas, a slow import."""
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(value).upper()
        case str():
            return quoted(value)
    raise TypeError(f"{value!r}: is a {type(value).__name__}, must be text or a whole number")


def _in_64_bits(statement: _Statement) -> str:
    """Sums have 128 bits here; as the definition has it, and other engines, they have 64."""
    columns = ", ".join(
        f'CAST("{column}" AS BIGINT) AS "{column}"' if kind.is_int64() else f'"{column}"'
        for column, kind in statement.schema.items()
    )
    return f"SELECT {columns} FROM ({statement.text})"


def _statement(key: Hashable, expression: Callable[[], Table]) -> _Statement:
    statement = _statements.get(key)
    if statement is None:
        table = expression()
        text = str(compiler.to_sqlglot(table).sql("duckdb"))
        statement = _statements[key] = _Statement(text, table.schema())
        if len(_statements) > _MOST_STATEMENTS:
            _statements.popitem(last=False)
    _statements.move_to_end(key)
    return statement

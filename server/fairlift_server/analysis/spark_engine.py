"""Spark as an engine of the definition, on one machine or many."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
from ibis.backends.sql.compilers.pyspark import compiler

from fairlift_server.analysis.engine import KEPT
from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.spark_tables import small_table
from fairlift_server.analysis.untyped import Row, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class _CompilerOptions(ibis.config.Config):  # type: ignore[misc]  # published untyped
    """What Ibis's compiler for Spark reads; they would come with a backend that needs pandas."""

    treat_nan_as_null: bool = False


ibis.options.pyspark = _CompilerOptions()


class SparkEngine:
    """A session of Spark as the definition's engine.

    Args:
        session: in which the ledger's tables have their names.
        ledger: their names.
    """

    def __init__(self, session: "SparkSession", ledger: Ledger) -> None:
        self._session = session
        self._ledger = ledger
        self._statements: dict[Hashable, tuple[str, Any]] = {}
        self._kept: dict[str, DataFrame] = {}

    @property
    def ledger(self) -> Ledger:
        """Where the tables of the ledger are."""
        return self._ledger

    def put(self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes a small table of this name, in place of any before."""
        small_table(self._session, columns, rows).createOrReplaceTempView(name)

    def keep(self, name: str, key: Hashable, expression: Callable[[], Table]) -> Table:
        """Keeps the rows of a statement as a table of this name, in place of any before.

        They stay in the memory and on the disks of the executors. Spark forgets how they came
        about: plans that hold all plans before them grow beyond what it can plan.
        """
        text, schema = self._statement(key, expression)
        kept = self._session.sql(text).localCheckpoint()
        kept.createOrReplaceTempView(f"{KEPT}{name}")
        self._free(name)
        self._kept[name] = kept
        return ibis.table(schema, name=f"{KEPT}{name}")

    def rows(
        self, key: Hashable, expression: Callable[[], Table], *, in_64_bits: bool = False
    ) -> Iterator[Row]:
        """Runs a statement and gives its rows."""
        del in_64_bits  # as all whole numbers are here
        text, _schema = self._statement(key, expression)
        for row in self._session.sql(text).collect():
            yield row.asDict()

    def drop(self, names: Iterable[str]) -> None:
        """Keeps tables: what was kept since may not have been worked out yet."""

    def _statement(self, key: Hashable, expression: Callable[[], Table]) -> tuple[str, Any]:
        """The text and the columns; `Any`: Ibis's."""
        if key not in self._statements:
            table = expression()
            text = str(compiler.to_sqlglot(table).sql("spark"))
            self._statements[key] = text, table.schema()
        return self._statements[key]

    def close(self) -> None:
        """Frees all that was kept."""
        for name in list(self._kept):
            self._free(name)

    def _free(self, name: str) -> None:
        if name in self._kept:
            self._kept.pop(name).unpersist()

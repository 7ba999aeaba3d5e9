"""The definition compiles for engines that nobody has run it on, and the docs say so."""

import importlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ibis
import pytest
import sqlglot
from fairlift_server.analysis.answering import answers_of
from fairlift_server.analysis.job_control import not_followed
from fairlift_server.analysis.ledger_tables import Ledger
from fairlift_server.analysis.table_views import named_ledger
from fairlift_server.analysis.untyped import Row

from tests.engine_agreement.agreement import queries_of
from tests.ledger_oracle.histories import histories, together

# Whose rows say that there is more to ask.
ASKS_MORE = {"amounts", "extremes", "label combinations", "costs", "twins"}


class CompilingEngine:
    """Compiles every statement for a dialect and runs none: what it is asked has few rows."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._compiler = importlib.import_module(f"ibis.backends.sql.compilers.{dialect}").compiler
        self.statements: list[str] = []

    @property
    def ledger(self) -> Ledger:
        return named_ledger()

    def put(self, name: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
        pass

    def keep(self, name: str, _key: Hashable, expression: Callable[[], Any]) -> Any:
        table = expression()
        self._compile(table)
        return ibis.table(table.schema(), name=name)

    def rows(
        self, key: Hashable, expression: Callable[[], Any], *, in_64_bits: bool = False
    ) -> Iterator[Row]:
        del in_64_bits
        table = expression()
        self._compile(table)
        if key == "restated" or (isinstance(key, tuple) and ASKS_MORE & set(key[1:])):
            yield dict.fromkeys(table.columns, None if key == "restated" else 0)

    def drop(self, names: Iterable[str]) -> None:
        pass

    def _compile(self, table: Any) -> None:
        text = self._compiler.to_sqlglot(table).sql(self._dialect)
        sqlglot.parse_one(text, dialect=self._dialect)
        self.statements.append(text)


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "clickhouse", "trino"])
def test_the_definition_compiles(dialect: str) -> None:
    engine = CompilingEngine(dialect)
    # Some of them have no quantile of a group, so that caps at a quantile do not compile.
    answers_of(engine, queries_of(together(histories(3)), capped=False), not_followed())
    assert len(engine.statements) > 25

"""Reads a shop's own tables as they are: for checks before the first analysis."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from fairlift_server.analysis.attached_ledger import first_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class UnreadableTable(Exception):
    """An engine cannot run a query on the shop's tables; the text says why, in one line."""


class ShopTables(Protocol):
    """The shop's tables in some engine."""

    def types(self, query: str) -> Mapping[str, str]:
        """The type of each column of a query, in capitals.

        Raises:
            UnreadableTable: the query cannot be run.
        """

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """The rows of a query; `Any`: an engine's values.

        Raises:
            UnreadableTable: the query cannot be run.
        """


class DuckdbShop:
    """Tables that a connection of DuckDB reads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def types(self, query: str) -> Mapping[str, str]:
        """The type of each column of a query, in capitals."""
        return {name: str(kind).upper() for name, kind, *_ in self.rows(f"DESCRIBE {query}")}

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise UnreadableTable(_reason(error)) from None


class SparkShop:
    """Tables that a session of Spark reads."""

    def __init__(self, session: "SparkSession") -> None:
        self._session = session

    def types(self, query: str) -> Mapping[str, str]:
        """The type of each column of a query, in capitals."""
        from pyspark.errors import PySparkException

        try:
            schema = self._session.sql(query).schema
        except PySparkException as error:
            raise UnreadableTable(_reason(error)) from None
        return {field.name: field.dataType.simpleString().upper() for field in schema.fields}

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        from pyspark.errors import PySparkException

        try:
            return self._session.sql(query).collect()
        except PySparkException as error:
            raise UnreadableTable(_reason(error)) from None


def _reason(error: Exception) -> str:
    """The first line without what DuckDB calls its errors, and without its exclamation mark."""
    return re.sub(r"^(?:\w+ )+Error: ", "", first_line(error)).rstrip("!")

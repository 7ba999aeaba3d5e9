"""Tables of the ledger for Spark: an export, or the shop's own tables in Spark's catalog."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlift_server.analysis.table_views import (
    FILES_PREFIX,
    KEY_TABLE,
    LakeTables,
    OwnTables,
    lake_views,
    own_views,
    unknown_kind,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPARK_TYPES: Final = {
    "string": "STRING",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BINARY",
}
_ARROW_TYPES: Final = {
    "string": "string",
    "int64": "int64",
    "float64": "float64",
    "boolean": "bool_",
    "binary": "binary",
}
_FORMATS: Final = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_OPTIONS: Final = {"csv": {"header": "true", "inferSchema": "true"}}


def open_spark_lake(session: "SparkSession", tables: LakeTables) -> None:
    """Gives the session the ledger's tables from the files of an export.

    The paths must be the same on all machines of the cluster.
    """
    for table, paths in tables.paths.items():
        if paths:
            session.read.parquet(*paths).createOrReplaceTempView(f"{FILES_PREFIX}{table}")
    for name, query in lake_views(tables, SPARK_TYPES).items():
        session.sql(query).createOrReplaceTempView(name)


def open_spark_own(session: "SparkSession", tables: OwnTables) -> None:
    """Gives the session the ledger's tables from the shop's own."""
    open_spark_shop(session, tables)
    for name, query in own_views(tables, SPARK_TYPES).items():
        session.sql(query).createOrReplaceTempView(name)


def open_spark_shop(session: "SparkSession", tables: OwnTables) -> None:
    """Gives the session the files of the sources file under their names, and the key of ids.

    Raises:
        WrongState: a file is of a kind that is not read.
    """
    for name, pattern in tables.files.items():
        kind = _FORMATS.get(Path(pattern).suffix.lower())
        if kind is None:
            raise unknown_kind(name, pattern, _FORMATS)
        reader = session.read.options(**_OPTIONS.get(kind, {}))
        reader.load(pattern, format=kind).createOrReplaceTempView(name)
    if tables.key_states is not None:
        # As a table: in a query's text it would stand in Spark's logs.
        columns = dict.fromkeys(("inner_state", "outer_state"), "binary")
        small_table(session, columns, [tables.key_states]).createOrReplaceTempView(KEY_TABLE)


def small_table(
    session: "SparkSession", columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]
) -> "DataFrame":
    """Rows as a table of Spark.

    As Arrow: of a list Spark makes rows by a Python of its own on the executors, which may have
    none or another version, and begins one for every statement that reads the table.

    Args:
        session: of Spark.
        columns: by name their types, as Ibis names them.
        rows: of values in the order of the columns.
    """
    import pyarrow as pa

    made = {
        name: pa.array([row[place] for row in rows], type=getattr(pa, _ARROW_TYPES[kind])())
        for place, (name, kind) in enumerate(columns.items())
    }
    # Of a table without rows Spark Connect knows no types.
    schema = ", ".join(f"`{name}` {SPARK_TYPES[kind]}" for name, kind in columns.items())
    return session.createDataFrame(pa.table(made), schema)

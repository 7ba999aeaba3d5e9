"""A sources file as the tables that an engine reads."""

from pathlib import Path

from fairlift_server.analysis.table_views import OwnTables
from fairlift_server.sources.dialects import DUCKDB, SPARK, SqlDialect
from fairlift_server.sources.ledger_views import LedgerViews
from fairlift_server.sources.source_file import Sources, read_sources
from fairlift_server.sources.sql_pieces import check_sql


def dialect_of(*, spark: bool) -> SqlDialect:
    """The SQL of the engine."""
    return SPARK if spark else DUCKDB


def own_tables(
    path: Path, *, spark: bool, currency: str, key_states: tuple[bytes, bytes] | None
) -> OwnTables:
    """The shop's tables, as the file maps them.

    Args:
        path: of the file.
        spark: whether Spark reads them; else DuckDB does.
        currency: the shop's.
        key_states: what stored ids are hashed after; None: they are stored as they come.

    Raises:
        InvalidRequest: the file breaks a rule.
    """
    sources = read_sources(path)
    return tables_of(sources, spark=spark, currency=currency, key_states=key_states)


def tables_of(
    sources: Sources, *, spark: bool, currency: str, key_states: tuple[bytes, bytes] | None
) -> OwnTables:
    """The same, of a file that was read."""
    dialect = dialect_of(spark=spark)
    check_sql(sources, dialect)
    views = LedgerViews(sources, dialect, currency=currency, keyed=key_states is not None)
    until = sources.complete_until
    return OwnTables(
        views.queries(),
        currency,
        "" if until is None else f"SELECT {dialect.micros.format(f'({until.sql})')}",
        sources.database,
        sources.files,
        key_states,
    )

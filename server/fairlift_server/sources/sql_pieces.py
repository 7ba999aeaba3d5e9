"""The pieces of SQL in a sources file: where each stands, and whether it is SQL."""

from collections.abc import Iterator

import sqlglot
from fairlift.engine.errors import InvalidRequest, Violation
from sqlglot.errors import SqlglotError

from fairlift_server.sources.dialects import SqlDialect
from fairlift_server.sources.source_file import Expression, Sources, SourceTable


def check_sql(sources: Sources, dialect: SqlDialect) -> None:
    """Checks that every piece of the file is SQL.

    Raises:
        InvalidRequest: some are not, each with its line.
    """
    violations = [
        Violation(f"{sources.name}:{expression.line}: {where}", f"is not SQL: {problem}")
        for where, expression in expressions(sources)
        if (problem := _problem(where, expression, dialect))
    ]
    if violations:
        raise InvalidRequest(violations)


def expressions(sources: Sources) -> Iterator[tuple[str, Expression]]:
    """Every piece of SQL, with where it stands."""
    if sources.complete_until is not None:
        yield "complete_until", sources.complete_until
    for name, table in sources.tables.items():
        yield f"{name}.from", table.table
        if table.where is not None:
            yield f"{name}.where", table.where
        for field, column in table.columns.items():
            yield f"{name}.columns.{field}", column
        for attribute, label in table.labels.items():
            yield f"{name}.labels.{attribute}", label


def rows_of(table: SourceTable) -> str:
    """What stands after FROM for the rows that count."""
    sql = table.table.sql
    where = "" if table.where is None else f" WHERE {table.where.sql}"
    return f"{f'({sql})' if _is_query(sql) else sql} AS t{where}"


def _is_query(sql: str) -> bool:
    return sql.split(None, 1)[0].upper() in ("SELECT", "WITH")


def _problem(where: str, expression: Expression, dialect: SqlDialect) -> str:
    """Why a piece is not SQL; empty if it is."""
    is_table = where.endswith(".from") and not _is_query(expression.sql)
    text = f"SELECT * FROM {expression.sql}" if is_table else expression.sql
    try:
        parsed = sqlglot.parse(text, dialect=dialect.name)
    except SqlglotError as error:
        return str(error).partition("\n")[0]
    return "" if len(parsed) == 1 and parsed[0] is not None else "it is more than one expression"

"""Statements that go to PostgreSQL together: one wait for the answers of all."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def row_in_one_trip(connection: Connection, query: str, *following: str) -> tuple[Any, ...]:
    """The one row of a query, which other statements follow. `Any`: its values.

    The statement that begins the transaction goes along.

    Raises:
        sqlalchemy.exc.DatabaseError: as for any statement.
    """
    import psycopg

    # The driver's own connection, as in `copying`: SQLAlchemy knows nothing of pipelines.
    driver: psycopg.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        with driver.pipeline():
            cursor = driver.execute(query)
            for statement in following:
                driver.execute(statement)
        row = cursor.fetchone()
    except psycopg.Error as error:
        raise DBAPIError.instance(query, None, error, psycopg.Error) from error
    assert row is not None, "the query has one row"
    return row

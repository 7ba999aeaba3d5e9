"""The databases that the tests of the server run on: SQLite files, or PostgreSQL.

`make test-postgres` runs them a second time, with FAIRLIFT_TESTED_DATABASE=postgresql.
"""

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.postgres import shared_server

ON_POSTGRES = os.environ.get("FAIRLIFT_TESTED_DATABASE") == "postgresql"
sqlite_only = pytest.mark.skipif(ON_POSTGRES, reason="is about the SQLite file")

_made: dict[str, str] = {}


def database_in(folder: Path, name: str = "shop.db") -> str:
    """What FAIRLIFT_DATABASE says of a database of this folder; the same for the same name."""
    path = folder / name
    if not ON_POSTGRES:
        return str(path)
    if str(path) not in _made:
        _made[str(path)] = new_database(str(path), template=_migrated_template())
    return _made[str(path)]


def new_database(name: str, *, template: str = "template0") -> str:
    """The URL of a new PostgreSQL database, empty or as a template of the server is."""
    digest = hashlib.sha256(f"{os.getpid()} {name}".encode()).hexdigest()[:20]
    server = shared_server()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE t{digest} TEMPLATE {template} STRATEGY file_copy")
    return f"{server.rpartition('/')[0]}/t{digest}"


def rows(database: str | Path, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """What a statement answers, past the server; its changes are committed."""
    if str(database).startswith("postgresql://"):
        with psycopg.connect(str(database)) as connection:
            answer = connection.execute(statement.replace("?", "%s").encode(), values or None)
            return answer.fetchall() if answer.description else []
    with closing(sqlite3.connect(database)) as file, file:
        return file.execute(statement, values).fetchall()


def changed(database: str | Path, statement: str, values: Sequence[Any] = ()) -> int:
    """How many rows a statement changes, past the server."""
    if str(database).startswith("postgresql://"):
        with psycopg.connect(str(database)) as connection:
            return connection.execute(statement.replace("?", "%s").encode(), values).rowcount
    with closing(sqlite3.connect(database)) as file, file:
        return file.execute(statement, values).rowcount


@cache
def _migrated_template() -> str:
    """A database of this version without contents: migrations take longer than most tests."""
    from fairlift_server.store.database import Store

    url = new_database("migrated")
    store = Store(url)
    store.migrate()
    store.close()
    return url.rpartition("/")[2]

"""The databases that the tests of the server run on: SQLite files, or PostgreSQL.

`make test-postgres` runs them a second time, with FAIRLIFT_TESTED_DATABASE=postgresql.
"""

import hashlib
import os
import shutil
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


def copied(database: str, path: Path) -> str:
    """A copy of a database that nobody uses, in the place of one that was made for this path."""
    if not ON_POSTGRES:
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        shutil.copyfile(database, path)
        return str(path)
    template = database.rpartition("/")[2]
    with psycopg.connect(shared_server(), autocommit=True) as connection:
        name = _name_of(str(path))
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode()
        )
    return f"{database.rpartition('/')[0]}/{name}"


def new_database(name: str, *, template: str = "template0") -> str:
    """The URL of a new PostgreSQL database, empty or as a template of the server is."""
    server, made = shared_server(), _name_of(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {made} TEMPLATE {template} STRATEGY file_copy".encode()
        )
    return f"{server.rpartition('/')[0]}/{made}"


def _create(connection: psycopg.Connection, name: str, template: str) -> None:
    connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())


def _name_of(text: str) -> str:
    """Of a database: its own for each process of tests."""
    return "t" + hashlib.sha256(f"{os.getpid()} {text}".encode()).hexdigest()[:20]


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

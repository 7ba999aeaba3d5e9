"""The databases that faults are made on: a SQLite file, or a PostgreSQL server of its own."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

from tests.databases import rows
from tests.postgres import PostgresServer

Counts: TypeAlias = dict[str, float]
# Every server of a database has the same; raw ids are for faults that read the tables themselves.
KEY = {"FAIRLIFT_ID_KEY": "5a" * 32}
_PATIENCE_S = 30.0


class Ledger(Protocol):
    """A database that can be away."""

    @property
    def url(self) -> str:
        """What FAIRLIFT_DATABASE says."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What its servers need to be told."""
        ...

    @property
    def erased(self) -> Path:
        """The file that remembers who was erased."""
        ...

    def is_used(self) -> bool:
        """Whether it still does something for a server."""
        ...

    def away(self) -> AbstractContextManager[None]:
        """In this block no server can write to it."""
        ...


OpenLedger: TypeAlias = Callable[[], AbstractContextManager[Ledger]]


class _SqliteLedger:
    def __init__(self, folder: Path) -> None:
        self.url = str(folder / "shop.db")
        self.erased = folder / "shop.db.erased"
        self.settings = {"FAIRLIFT_DATABASE": self.url, **KEY}

    def is_used(self) -> bool:
        """Never: it does nothing without a server."""
        return False

    def away(self) -> AbstractContextManager[None]:
        """Another program has the file."""
        return locked(self.url)


class PostgresLedger:
    """A database of a PostgreSQL server, beside a folder of its servers."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self.url = server.url
        self.erased = folder / "shop.db.erased"
        files = {"FAIRLIFT_ERASED_FILE": str(self.erased)}
        self.settings = {"FAIRLIFT_DATABASE": self.url, **files, **KEY}

    def is_used(self) -> bool:
        """Whether a connection of a server is left, whose transaction may end yet."""
        connected = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'fairlift-server'"
        return bool(rows(self.url, connected))

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is killed, and comes back."""
        self._server.kill()
        try:
            yield
        finally:
            self._server.start()


@contextmanager
def postgres(**settings: str) -> Iterator[PostgresServer]:
    """A PostgreSQL server that keeps what it acknowledges."""
    server = PostgresServer({"fsync": "on", **settings})
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def sqlite_ledger() -> Iterator[Ledger]:
    """A file that does not exist yet."""
    with tempfile.TemporaryDirectory() as folder:
        yield _SqliteLedger(Path(folder))


@contextmanager
def postgres_ledger() -> Iterator[Ledger]:
    """An empty database."""
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        yield PostgresLedger(server, Path(folder))


# By the name that the counts have.
LEDGERS: Mapping[str, OpenLedger] = {"SQLite": sqlite_ledger, "PostgreSQL": postgres_ledger}


@contextmanager
def locked(file: str | Path) -> Iterator[None]:
    """Another program keeps a SQLite file for itself in this block."""
    with closing(sqlite3.connect(file, timeout=_PATIENCE_S)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.rollback()


def exposure_ids(database: str) -> list[str]:
    """The ids of the exposures, in the order in which they were stored."""
    stored = rows(database, "SELECT event_id FROM exposures ORDER BY id")
    return [bytes(event_id).hex() for (event_id,) in stored]

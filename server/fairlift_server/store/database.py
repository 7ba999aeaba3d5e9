"""The SQLite database: opening, migrations, one writer thread and several readers."""

import asyncio
import fcntl
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeAlias, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from fairlift.engine.errors import Overloaded, WrongState
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

log = logging.getLogger("fairlift.store")

T = TypeVar("T")
# For packages that do not import SQLAlchemy: a connection with an open transaction.
Transaction: TypeAlias = Connection

_MIGRATIONS = Path(__file__).parent / "migrations"
# The table in which Alembic stores the schema version.
_VERSIONS = "alembic_version"
_BUSY_MS = 5_000
# Checkpoints of 64 MB: frequent small ones cost a third of the ingest.
_CHECKPOINT_PAGES = 16_384
_READERS = 4
_PRAGMAS = (
    "journal_mode = WAL",
    # An acknowledged event survives a power failure, not only a crash of the process.
    "synchronous = FULL",
    f"busy_timeout = {_BUSY_MS}",
    f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
)


class Store:
    """An open database. Only one server can open a file.

    Several writers would wait for each other, and changes by another server would not reach the
    campaigns in memory.

    Raises:
        WrongState: another server has opened the file, the path is a folder, or its folder does not
            exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if not self.path.parent.is_dir():
            raise WrongState(f"the folder {self.path.parent} does not exist; create it first")
        if self.path.is_dir():
            raise WrongState(f"{self.path} is a folder; FAIRLIFT_DATABASE must name a file in it")
        self._lock = _lock_file(self.path)
        self._writing = _engine(self.path, begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(self.path, begin="BEGIN", connections=_READERS)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    def migrate(self) -> None:
        """Upgrades the tables to the version of this server, in one transaction.

        Raises:
            WrongState: another program or a newer Fairlift wrote the file, or it is not writable.
        """
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        try:
            with self._writing.begin() as connection:
                self._refuse_foreign_tables(connection)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise WrongState(
                f"{self.path} was written by a newer Fairlift ({error}); run that version, or set "
                "FAIRLIFT_DATABASE to another file"
            ) from None
        except DatabaseError as error:
            raise WrongState(
                f"cannot use {self.path}: {error.orig}; FAIRLIFT_DATABASE must name a SQLite file "
                "that this user may read and write and that no other program uses"
            ) from None

    def _refuse_foreign_tables(self, connection: Connection) -> None:
        tables = inspect(connection).get_table_names()
        if tables and _VERSIONS not in tables:
            raise WrongState(
                f"{self.path} contains the tables of another program, such as {tables[0]}; set "
                "FAIRLIFT_DATABASE to another file"
            )

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What the job returns, after its changes are durable; when it raises, nothing is changed.

        Raises:
            Overloaded: the database cannot write now (disk full, locked by another program).
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self.write_now, job)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the job returns; all its queries see the same state of the database."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, job)

    def write_now(self, job: Callable[[Connection], T]) -> T:
        """Like `write`, in the caller's thread: for start-up and tests."""
        try:
            with self._writing.begin() as connection:
                return job(connection)
        except OperationalError as error:
            # The caller only learns that it should retry: the log tells whoever runs the server.
            log.error("the database cannot write", extra={"fields": {"reason": str(error.orig)}})
            raise Overloaded(f"the database cannot write now: {error.orig}") from error

    def read_now(self, job: Callable[[Connection], T]) -> T:
        """Like `read`, in the caller's thread."""
        with self._reading.begin() as connection:
            return job(connection)

    def close(self) -> None:
        """Finishes running jobs and closes the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()
        self._lock.close()


def _lock_file(path: Path) -> IO[bytes]:
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = lock_path.open("wb")
    except OSError as error:
        raise WrongState(
            f"cannot write {lock_path}: {error.strerror}; let this user write to its folder, or "
            "set FAIRLIFT_DATABASE to another file"
        ) from None
    try:
        # The kernel releases this lock when the process ends, even after a crash.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise WrongState(
            f"another server uses {path}; stop it, or set FAIRLIFT_DATABASE to another file"
        ) from None
    return lock


def _engine(path: Path, *, begin: str, connections: int) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=connections, max_overflow=0)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # None: `start` below begins each transaction, not the driver.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

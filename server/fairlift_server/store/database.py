"""The SQLite file: opened, migrated, written by one thread, read by many."""

import asyncio
import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeAlias, TypeVar

from alembic import command
from alembic.config import Config
from fairlift.engine.errors import Overloaded, WrongState
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")
# What other packages call a connection with its transaction; they do not speak SQLAlchemy.
Transaction: TypeAlias = Connection

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 5_000
# Checkpoints of 64 MB: frequent small ones cost a third of the ingest.
_CHECKPOINT_PAGES = 16_384
_READERS = 4
_PRAGMAS = (
    "journal_mode = WAL",
    # An acknowledged event survives the loss of power, not only of the process.
    "synchronous = FULL",
    f"busy_timeout = {_BUSY_MS}",
    f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
)


class Store:
    """An open database. One per file: a second server is refused.

    Several writers would wait for each other; and the campaigns in memory must have one author.

    Raises:
        WrongState: another server holds the file, or its folder does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if not self.path.parent.is_dir():
            raise WrongState(f"the folder {self.path.parent} does not exist; create it first")
        self._lock = _locked(self.path)
        self._writing = _engine(self.path, begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(self.path, begin="BEGIN", connections=_READERS)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    def migrate(self) -> None:
        """Brings the tables to the version of this server; all or nothing."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._writing.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What the job returns, after its changes are durable; nothing of it when it raises.

        Raises:
            Overloaded: the database cannot write now (disk full, locked by another program).
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self.write_now, job)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the job finds, all of it as of one moment."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, job)

    def write_now(self, job: Callable[[Connection], T]) -> T:
        """As `write`, in the caller's thread: for start-up, and for tests."""
        try:
            with self._writing.begin() as connection:
                return job(connection)
        except OperationalError as error:
            raise Overloaded(f"the database cannot write now: {error.orig}") from error

    def read_now(self, job: Callable[[Connection], T]) -> T:
        """As `read`, in the caller's thread."""
        with self._reading.begin() as connection:
            return job(connection)

    def close(self) -> None:
        """Finishes what is under way and lets go of the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()
        self._lock.close()


def _locked(path: Path) -> IO[bytes]:
    lock = path.with_name(path.name + ".lock").open("wb")
    try:
        # The kernel lets go of it when the process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise WrongState(
            f"another server holds {path}; stop it, or set FAIRLIFT_DATABASE to another file"
        ) from None
    return lock


def _engine(path: Path, *, begin: str, connections: int) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=connections, max_overflow=0)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # None: the driver must not open transactions by itself; `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

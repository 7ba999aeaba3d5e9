"""The SQLite database: opening, migrations, one writer thread and several readers."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from fairlift.engine.errors import FairliftError, Overloaded, WrongState
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from fairlift_server.store.contents import Contents, contents
from fairlift_server.store.file_locks import FileLocks
from fairlift_server.store.last_write import LastWrite, opened_to_read
from fairlift_server.store.progress import begin_counting, count_write
from fairlift_server.store.write_check import try_tables
from fairlift_server.store.write_failures import WriteFailures

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
# What a job does wrong itself: the database can write, and other jobs go on.
_FAULTS_OF_THE_JOB = (IntegrityError, DataError, ProgrammingError)


class Store:
    """An open database. Only one server can open a file.

    Several writers would wait for each other, and changes by another server would not reach the
    campaigns in memory.

    Args:
        path: of the file; through links it is still the same file.
        accept: take the file as it is, though it may lack writes that it had.

    Raises:
        WrongState: another server has opened the file, it lacks writes that it had, the path is a
            folder, or its folder does not exist.
    """

    def __init__(self, path: Path, *, accept: bool = False) -> None:
        self.path = path.resolve()
        self.write_failures = WriteFailures()
        if not self.path.parent.is_dir():
            raise WrongState(f"the folder {self.path.parent} does not exist; create it first")
        if self.path.is_dir():
            raise WrongState(f"{self.path} is a folder; FAIRLIFT_DATABASE must name a file in it")
        self._last_write = LastWrite(self.path)
        self._counts_writes = False
        # Before the file is opened, which would create it, or drop the log of an emptied one.
        if not accept:
            _check_last_write(self._last_write, self.path)
        self._locks = FileLocks(self.path)
        if accept:
            self._last_write.forget()
        self._writing = _engine(self.path, begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(self.path, begin="BEGIN", connections=_READERS)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    def migrate(self, check: Callable[[Connection], None] | None = None) -> None:
        """Upgrades the tables to the version of this server, in one transaction.

        Args:
            check: of the upgraded database; when it raises, nothing is changed.

        Raises:
            WrongState: another program or a newer Fairlift wrote the file, or it is not writable.
        """
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        _refuse_foreign_tables(self.path)
        try:
            with self._writing.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                begin_counting(connection)
                if check is not None:
                    check(connection)
        except CommandError as error:
            raise WrongState(
                f"{self.path} was written by a newer Fairlift ({error}); run that version, or set "
                "FAIRLIFT_DATABASE to another file"
            ) from None
        except DatabaseError as error:
            raise _unusable(self.path, error.orig) from None
        self._counts_writes = True
        self.check_writes_now()

    def contents(self) -> Contents:
        """What the database contains, found without reading it through."""
        return self.read_now(contents)

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

    async def foreign_version(self) -> int:
        """A number that changes with every commit that is not the server's own.

        Source: SQLite's `PRAGMA data_version`, of the one connection that writes.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._data_version)

    def _data_version(self) -> int:
        # Without a transaction: it must answer while another program holds the lock.
        connection = self._writing.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA data_version")
            ((version,),) = cursor.fetchall()
            return int(version)
        finally:
            connection.close()

    def write_now(self, job: Callable[[Connection], T]) -> T:
        """Like `write`, in the caller's thread: for start-up and tests."""
        progress = None
        try:
            with self._writing.begin() as connection:
                result = job(connection)
                if self._counts_writes:
                    progress = count_write(connection)
        except FairliftError:
            raise
        except Exception as error:
            if not isinstance(error, DatabaseError) or isinstance(error, _FAULTS_OF_THE_JOB):
                self.write_failures.add_unexpected(error)
                raise
            raise self._cannot_write(error) from error
        if progress is not None:
            self._last_write.write(progress)
        return result

    async def check_writes(self) -> None:
        """Tries whether every table can be written, down to the disk.

        Raises:
            Overloaded: one cannot.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self.check_writes_now)

    def check_writes_now(self) -> None:
        """Like `check_writes`, in the caller's thread."""
        try:
            self.write_now(try_tables)
        except DatabaseError as error:
            raise self._cannot_write(error) from error
        self.write_failures.end()

    def _cannot_write(self, error: DatabaseError) -> Overloaded:
        # The caller only learns that it should retry: the log tells whoever runs the server.
        self.write_failures.add(str(error.orig))
        return Overloaded(f"the database cannot write now: {error.orig}")

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
        self._last_write.close()
        self._locks.close()


def read_beside(path: Path, job: Callable[[Connection], T]) -> T:
    """What the job reads from a database that a server may have open; it cannot write.

    Raises:
        WrongState: there is no such file, it lacks writes that it had, or it is not a database of
            this version.
    """
    path = check_ledger(path)
    engine = create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return job(connection)
    except DatabaseError as error:
        if "no such table" in str(error.orig):
            raise WrongState(
                f"{path} has no ledger of this version; check FAIRLIFT_DATABASE, or run "
                "`fairlift-server migrate` once"
            ) from None
        raise _unusable(path, error.orig) from None
    finally:
        engine.dispose()


def check_ledger(path: Path) -> Path:
    """The path of a database without links, after a look at its first pages.

    Raises:
        WrongState: there is no such file, it lacks writes that it had, or another program wrote it.
    """
    path = path.resolve()
    _check_last_write(LastWrite(path), path)
    if not path.is_file():
        raise WrongState(f"there is no database at {path}; check FAIRLIFT_DATABASE")
    _refuse_foreign_tables(path)
    return path


def _check_last_write(last_write: LastWrite, path: Path) -> None:
    try:
        last_write.check()
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from None


def _refuse_foreign_tables(path: Path) -> None:
    """Before a connection of ours turns the file's write-ahead log on."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(opened_to_read(path)) as connection:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = [name for (name,) in connection.execute(query)]
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from None
    if tables and _VERSIONS not in tables:
        raise WrongState(
            f"{path} contains the tables of another program, such as {tables[0]}; set "
            "FAIRLIFT_DATABASE to another file"
        )


def _unusable(path: Path, error: BaseException | None) -> WrongState:
    return WrongState(
        f"cannot use {path}: {error}; FAIRLIFT_DATABASE must name a SQLite file "
        "that this user may read and write and that no other program uses"
    )


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

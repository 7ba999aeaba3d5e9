"""The SQLite file: one server, one writer, and a note of how far its writes have come."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from fairlift_server.store.file_locks import FileLocks
from fairlift_server.store.last_write import LastWrite, Progress, opened_to_read
from fairlift_server.store.progress import begin_counting, count_write

# The table in which Alembic stores the schema version.
VERSIONS = "alembic_version"
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
    # What is deleted is overwritten: an erased id must not stay in a free part of the file.
    "secure_delete = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
)


class SqliteFile:
    """An open file. Only one server can open it.

    Several writers would wait for each other, and changes by another server would not reach the
    campaigns in memory.

    Args:
        path: of the file; through links it is still the same file.
        accept: take the file as it is, though it may lack writes that it had.

    Raises:
        WrongState: another server has opened the file, it lacks writes that it had, the path is a
            folder, or its folder does not exist.
    """

    writers = 1
    readers = _READERS
    is_shared = False

    def __init__(self, path: Path, *, accept: bool = False) -> None:
        self.path = path.resolve()
        self.source = self.name = str(self.path)
        if not self.path.parent.is_dir():
            raise WrongState(f"the folder {self.path.parent} does not exist; create it first")
        if self.path.is_dir():
            raise WrongState(f"{self.path} is a folder; FAIRLIFT_DATABASE must name a file in it")
        self._last_write = LastWrite(self.path)
        # Before the file is opened, which would create it, or drop the log of an emptied one.
        if not accept:
            _check_last_write(self._last_write, self.path)
        self._locks = FileLocks(self.path)
        if accept:
            self._last_write.forget()
        self.writing = _engine(self.path, begin="BEGIN IMMEDIATE", connections=1)
        # One more for `Store.read_soon`.
        self.reading = _engine(self.path, begin="BEGIN", connections=_READERS + 1)

    def refuse_foreign(self) -> None:
        """Refuses the file of another program.

        Raises:
            WrongState: it is one.
        """
        _refuse_foreign_tables(self.path)

    def refuse_other_servers(self) -> None:
        """Nothing to do: the locks of the file keep others out."""

    def keep_others_away(self) -> None:
        """Nothing to do: the locks of the file keep others out."""

    def check_alone(self) -> None:
        """Nothing to do: the locks last until the file is closed."""

    def migrated(self, connection: Connection) -> None:
        """Prepares the upgraded tables, in the same transaction."""
        begin_counting(connection)

    def count(self, connection: Connection) -> Progress | None:
        """Counts the connection's transaction as a write."""
        return count_write(connection)

    def note(self, progress: Progress) -> None:
        """Notes the count of a committed transaction beside the file."""
        self._last_write.write(progress)

    def foreign_version(self) -> int:
        """A number that changes with every commit that is not the server's own.

        Source: SQLite's `PRAGMA data_version`, of the one connection that writes.
        """
        # Without a transaction: it must answer while another program holds the lock.
        connection = self.writing.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA data_version")
            ((version,),) = cursor.fetchall()
            return int(version)
        finally:
            connection.close()

    def empty_log(self) -> bool:
        """Moves the write-ahead log into the file and empties it; whether it could."""
        connection = self.writing.raw_connection()
        try:
            cursor = connection.cursor()
            # Whoever reads a large look must not keep events waiting.
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            ((busy, *_),) = cursor.fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            return not busy
        finally:
            connection.close()

    def wait_for_change(self, timeout_s: float) -> None:
        """Returns when the time is over: nobody else changes campaigns."""
        time.sleep(timeout_s)

    def passes(self, _error: DatabaseError) -> bool:
        """Whether the same transaction may succeed when it is repeated at once."""
        return False

    def is_busy(self, _error: DatabaseError) -> bool:
        """Whether only one transaction waited for too long; another program holds the file."""
        return False

    def unusable(self, error: BaseException | None) -> WrongState:
        """Says that the file cannot be used."""
        return unusable_file(self.path, error)

    def close(self) -> None:
        """Closes the file."""
        self.reading.dispose()
        self.writing.dispose()
        self._last_write.close()
        self._locks.close()


def opened_beside(path: Path) -> Engine:
    """Connections to a file that a server may have open; they cannot write.

    Raises:
        WrongState: there is no such file, it lacks writes that it had, or another program's tables
            are in it.
    """
    path = check_ledger(path)
    return create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")


def opened_to_write_beside(path: Path) -> Engine:
    """A connection that changes a file which a server has open."""
    return _engine(path, begin="BEGIN IMMEDIATE", connections=1)


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
        raise unusable_file(path, error) from None


def _refuse_foreign_tables(path: Path) -> None:
    """Before a connection of ours turns the file's write-ahead log on."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(opened_to_read(path)) as connection:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = [name for (name,) in connection.execute(query)]
    except sqlite3.DatabaseError as error:
        raise unusable_file(path, error) from None
    if tables and VERSIONS not in tables:
        raise WrongState(
            f"{path} contains the tables of another program, such as {tables[0]}; set "
            "FAIRLIFT_DATABASE to another file"
        )


def unusable_file(path: Path, error: BaseException | None) -> WrongState:
    """Says that a file cannot be used."""
    return WrongState(
        f"cannot use {path}: {error}; FAIRLIFT_DATABASE must name a SQLite file "
        "that this user may read and write and that no other program uses"
    )


def _engine(path: Path, *, begin: str, connections: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=connections,
        max_overflow=0,
        # Errors end in the log, where no id may stand.
        hide_parameters=True,
    )

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

"""The database of a shop: a SQLite file, or a PostgreSQL database that several servers share."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from fairlift.engine.errors import FairliftError, Overloaded, Unavailable, WrongState
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from fairlift_server.store.connection_words import RULE, are_connection_words
from fairlift_server.store.contents import Contents, contents
from fairlift_server.store.move_marks import refuse_unfinished
from fairlift_server.store.postgres_database import PostgresDatabase, without_secrets
from fairlift_server.store.schema_version import NEWEST, Pending, is_newest
from fairlift_server.store.sqlite_file import SqliteFile, opened_beside, unusable_file
from fairlift_server.store.write_check import try_tables
from fairlift_server.store.write_failures import FAULTS_OF_A_JOB, WriteFailures

log = logging.getLogger("fairlift.store")

T = TypeVar("T")
# For packages that do not import SQLAlchemy: a connection with an open transaction.
Transaction: TypeAlias = Connection

# How often a transaction is tried that others keep from ending.
_ATTEMPTS = 5


# They have the same methods and attributes: what differs between a file and a server.
Database: TypeAlias = SqliteFile | PostgresDatabase


class Store:
    """An open database.

    Args:
        database: a path, or a URL such as postgresql://host/shop.
        accept: take a file as it is, though it may lack writes that it had.

    Raises:
        WrongState: it cannot be opened.
    """

    def __init__(self, database: str | Path, *, accept: bool = False) -> None:
        _refuse_connection_words(database)
        self.write_failures = WriteFailures()
        self._database: Database = (
            PostgresDatabase(str(database))
            if is_url(database)
            else SqliteFile(Path(database), accept=accept)
        )
        self._is_counting = False
        self._writer = ThreadPoolExecutor(self._database.writers, "store-writer")
        self._readers = ThreadPoolExecutor(self._database.readers, "store-reader")
        self._listener = ThreadPoolExecutor(1, "store-listener")
        self._small_reader = ThreadPoolExecutor(1, "store-small-reader")

    @property
    def name(self) -> str:
        """Of the database, for messages."""
        return self._database.name

    @property
    def source(self) -> str:
        """The path or the URL, which may hold a password."""
        return self._database.source

    @property
    def file(self) -> Path | None:
        """Of SQLite, where it is; None: it is a database of PostgreSQL."""
        return None if self.is_shared else Path(self.source)

    @property
    def is_shared(self) -> bool:
        """Whether other servers may write to the database, too."""
        return self._database.is_shared

    def migrate(
        self,
        check: Callable[[Connection], None] | None = None,
        *,
        to: str = NEWEST,
        is_backed_up: bool = False,
        may_be_unfinished: bool = False,
    ) -> None:
        """Upgrades the tables, or takes them back to an older revision, in one transaction.

        Args:
            check: of the upgraded database; when it raises, nothing is changed.
            to: a revision; by default that of this server.
            is_backed_up: whether migrations may run that cannot be undone.
            may_be_unfinished: whether it may be the target of a move that was stopped.

        Raises:
            WrongState: another program or a newer Fairlift wrote it, it is not writable, or a
                migration cannot be undone and there is no back-up.
        """
        self._database.refuse_foreign()
        try:
            if to != NEWEST and self._goes_back(to):
                self.refuse_other_servers()  # they know the newer tables only
            with self._database.writing.begin() as connection:
                if to != NEWEST or not is_newest(connection):
                    from fairlift_server.store.migration import migrate

                    migrate(connection, self.name, to=to, is_backed_up=is_backed_up)
                if to == NEWEST:
                    self._database.migrated(connection)
                    if not may_be_unfinished:
                        refuse_unfinished(connection, self.name)
                if check is not None:
                    check(connection)
        except DatabaseError as error:
            raise self._database.unusable(error.orig) from None
        if to != NEWEST:
            return
        self._is_counting = True
        try:
            self.check_writes_now()
        except Overloaded as error:
            if isinstance(error.__cause__, ProgrammingError):  # a right of the user is missing
                raise self._database.unusable(error.__cause__.orig) from None
            raise

    def _goes_back(self, to: str) -> bool:
        from fairlift_server.store.migration import undone_on_the_way

        with self._database.writing.connect() as connection:
            return bool(undone_on_the_way(connection, to))

    def refuse_other_servers(self) -> None:
        """Refuses to go on while a server uses the database; a file is locked when it is opened.

        Raises:
            WrongState: one does.
        """
        self._database.refuse_other_servers()

    def keep_others_away(self) -> None:
        """Until it is closed, no other program of Fairlift writes to the database.

        Raises:
            WrongState: one uses it now.
        """
        self._database.keep_others_away()

    def check_alone(self) -> None:
        """Raises WrongState where others could have written since they were to be kept away."""
        self._database.check_alone()

    def contents(self) -> Contents:
        """What the database contains, found without reading it through."""
        return self.read_now(contents)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What the job returns, after its changes are durable; when it raises, nothing is changed.

        The job may run more than once: a transaction that another server disturbed is repeated.

        Raises:
            Overloaded: the database cannot write now (disk full, locked by another program).
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self.write_now, job)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the job returns; all its queries see the same state of the database."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, job)

    async def read_soon(self, job: Callable[[Connection], T]) -> T:
        """Like `read`, for a small question that must not wait behind large ones."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._small_reader, self.read_now, job)

    async def wait_for_change(self, timeout_s: float) -> None:
        """Returns when another server announces a change of campaigns, or the time is over."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._listener, self._database.wait_for_change, timeout_s)

    async def foreign_version(self) -> int:
        """A number that changes whenever others change what lists of reports are made from."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._database.foreign_version)

    def write_now(self, job: Callable[[Connection], T], *, attempts: int = _ATTEMPTS) -> T:
        """Like `write`, in the caller's thread: for start-up and tests.

        Args:
            job: what is to be written.
            attempts: how often at most it runs.
        """
        for attempts_left in reversed(range(attempts)):
            try:
                return self._written(job)
            except Overloaded as error:  # no connection: another program is alone with it
                self.write_failures.add(str(error))
                raise
            except FairliftError:
                raise
            except Exception as error:
                if (
                    isinstance(error, DatabaseError)
                    and attempts_left
                    and self._database.passes(error)
                ):
                    continue
                if isinstance(error, DatabaseError | NoConnection) and not isinstance(
                    error, FAULTS_OF_A_JOB
                ):
                    if isinstance(error, DatabaseError) and self._database.is_busy(error):
                        raise Overloaded(f"the database is busy: {_reason(error)}") from error
                    raise self._cannot_write(error) from error
                self.write_failures.add_unexpected(error)
                raise
        raise AssertionError("the last attempt returns or raises")

    def _written(self, job: Callable[[Connection], T]) -> T:
        progress = None
        with self._database.writing.begin() as connection:
            result = job(connection)
            if self._is_counting:
                progress = self._database.count(connection)
        if progress is not None:
            self._database.note(progress)
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

    def _cannot_write(self, error: DatabaseError | NoConnection) -> Overloaded:
        # The caller only learns that it should retry: the log tells whoever runs the server.
        reason = _reason(error)
        self.write_failures.add(reason)
        return Overloaded(f"the database cannot write now: {reason}")

    async def empty_log(self) -> bool:
        """Moves the write-ahead log into the file and empties it: it holds what was deleted.

        False: somebody still reads an older state; try again later.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self.empty_log_now)

    def empty_log_now(self) -> bool:
        """Like `empty_log`, in the caller's thread."""
        return self._database.empty_log()

    def read_now(self, job: Callable[[Connection], T]) -> T:
        """Like `read`, in the caller's thread.

        Raises:
            Unavailable: the server of the database is away.
        """
        try:
            with self._database.reading.begin() as connection:
                return job(connection)
        except (DatabaseError, NoConnection) as error:
            if isinstance(error, FAULTS_OF_A_JOB) or not self.is_shared:
                raise
            raise Unavailable(f"the database cannot be read now: {_reason(error)}") from error

    def close(self) -> None:
        """Finishes running jobs and closes the database."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._listener.shutdown()
        self._small_reader.shutdown()
        self._database.close()


def existing_store(database: str | Path, *, accept: bool = False) -> Store:
    """The store of a database that is there.

    Args:
        database: a file, or the address of a PostgreSQL database.
        accept: as of Store.

    Raises:
        WrongState: there is no such file, or it cannot be opened.
    """
    _refuse_connection_words(database)
    if not is_url(database) and not Path(database).is_file():
        raise WrongState(f"there is no database at {Path(database).resolve()}")
    return Store(database, accept=accept)


def _refuse_connection_words(database: str | Path) -> None:
    if are_connection_words(str(database)):
        # Without them: one may be a password.
        raise WrongState(f"the name of a database {RULE}")


def _reason(error: DatabaseError | NoConnection) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())


def is_url(database: str | Path) -> bool:
    """Whether it names a PostgreSQL database, not a file."""
    return str(database).startswith(("postgresql://", "postgres://"))


def name_one_database(one: str, other: str) -> bool:
    """Whether two texts name one database; two URLs may do so and differ."""
    if is_url(one) or is_url(other):
        return one == other
    return Path(one).resolve() == Path(other).resolve()


def pending_migrations(database: str | Path, to: str = NEWEST) -> tuple[str, list[Pending]]:
    """The name of a database, and the migrations that it lacks; changes nothing.

    Raises:
        WrongState: there is no such database, or it is not Fairlift's.
    """
    from fairlift_server.store.migration import pending

    name = without_secrets(str(database)) if is_url(database) else str(Path(database).resolve())
    return name, read_beside(database, lambda transaction: pending(transaction, name, to=to))


def read_beside(database: str | Path, job: Callable[[Connection], T]) -> T:
    """What the job reads from a database that a server may have open; it cannot write.

    Raises:
        WrongState: there is no such database, or it is not one of this version.
    """
    if is_url(database):
        shared = PostgresDatabase(str(database))
        name, engine, unusable = shared.name, shared.reading, shared.unusable
        shared.refuse_foreign()
    else:
        path = Path(database).resolve()
        name, engine, unusable = str(path), opened_beside(path), partial(unusable_file, path)
    try:
        with engine.connect() as connection:
            return job(connection)
    except DatabaseError as error:
        text = str(error.orig)
        if "no such table" in text or "does not exist" in text:
            raise WrongState(
                f"{name} has no ledger of this version; check FAIRLIFT_DATABASE, or run "
                "`fairlift-server migrate` once"
            ) from None
        raise unusable(error.orig) from None
    finally:
        engine.dispose()

"""A PostgreSQL database: many servers, each with a few connections."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError, OperationalError

from fairlift_server.store.last_write import Progress
from fairlift_server.store.locks import CHANGES
from fairlift_server.store.new_ids import hand_over_bytes
from fairlift_server.store.partitions import make_partitions
from fairlift_server.store.sqlite_file import VERSIONS
from fairlift_server.store.writers_lock import WritersLock

if TYPE_CHECKING:
    import psycopg

_OLDEST = 15
_PROGRAM = "fairlift-server"
_WRITERS = 4
_READERS = 4
_CONNECT_S = 5
_LEAVING_S = 5
# A statement, and a transaction between two statements, may take so long: no transaction outlives
# the call that it was for by more.
_STATEMENT_MS = 30_000
_LOCK_MS = 10_000
_IDLE_MS = 30_000
_LIMITS = (
    f"SET statement_timeout = {_STATEMENT_MS}; SET lock_timeout = {_LOCK_MS}; "
    f"SET idle_in_transaction_session_timeout = {_IDLE_MS}"
)
# Notices within half a minute that the other side is gone.
_KEEP_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# An acknowledged event survives a crash; a stronger setting of the database stays.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
# Deadlock, serialisation, and a key that another server committed a moment ago.
_PASSING = frozenset({"40P01", "40001", "23505"})
# A lock, or a statement that took too long.
_BUSY = frozenset({"55P03", "57014"})
# Changes with each row that anybody adds, changes or removes.
_LOOKS_VERSION = (
    "SELECT (SELECT coalesce(sum(hashint8(xmin::text::bigint)::bigint), 0) + count(*) FROM looks) "
    "+ (SELECT coalesce(sum(hashint8(xmin::text::bigint)::bigint), 0) + count(*) "
    "FROM report_lines)"
)
_CONNECTED = (
    "SELECT pid, coalesce(client_addr::text, 'on the same machine') FROM pg_stat_activity "
    f"WHERE datname = current_database() AND application_name = '{_PROGRAM}'"
)
# A random name, the same in copies of the database.
_NAME = (
    "INSERT INTO ledger_state (id, ledger, writes, events) "
    "VALUES (1, replace(gen_random_uuid()::text, '-', ''), 0, 0) ON CONFLICT (id) DO NOTHING"
)
_FOREIGN_TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() "
    "AND table_type = 'BASE TABLE' ORDER BY table_name"
)


class PostgresDatabase:
    """A database of the URL that libpq understands, also with several hosts.

    Raises:
        WrongState: it cannot be reached, is too old, or is not in UTF-8.
    """

    writers = _WRITERS
    readers = _READERS
    is_shared = True

    def __init__(self, url: str) -> None:
        self.source = url
        self._listening: psycopg.Connection | None = None
        self.name = without_secrets(url)
        connect = _connecting(url)
        self._lock = WritersLock(self.name, connect)
        self.writing = _engine(self._lock.shared, connections=_WRITERS)
        # More for the version of the looks, which a writer's thread asks for, and for `read_soon`.
        self.reading: Engine = _engine(connect, connections=_READERS + 2).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        try:
            with self._raw() as connection:
                check_server(
                    self.name,
                    version=connection.info.server_version,
                    encoding=connection.info.parameter_status("server_encoding"),
                )
        except BaseException:
            self.close()
            raise

    def refuse_foreign(self) -> None:
        """Refuses the database of another program.

        Raises:
            WrongState: it is one.
        """
        with self._raw() as connection:
            tables = [name for (name,) in connection.execute(_FOREIGN_TABLES)]
        if tables and VERSIONS not in tables:
            raise WrongState(
                f"{self.name} contains the tables of another program, such as {tables[0]}; set "
                "FAIRLIFT_DATABASE to another database"
            )

    def refuse_other_servers(self) -> None:
        """Refuses to go on while another program of Fairlift is connected.

        Raises:
            WrongState: one is.
        """
        with self.writing.connect() as own, self._raw() as connection:
            mine = own.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            others = [row for row in connection.execute(_CONNECTED) if row[0] != mine]
        if others:
            raise WrongState(
                f"a server of Fairlift uses {self.name} ({others[0][1]}); stop it first"
            )

    def keep_others_away(self) -> None:
        """Until it is closed, no other program of Fairlift writes to it.

        Raises:
            WrongState: one is connected, or the database cannot be used.
        """
        import psycopg

        give_up = time.monotonic() + _LEAVING_S
        try:
            while not self._lock.hold():
                self.refuse_other_servers()
                if time.monotonic() > give_up:
                    raise WrongState(f"a server of Fairlift uses {self.name}; stop it first")
                # PostgreSQL notices a little later that the connections of a server were closed.
                time.sleep(0.1)
        except psycopg.Error as error:
            raise self.unusable(error) from None
        # Without the lock are those that only read, and those of older versions.
        self.refuse_other_servers()

    def check_alone(self) -> None:
        """Raises WrongState where others could have written since they were to be kept away."""
        self._lock.check()

    def migrated(self, connection: Connection) -> None:
        """Prepares the upgraded tables, in the same transaction."""
        savepoint = connection.begin_nested()
        try:
            make_partitions(connection)
        except OperationalError:
            # Somebody reads for long: the upkeep makes them later, they are of days to come.
            savepoint.rollback()
        else:
            savepoint.commit()
        connection.exec_driver_sql(_NAME)

    def count(self, _connection: Connection) -> Progress | None:
        """Nothing: PostgreSQL itself notices that writes are missing."""
        return None

    def note(self, progress: Progress) -> None:
        """Nothing is counted."""

    def foreign_version(self) -> int:
        """A number that changes whenever looks, or what lists say of them, do."""
        with self.reading.connect() as connection:
            return int(connection.exec_driver_sql(_LOOKS_VERSION).scalar_one())

    def empty_log(self) -> bool:
        """Nothing to do: PostgreSQL recycles its log by itself."""
        return True

    def wait_for_change(self, timeout_s: float) -> None:
        """Returns when a server announces a change of campaigns, or the time is over.

        Only one thread may wait.
        """
        import psycopg

        try:
            if self._listening is None:
                self._listening = psycopg.connect(
                    self.source, autocommit=True, connect_timeout=_CONNECT_S
                )
                self._listening.execute(f"LISTEN {CHANGES}")
            list(self._listening.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error:
            # The poll goes on without announcements until the database is back.
            self._stop_listening()
            time.sleep(timeout_s)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def passes(self, error: DatabaseError) -> bool:
        """Whether the same transaction may succeed when it is repeated at once."""
        return getattr(error.orig, "sqlstate", None) in _PASSING

    def is_busy(self, error: DatabaseError) -> bool:
        """Whether only this transaction waited for too long: the database can write others."""
        return getattr(error.orig, "sqlstate", None) in _BUSY

    def unusable(self, error: BaseException | None) -> WrongState:
        """Says that the database cannot be used."""
        return _unusable(self.name, error)

    def close(self) -> None:
        """Closes all connections."""
        self._stop_listening()
        self.reading.dispose()
        self.writing.dispose()
        self._lock.close()

    @contextmanager
    def _raw(self) -> "Iterator[psycopg.Connection]":
        """A connection of the driver.

        Raises:
            WrongState: there is none.
        """
        import psycopg

        try:
            with psycopg.connect(self.source, connect_timeout=_CONNECT_S) as connection:
                yield connection
        except psycopg.Error as error:
            raise _unusable(self.name, error) from None


def _connecting(url: str) -> "Callable[[], psycopg.Connection]":
    """What opens a connection.

    Raises:
        WrongState: the driver is not installed, or the URL is none.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise WrongState(
            "FAIRLIFT_DATABASE names PostgreSQL, whose driver is not installed: "
            "pip install 'fairlift[postgres]'"
        ) from None
    place = url.partition("://")[2].partition("?")[0]
    if place.count("@") > 1:  # libpq would take the rest of the password for the host
        raise _no_url("")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # What cannot be decoded is quoted, and may be the password.
        raise _no_url("" if "percent" in str(error) else f" ({str(error).strip()})") from None
    defaults: dict[str, str | int] = {"connect_timeout": _CONNECT_S, **_KEEP_ALIVE}
    more = {name: value for name, value in defaults.items() if name not in parts}
    more["application_name"] = _PROGRAM  # by which `refuse_other_servers` knows it

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(url, **more)  # type: ignore[arg-type]  # libpq's parameters
        try:
            connection.execute(_LIMITS)
            connection.execute(_DURABLE)
            connection.commit()
            hand_over_bytes(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _no_url(reason: str) -> WrongState:
    return WrongState(
        f"FAIRLIFT_DATABASE is no URL of PostgreSQL{reason}; it must be "
        "postgresql://USER:PASSWORD@HOST/NAME, with % as %25, @ as %40 and / as %2F in user and "
        "password"
    )


def _engine(connect: "Callable[[], psycopg.Connection]", *, connections: int) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=connections,
        max_overflow=0,
        # A connection that the server has closed is replaced before it is used.
        pool_pre_ping=True,
        pool_timeout=_CONNECT_S,
        # Errors end in the log, where no id may stand.
        hide_parameters=True,
    )


def check_server(name: str, *, version: int, encoding: str | None) -> None:
    """Refuses a server that is too old, and a database that cannot keep every letter.

    Args:
        name: of the database.
        version: as libpq says it, 150003 for 15.3.
        encoding: of the database.

    Raises:
        WrongState: it is refused.
    """
    if version // 10_000 < _OLDEST:
        old = version // 10_000
        raise WrongState(f"{name} is PostgreSQL {old}; Fairlift needs {_OLDEST} or later")
    if encoding != "UTF8":
        raise WrongState(
            f"{name} is in {encoding}; Fairlift needs UTF8: create it with ENCODING 'UTF8'"
        )


def without_secrets(url: str) -> str:
    """The URL as messages and logs show it: without user, password and options."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{place}"


def _unusable(name: str, error: BaseException | None) -> WrongState:
    reason = " ".join(str(error).split())
    return WrongState(
        f"cannot use {name}: {reason}; FAIRLIFT_DATABASE must name a PostgreSQL database that "
        "exists, and whose user may create tables in it"
    )

"""Keeps programs that write away from a PostgreSQL database, such as while its shop moves.

A lock of PostgreSQL's that belongs to a connection: every connection that writes shares it, and
whoever wants to be alone holds it alone. A SQLite file is locked when it is opened.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from fairlift.engine.errors import Overloaded, WrongState

if TYPE_CHECKING:
    import psycopg

# Any number that `store/locks.py` does not have.
_WRITERS = 7_306
_SHARE = f"SELECT pg_try_advisory_lock_shared({_WRITERS})"
_LET_GO = f"SELECT pg_advisory_unlock({_WRITERS})"
_HOLD = f"SELECT pg_try_advisory_lock({_WRITERS})"


class WritersLock:
    """The lock as one program sees it.

    Args:
        name: of the database, for messages.
        connect: opens a connection; its error: the database is away.
    """

    def __init__(self, name: str, connect: "Callable[[], psycopg.Connection]") -> None:
        self._name = name
        self._connect = connect
        self._alone: psycopg.Connection | None = None

    def shared(self) -> "psycopg.Connection":
        """A new connection that may write; for as long as it is open, nobody is alone.

        Raises:
            Overloaded: another program is alone with the database.
        """
        connection = self._connect()
        if self._alone is None and not _is_true(connection, _SHARE):
            connection.close()
            raise Overloaded(
                f"`fairlift-server move` copies {self._name} now; use it again when that has ended"
            )
        return connection

    def hold(self) -> bool:
        """Until it is closed, no other program writes; False: one does now."""
        connection = self._connect()
        # It says nothing until the end, and is no server.
        connection.execute("SET idle_session_timeout = 0")
        connection.execute("SET application_name = 'fairlift-server move'")
        connection.commit()
        if not _is_true(connection, _HOLD):
            connection.close()
            return False
        self._alone = connection
        return True

    def check(self) -> None:
        """Raises WrongState where others could have written since it was held."""
        import psycopg

        if self._alone is None:
            return
        try:
            self._alone.execute("SELECT 1")
            self._alone.commit()
        except psycopg.Error:
            raise WrongState(
                f"the connection that kept servers away from {self._name} was lost; run the same "
                "`fairlift-server move` again: it goes on where it was stopped"
            ) from None

    def close(self) -> None:
        """Lets others write."""
        import psycopg

        if self._alone is not None:
            # PostgreSQL notices a little later that a connection was closed.
            with suppress(psycopg.Error):
                _is_true(self._alone, _LET_GO)
            self._alone.close()
            self._alone = None


def _is_true(connection: "psycopg.Connection", statement: str) -> bool:
    row = connection.execute(statement.encode()).fetchone()
    connection.commit()
    return row is not None and bool(row[0])

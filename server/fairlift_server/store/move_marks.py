"""Marks a database as the target of a move, from its beginning to its end."""

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection, insert, select, update

from fairlift_server.store import tables
from fairlift_server.store.progress import NUMBERED_TABLES

# Before the name of the ledger.
_UNFINISHED = "moving "


def begin_move(connection: Connection, ledger: str, target: str) -> None:
    """Marks the target of a move, or finds that the same move was begun.

    Args:
        connection: to the target.
        ledger: the name of the ledger that moves.
        target: its database, for messages.

    Raises:
        WrongState: the target has contents of its own.
    """
    name = _name(connection)
    if name == _UNFINISHED + ledger:
        return
    if name.startswith(_UNFINISHED):
        raise WrongState(f"a move of another database into {target} was begun; take an empty one")
    for table in (tables.campaigns, *NUMBERED_TABLES):
        if connection.execute(select(table.c.id).limit(1)).first() is not None:
            raise WrongState(f"{target} has {table.name} already; take an empty database")
    _mark(connection, _UNFINISHED + ledger)


def has_ended(connection: Connection, ledger: str) -> bool:
    """Whether this ledger has moved into the database."""
    return _name(connection) == ledger


def end_move(connection: Connection, ledger: str) -> None:
    """Says that everything is there."""
    _mark(connection, ledger)


def refuse_unfinished(connection: Connection, target: str) -> None:
    """Refuses a database that lacks what has not moved yet.

    Raises:
        WrongState: it does.
    """
    if _name(connection).startswith(_UNFINISHED):
        raise WrongState(
            f"a move into {target} was begun and not ended; run the same `fairlift-server move` "
            "again: it goes on where it was stopped"
        )


def _name(connection: Connection) -> str:
    return connection.execute(select(tables.ledger_state.c.ledger)).scalar() or ""


def _mark(connection: Connection, name: str) -> None:
    if connection.execute(update(tables.ledger_state).values(ledger=name)).rowcount == 0:
        values = {"id": 1, "ledger": name, "writes": 0, "events": 0}
        connection.execute(insert(tables.ledger_state).values(values))

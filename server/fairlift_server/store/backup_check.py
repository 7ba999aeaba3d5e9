"""Whether a copy of a database is whole, found by reading all of it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fairlift.engine.errors import WrongState

from fairlift_server.store.progress import COUNTED_EVENTS

_MOST_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database says of itself.

    Attributes:
        schema: version of its tables.
        ledger: its random name.
        writes: transactions that changed it.
        events: in its ledger.
    """

    schema: str
    ledger: str
    writes: int
    events: int


def checked_facts(copy: Path) -> DatabaseFacts:
    """What a copy that nobody else has open says of itself, after a check of all its pages.

    Raises:
        WrongState: it is damaged, or is not a database of Fairlift.
    """
    try:
        # Immutable: SQLite then leaves no log beside it.
        with closing(
            sqlite3.connect(f"file:{quote(str(copy))}?mode=ro&immutable=1", uri=True)
        ) as connection:
            _refuse_damage(copy, connection)
            stated = facts(connection)
            (counted,) = connection.execute(COUNTED_EVENTS).fetchone()
    except sqlite3.DatabaseError as error:
        raise WrongState(f"{copy} is damaged or is not a database of Fairlift: {error}") from None
    if counted != stated.events:
        raise WrongState(
            f"{copy} is damaged: its ledger has {counted:,} events and says {stated.events:,}"
        )
    return stated


def facts(connection: sqlite3.Connection) -> DatabaseFacts:
    """What the database of a connection says of itself.

    Raises:
        sqlite3.DatabaseError: it is not a database of Fairlift.
    """
    row = connection.execute(
        "SELECT version_num, ledger, writes, events FROM alembic_version, ledger_state"
    ).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it has no ledger; run `fairlift-server migrate` once")
    return DatabaseFacts(*row)


def _refuse_damage(copy: Path, connection: sqlite3.Connection) -> None:
    problems = [
        str(line)
        for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")
        if line != "ok"
    ]
    problems += [
        f"row {row} of {table} refers to no row of {parent}"
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(
            _MOST_PROBLEMS
        )
    ]
    if problems:
        raise WrongState(f"{copy} is damaged: {'; '.join(problems)}")

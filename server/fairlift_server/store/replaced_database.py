"""Keeps a database that a restore replaces under another name, with the log that belongs to it."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from glob import escape
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.store.durable_files import sync
from fairlift_server.store.files_to_keep import beside

_KEPT = ".before-restore-"
# What SQLite would apply to whatever file has the database's name.
_LOGS = ("-wal", "-journal")


def keep_database(database: Path, now: datetime) -> Path:
    """The second name of a database, which keeps its first one until that is given away.

    Its logs are at the second name only. `remove_second_names` undoes all of it.

    Args:
        database: with something in it; the caller holds its locks.
        now: becomes part of the name, in UTC.

    Raises:
        WrongState: the name is taken.
    """
    second = database.with_name(f"{database.name}{_KEPT}{now:%Y%m%dT%H%M%SZ}")
    if second.exists():
        raise WrongState(f"{second} exists already; try again in a second")
    _write_back_log(database)
    for suffix in ("", *_LOGS):
        path = beside(database, suffix)
        if path.exists() and (not suffix or path.stat().st_size):
            _name_twice(path, beside(second, suffix))
    sync(database.parent)
    for suffix in (*_LOGS, "-shm"):
        beside(database, suffix).unlink(missing_ok=True)
    sync(database.parent)
    return second


def remove_second_names(database: Path) -> None:
    """Undoes `keep_database` where the restore did not come to its end."""
    if not database.exists():
        return
    for second in database.parent.glob(f"{escape(database.name + _KEPT)}*Z"):
        if not second.samefile(database):
            continue
        for suffix in _LOGS:
            if (log := beside(second, suffix)).exists():
                log.replace(beside(database, suffix))
        sync(database.parent)
        second.unlink()
        sync(database.parent)


def _write_back_log(database: Path) -> None:
    """Has SQLite move its log into the file; a damaged database keeps its log."""
    if not database.stat().st_size:
        return  # SQLite would drop the log of an emptied file
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _name_twice(path: Path, second: Path) -> None:
    try:
        os.link(path, second)
    except OSError:  # a file system without hard links
        path.rename(second)

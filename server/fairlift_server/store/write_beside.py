"""Small changes of a database that a server may have open."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fairlift.engine.errors import WrongState
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from fairlift_server.store.database import Store, existing_store, is_url
from fairlift_server.store.file_locks import is_used
from fairlift_server.store.sqlite_file import check_ledger, opened_to_write_beside, unusable_file

T = TypeVar("T")
# PostgreSQL's code for a right that is missing.
_NOT_ALLOWED = "42501"


def write_beside(database: str, job: Callable[[Connection], T]) -> T:
    """What the job returns, after its changes are durable; servers notice them by themselves.

    Raises:
        WrongState: there is no such database, it is not one of this version, or it cannot be
            written.
    """
    if not is_url(database) and is_used(Path(database)):
        return _write_file(Path(database), job)
    store = existing_store(database)
    try:
        if not store.is_shared:
            store.migrate()
        return _written(store, job)
    finally:
        store.close()


def _written(store: Store, job: Callable[[Connection], T]) -> T:
    try:
        return store.write_now(job)
    except DatabaseError as error:
        raise _other_version(store.name, error) from None


def _write_file(path: Path, job: Callable[[Connection], T]) -> T:
    """Beside the server that has the file; SQLite lets one of them write at a time."""
    path = check_ledger(path)
    engine = opened_to_write_beside(path)
    try:
        with engine.begin() as connection:
            return job(connection)
    except DatabaseError as error:
        if "no such table" in str(error.orig):
            raise _other_version(str(path), error) from None
        raise unusable_file(path, error.orig) from None
    finally:
        engine.dispose()


def _other_version(name: str, error: DatabaseError) -> WrongState:
    reason = " ".join(str(error.orig).split())
    if getattr(error.orig, "sqlstate", "") == _NOT_ALLOWED:
        return WrongState(f"{name} cannot be written: {reason}; give FAIRLIFT_DATABASE its owner")
    return WrongState(
        f"{name} is not one of this version ({reason}); run `fairlift-server migrate` once"
    )

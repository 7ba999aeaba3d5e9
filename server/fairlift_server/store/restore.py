"""Puts a back-up in the place of a SQLite database, in one step."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.store.backup_check import DatabaseFacts, checked_facts
from fairlift_server.store.backup_manifest import BackupManifest, read_backup_manifest
from fairlift_server.store.durable_files import copy_hashed, failures_named, put, sync
from fairlift_server.store.file_locks import FileLocks
from fairlift_server.store.files_to_keep import beside
from fairlift_server.store.last_write import LastWrite, Progress, opened_to_read, progress_of
from fairlift_server.store.replaced_database import keep_database, remove_second_names

# Changes the restored file before it gets its name: a restored visitor who was erased since must
# never be seen.
Prepare = Callable[[Path], None]
_VALID_TOKENS = (
    "SELECT id FROM tokens WHERE revoked_us IS NULL AND coalesce(expires_us > ?, TRUE) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        database: its path.
        manifest: of the back-up.
        kept: the file that was there before; None: there was none.
        valid_tokens: ids of those that the back-up holds as valid, revoked since or not.
    """

    database: Path
    manifest: BackupManifest
    kept: Path | None
    valid_tokens: tuple[str, ...]


def restore_backup(
    backup: Path,
    database: Path,
    *,
    replace: bool = False,
    accept: bool = False,
    prepare: Prepare = lambda _copy: None,
) -> Restored:
    """Puts a back-up in the place of a database that no server uses.

    Until the last step, the database is as it was, also when the process is killed.

    Args:
        backup: with its manifest beside it.
        database: in a folder that exists.
        replace: an existing database, which is kept under another name.
        accept: that the back-up lacks events which the database had.
        prepare: changes the restored file before it gets its name.

    Raises:
        WrongState: the back-up is damaged, or one of the above forbids it; nothing was changed.
    """
    database = database.resolve()
    manifest = read_backup_manifest(backup)
    if not database.parent.is_dir():
        raise WrongState(f"the folder {database.parent} does not exist; create it first")
    if database.is_dir():
        raise WrongState(f"{database} is a folder; FAIRLIFT_DATABASE must name a file in it")
    was_there = database.exists()
    remove_second_names(database)
    locks = FileLocks(database)
    new = database.with_name(database.name + ".restoring")
    try:
        with failures_named(f"restoring {database}"):
            if _is_used(database) and not replace:
                raise WrongState(
                    f"{database} exists already; with --replace it is kept under another name"
                )
            last_write = LastWrite(database)
            if not accept:
                _refuse_loss(last_write, manifest, database)
            _copy(backup, new, manifest)
            prepare(new)
            if beside(new, "-wal").exists():
                raise WrongState(f"{new} is still open; nothing was changed")
            tokens = _valid_tokens(new)
            kept = keep_database(database, datetime.now(UTC)) if _is_used(database) else None
            if accept:
                last_write.forget()
                sync(database.parent)
            put(new, database)
        return Restored(database, manifest, kept, tokens)
    finally:
        for left in database.parent.glob(f"{escape(new.name)}*"):
            left.unlink()
        remove_second_names(database)  # after a failure: it is as it was
        if not was_there and database.exists() and database.stat().st_size == 0:
            database.unlink()  # our lock made it
        locks.close()


def _copy(backup: Path, new: Path, manifest: BackupManifest) -> None:
    """Copies the back-up, and checks the copy."""
    digest = copy_hashed(backup, new)
    if digest != manifest.sha256:
        size = new.stat().st_size
        difference = f"{size:,} bytes, not {manifest.bytes:,}" if size != manifest.bytes else digest
        raise WrongState(
            f"{backup} is not the file that its manifest describes ({difference}); restore another "
            "back-up, or copy this one again"
        )
    expected = DatabaseFacts(manifest.schema, manifest.ledger, manifest.writes, manifest.events)
    if checked_facts(new) != expected:
        raise WrongState(f"{backup} does not hold what its manifest says; restore another back-up")


def _valid_tokens(copy: Path) -> tuple[str, ...]:
    with closing(opened_to_read(copy)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tokens'").fetchone():
            return ()  # of a version that had none
        now_us = time.time_ns() // 1_000
        return tuple(name for (name,) in connection.execute(_VALID_TOKENS, (now_us,)))


def _is_used(database: Path) -> bool:
    """Whether there is anything that a restore would replace."""
    paths = (database, beside(database, "-wal"))
    return any(path.exists() and path.stat().st_size for path in paths)


def _refuse_loss(last_write: LastWrite, manifest: BackupManifest, database: Path) -> None:
    """Refuses a back-up that lacks what the database had, by its note or by the file itself."""
    for known in (last_write.known(), _known_to(database)):
        if known is None or not known.ledger:
            continue
        if known.ledger != manifest.ledger:
            raise WrongState(
                f"{manifest.file} is a back-up of another database than {database}, which had "
                f"{known.events:,} events; if it is to take its place, add --accept"
            )
        if known.writes > manifest.writes:
            lost = known.events - manifest.events
            events = f"{lost:,} events and " if lost > 0 else ""
            raise WrongState(
                f"{manifest.file} lacks the last {events}"
                f"{known.writes - manifest.writes:,} writes of {database}: it was made at "
                f"{manifest.made} and has {manifest.events:,} events, the database had "
                f"{known.events:,}; if that is to be so, add --accept"
            )


def _known_to(database: Path) -> Progress | None:
    """What the file says of itself; None: nothing that can be read."""
    try:
        return progress_of(database)
    except sqlite3.DatabaseError:
        return None

"""A back-up of a SQLite database while a server uses it."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from fairlift.engine.errors import WrongState

from fairlift_server.store.backup_check import DatabaseFacts, checked_facts, facts
from fairlift_server.store.backup_manifest import (
    BackupManifest,
    manifest_path,
    read_backup_manifest,
)
from fairlift_server.store.durable_files import failures_named, put, sha256, sync
from fairlift_server.store.sqlite_file import check_ledger

# 16 MB: between two of them Ctrl-C is heard.
_STEP_PAGES = 4_096


def make_backup(database: Path, backup: Path) -> BackupManifest:
    """Writes a back-up and its manifest; a failure leaves neither.

    The copy is of one moment: all that was acknowledged before the call is in it. Writers do not
    wait for it, but SQLite's write-ahead log grows until it ends.

    Args:
        database: of a server that may run.
        backup: a new file.

    Raises:
        WrongState: the file exists, it cannot be written, or the database is damaged.
    """
    database = check_ledger(database)
    backup = backup.absolute()
    if not backup.parent.is_dir():
        raise WrongState(f"the folder {backup.parent} does not exist; create it first")
    _refuse_existing(backup)
    partial = backup.with_name(f".{backup.name}.partial")
    new_manifest = backup.with_name(f".{backup.name}.json.partial")
    with failures_named(f"writing {backup}"), _held(partial):
        try:
            return _made(database, backup, partial, new_manifest)
        finally:
            partial.unlink(missing_ok=True)
            new_manifest.unlink(missing_ok=True)


def _made(database: Path, backup: Path, partial: Path, new_manifest: Path) -> BackupManifest:
    made = datetime.now(UTC)
    copied = _copy(database, partial)
    checked = checked_facts(partial)
    if checked != copied:
        raise WrongState(f"{partial} differs from {database}; make the back-up again")
    manifest = BackupManifest(
        file=backup.name,
        made=made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        fairlift=version("fairlift"),
        **asdict(checked),
        bytes=partial.stat().st_size,
        sha256=sha256(partial),
    )
    new_manifest.write_text(manifest.to_text(), encoding="utf-8")
    # The manifest first: where a back-up is, its manifest is.
    _refuse_existing(backup)
    put(new_manifest, manifest_path(backup))
    sync(partial)
    _rename_new(partial, backup)
    sync(backup.parent)
    return manifest


def _copy(database: Path, partial: Path) -> DatabaseFacts:
    """Copies all pages as of one moment, and says what the database was then."""
    source = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)
    # Without locks and journal: `_held` keeps others out, and a copy that fails is thrown away.
    target = sqlite3.connect(f"file:{quote(str(partial))}?nolock=1", uri=True)
    with closing(source), closing(target):
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        try:
            # One transaction for all steps: else a write by the server starts the copy again.
            source.execute("BEGIN")
            facts_of_source = facts(source)
            source.backup(target, pages=_STEP_PAGES, progress=lambda *_: None)
        except sqlite3.DatabaseError as error:
            raise WrongState(f"copying {database} failed: {error}; nothing was changed") from None
    return facts_of_source


@contextmanager
def _held(partial: Path) -> Iterator[None]:
    """Holds the name of the unfinished back-up; what a killed run left there is emptied."""
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongState(
                f"another back-up is being written to {partial}; wait for it, or choose another "
                "name"
            ) from None
        if not _is_name_of(partial, descriptor):
            # It was opened just before the other run gave it its final name.
            raise WrongState(f"another back-up was written to {partial}; choose another name")
        os.ftruncate(descriptor, 0)
        yield
    finally:
        os.close(descriptor)


def _is_name_of(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _refuse_existing(backup: Path) -> None:
    manifest = manifest_path(backup)
    if backup.exists() or backup.is_symlink():
        raise WrongState(f"{backup} exists already; choose another name")
    if not manifest.exists():
        return
    # What a run left that was killed between two renames may be replaced, and nothing else.
    with suppress(WrongState):
        if read_backup_manifest(backup).file == backup.name:
            return
    raise WrongState(f"{manifest} exists already and is not ours; choose another name")


def _rename_new(partial: Path, backup: Path) -> None:
    """Gives the file its name unless somebody else took it meanwhile."""
    try:
        os.link(partial, backup)
    except FileExistsError:
        raise WrongState(f"{backup} exists already; choose another name") from None
    except OSError:  # a file system without hard links
        partial.rename(backup)
    else:
        partial.unlink()

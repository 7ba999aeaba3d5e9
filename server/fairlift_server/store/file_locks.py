"""Holds a database file for one server, by whatever name it is opened."""

import fcntl
import os
import sys
from pathlib import Path

from fairlift.engine.errors import WrongState


class FileLocks:
    """Two locks, released by the kernel when the process ends, even after a crash.

    The first is on a file beside the database: it also holds when the database itself is replaced
    while a server runs. The second is on the database's own inode: it holds when the lock file was
    removed, and for other names of the same file. It is an `flock`, which SQLite does not use.
    It must be closed last: closing any descriptor of a file drops SQLite's locks in this process.

    Raises:
        WrongState: another server uses the file, it cannot be opened, or it has several names.
    """

    def __init__(self, path: Path) -> None:
        self._descriptors: list[int] = []
        try:
            self._lock(path, path.with_name(path.name + ".lock"), os.O_WRONLY)
            # Elsewhere an flock may keep SQLite itself out (on BSD and macOS it does).
            if sys.platform == "linux":
                self._lock(path, path, os.O_RDONLY)
            _refuse_second_name(path)
        except WrongState:
            self.close()
            raise

    def close(self) -> None:
        """Releases the locks; every SQLite connection must be closed by then."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _lock(self, path: Path, locked: Path, mode: int) -> None:
        try:
            descriptor = os.open(locked, mode | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise WrongState(
                f"cannot write {locked}: {error.strerror}; let this user write to its folder, or "
                "set FAIRLIFT_DATABASE to another file"
            ) from None
        self._descriptors.append(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WrongState(
                f"another server uses {path}; stop it, or set FAIRLIFT_DATABASE to another file"
            ) from None


def is_used(path: Path) -> bool:
    """Whether a server uses this database now."""
    locked = path.resolve()
    try:
        descriptor = os.open(locked.with_name(locked.name + ".lock"), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _refuse_second_name(path: Path) -> None:
    # SQLite's write-ahead log belongs to a name: opened by another, the file lacks its last writes.
    if path.exists() and (names := path.stat().st_nlink) > 1:
        raise WrongState(
            f"{path} has {names} names (hard links), and writes under one are missing under the "
            "other; remove the other names, or copy the file with `sqlite3 … .backup`"
        )

"""The file beside the database that remembers what was erased.

A back-up that is older than an erasure does not have its tombstone: the file does.
"""

import json
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.store.durable_files import sync
from fairlift_server.store.erased_units import Tombstone
from fairlift_server.store.files_to_keep import erased_path

log = logging.getLogger("fairlift.store")

_KINDS = ("unit", "order")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TombstoneFile:
    """A line for each tombstone, a JSON object; lines are added and never changed."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def of(cls, path: str, database: Path | None) -> "TombstoneFile":
        """The file at a path; without one, the file beside a SQLite database.

        PostgreSQL has none by itself: then nothing is remembered, and nothing can be erased.
        """
        if path or database is None:
            return cls(Path(path) if path else None)
        return cls(erased_path(database))

    def tombstones(self) -> list[Tombstone]:
        """What the file remembers; lines that cannot be read are logged and left out.

        Raises:
            WrongState: the file cannot be read.
        """
        if self.path is None:
            return []
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WrongState(
                f"cannot read {self.path}, which says what was erased: {error.strerror}"
            ) from None
        entries = [_from_line(line) for line in lines if line.strip()]
        if unread := entries.count(None):
            fields = {"file": str(self.path), "lines": unread}
            log.warning("lines about what was erased cannot be read", extra={"fields": fields})
        return [tombstone for tombstone in entries if tombstone is not None]

    def add(self, tombstones: Iterable[Tombstone]) -> None:
        """Adds lines; they are on disk when this returns.

        Raises:
            WrongState: the file cannot be written.
        """
        if self.path is None:
            raise WrongState(
                "FAIRLIFT_ERASED_FILE is unset: a back-up that is restored later would bring back "
                "what is erased; set it to a file that outlives the database"
            )
        text = "".join(_line(tombstone) for tombstone in tombstones)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                # A line that was cut off when a machine failed must not swallow the next one.
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    text = f"\n{text}"
                file.write(text.encode())
                file.flush()
                os.fsync(descriptor)
            sync(self.path.parent)
        except OSError as error:
            raise WrongState(
                f"cannot write {self.path}, which says what was erased: {error.strerror}; nothing "
                "was erased"
            ) from None


def _line(tombstone: Tombstone) -> str:
    time = (_EPOCH + timedelta(microseconds=tombstone.time_us)).isoformat()
    fields = {"kind": tombstone.kind, "hash": tombstone.hash, "time": time}
    return f"{json.dumps(fields)}\n"


def _from_line(line: bytes) -> Tombstone | None:
    try:
        match json.loads(line):
            case {"kind": str(kind), "hash": str(text), "time": str(time)} if kind in _KINDS:
                since = datetime.fromisoformat(time) - _EPOCH
                return Tombstone(kind, text, since // timedelta(microseconds=1))
    except (ValueError, TypeError, RecursionError):
        pass
    return None

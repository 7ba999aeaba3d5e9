"""Keeps events on this machine's disk while the database is away: bounded, checksummed, synced.

The folder has a file for every few MB of events. The oldest file is read first, as a whole, and is
removed once all of its events are stored. A crash in between stores some of them again; their ids
are known by then, so they count once.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from fairlift.engine.errors import Overloaded

from fairlift_server.events.journal_files import (
    JournalFile,
    files_in,
    last_number,
    lock_folder,
    path_of,
    set_aside_damages,
    set_aside_refused,
    sync_folder,
    try_to_write,
)
from fairlift_server.events.journal_records import (
    HEADER_BYTES,
    ReadEvent,
    Records,
    event_text,
    read_records,
    record,
)
from fairlift_server.events.ledger import RefusedEvent

log = logging.getLogger("fairlift.journal")

MIB: Final = 1024 * 1024
# One file is read into memory at a time.
_FILE_BYTES: Final = 4 * MIB
_LARGE_BATCH_BYTES: Final = 4 * MIB
# Callers of a full journal wait for the database, not for a queue.
_RETRY_AFTER_S: Final = 5.0


class Journal:
    """The journal of one server; its methods run in one thread at a time.

    Args:
        folder: of this journal alone; it is made when its parent exists.
        limit_bytes: how large all files together may become.
        file_bytes: from which size on another file is begun.

    Raises:
        WrongState: the folder cannot be used, another server uses it, or a newer version wrote it.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, file_bytes: int = _FILE_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.failure = ""
        # From this size on it says that it is full: a large batch may find no room.
        self._full_bytes = limit_bytes - min(_LARGE_BATCH_BYTES, limit_bytes // 2)
        self._file_bytes = file_bytes
        self._lock = lock_folder(folder)
        try:
            self._files = deque(files_in(folder))
            self._last_number = last_number(folder)
        except BaseException:
            os.close(self._lock)
            raise
        # The file that is written now: the last of `_files`. Files of an earlier start get no more.
        self._descriptor: int | None = None
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether every event was drained."""
        return not self._files

    @property
    def events(self) -> int:
        """How many events wait; after a crash some of them may be stored already."""
        return sum(file.events for file in list(self._files))

    @property
    def size_bytes(self) -> int:
        """Of all events that wait."""
        return sum(file.size_bytes for file in list(self._files))

    @property
    def since_s(self) -> float | None:
        """Since when events wait, in seconds since 1970."""
        return next((file.since_s for file in list(self._files)), None)

    def append(self, events: Sequence[ReadEvent]) -> None:
        """Returns when all events are on the disk. After an error some of them may be.

        Raises:
            Overloaded: the journal is full, or its disk takes no more.
        """
        payloads = [event_text(event).encode() for event in events]
        size_bytes = sum(map(len, payloads)) + len(payloads) * HEADER_BYTES
        if self.size_bytes + size_bytes > self.limit_bytes:
            raise self._failed(f"the journal has reached {self.limit_bytes // MIB:,} MiB")
        try:
            self._append(payloads)
        except OSError as error:
            self._abandon()
            raise self._failed(f"the journal cannot be written: {error.strerror}") from error
        self.failure = ""

    def check(self) -> None:
        """Tries whether there is room for a large batch, and the disk takes more.

        Raises:
            Overloaded: the journal is nearly full, or its disk takes no more.
        """
        if self.size_bytes >= self._full_bytes:
            raise self._failed(f"the journal has reached {self.limit_bytes // MIB:,} MiB")
        try:
            try_to_write(self.folder)
        except OSError as error:
            raise self._failed(f"the journal cannot be written: {error.strerror}") from error
        self.failure = ""

    def oldest(self) -> tuple[JournalFile, Records]:
        """The oldest file, to which nothing will be added any more, and what it holds.

        Raises:
            OSError: the file cannot be read now.
        """
        file = self._files[0]
        if len(self._files) == 1:
            self._end_file()
        try:
            return file, read_records(file.path.read_bytes())
        except FileNotFoundError:
            return file, Records([], [], file.events, 0)

    def drained(
        self,
        file: JournalFile,
        records: Records,
        refused: Sequence[tuple[ReadEvent, RefusedEvent]],
    ) -> None:
        """Removes the oldest file, whose events are stored; what was not stored is set aside."""
        self._files.remove(file)
        try:
            if records.damages:
                set_aside_damages(file.path, records.damages)
            if refused:
                set_aside_refused(file.path, refused)
            file.path.unlink(missing_ok=True)
        except OSError as error:
            # It is drained again at the next start: all of its events are duplicates then.
            fields = {"file": str(file.path), "reason": error.strerror}
            log.error("a drained file of the journal cannot be removed", extra={"fields": fields})

    def close(self) -> None:
        """Leaves what was not drained to the next start; does nothing once it is closed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._end_file()
        os.close(self._lock)

    def _append(self, payloads: list[bytes]) -> None:
        pending: list[bytes] = []
        pending_bytes = 0
        for payload in payloads:
            file = self._file()
            pending.append(record(payload, file.events + len(pending)))
            pending_bytes += len(pending[-1])
            if file.size_bytes + pending_bytes >= self._file_bytes:
                self._write(file, pending)
                self._end_file()
                pending, pending_bytes = [], 0
        if pending:
            self._write(self._file(), pending)

    def _file(self) -> JournalFile:
        """The file that is written now; a new one after the last was ended."""
        if self._descriptor is None:
            path = path_of(self.folder, self._last_number + 1)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            self._last_number += 1
            file = JournalFile(path, self._last_number, 0, 0, time.time())
            self._files.append(file)
            sync_folder(self.folder)
        return self._files[-1]

    def _write(self, file: JournalFile, records: list[bytes]) -> None:
        assert self._descriptor is not None
        data = memoryview(b"".join(records))
        size_bytes = len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)
        file.size_bytes += size_bytes
        file.events += len(records)

    def _abandon(self) -> None:
        """Ends the file whose write failed, without what was written of it."""
        if self._descriptor is None:
            return
        file = self._files[-1]
        with suppress(OSError):
            os.ftruncate(self._descriptor, file.size_bytes)
        self._end_file()
        if not file.size_bytes:
            self._files.pop()
            with suppress(OSError):
                file.path.unlink()

    def _end_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _failed(self, reason: str) -> Overloaded:
        if reason != self.failure:
            fields = {"reason": reason, "folder": str(self.folder)}
            log.error("the journal takes no more", extra={"fields": fields})
        self.failure = reason
        text = f"no event can be taken now: {reason}; keep the events, and send them again later"
        return Overloaded(text, retry_after_s=_RETRY_AFTER_S)

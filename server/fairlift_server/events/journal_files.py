"""The files in the folder of a journal: found, locked, and written beside it."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fairlift.engine.errors import WrongState

from fairlift_server.events.journal_records import (
    MARKER,
    VERSION,
    Damage,
    ReadEvent,
    event_text,
    version_of,
)
from fairlift_server.events.ledger import RefusedEvent

_SUFFIX: Final = ".journal"
_WORKER: Final = "worker-"
_CHECK_BYTES: Final = 64 * 1024


@dataclass(slots=True, eq=False)
class JournalFile:
    """One file of the journal.

    Attributes:
        number: files are drained in this order.
        size_bytes, events: that are durable in it.
        since_s: when it was begun, in seconds since 1970.
    """

    path: Path
    number: int
    size_bytes: int
    events: int
    since_s: float


def path_of(folder: Path, number: int) -> Path:
    """The path of a file of the journal."""
    return folder / f"{number:010}{_SUFFIX}"


def last_number(folder: Path) -> int:
    """The highest number in the folder, also of what was set aside: none is given twice."""
    return max((number for number, _ in _numbered(folder)), default=0)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    return ((int(path.stem), path) for path in folder.iterdir() if path.stem.isdecimal())


def files_in(folder: Path) -> list[JournalFile]:
    """The files of an earlier start, oldest first."""
    files = []
    for number, path in sorted(_numbered(folder)):
        if path.suffix != _SUFFIX:
            continue
        data = path.read_bytes()
        if version_of(data) > VERSION:
            raise WrongState(
                f"{path} was written by a newer Fairlift; run that version until the journal is "
                "drained, or set FAIRLIFT_JOURNAL to another folder"
            )
        since_s = path.stat().st_mtime
        files.append(JournalFile(path, number, len(data), data.count(MARKER), since_s))
    return files


def lock_folder(folder: Path) -> int:
    """The descriptor of the folder's lock, which the kernel releases when the process ends."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WrongState(
            f"cannot write to {folder}: {error.strerror}; let this user write to it, or set "
            "FAIRLIFT_JOURNAL to another folder"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise WrongState(
            f"another server uses the journal {folder}; set FAIRLIFT_JOURNAL to a folder of its own"
        ) from None
    return descriptor


def _refused_line(event: ReadEvent, refusal: RefusedEvent) -> str:
    line = {
        "event_id": event.event_id.hex(),
        "reason": refusal.reason.value,
        "message": f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message,
        "event": json.loads(event_text(event)),
    }
    # In ASCII: some readers take other characters, too, for the end of a line.
    return json.dumps(line) + "\n"


def worker_folder(folder: Path, number: int) -> Path:
    """The journal of one of several workers."""
    return folder / f"{_WORKER}{number}"


def gather(folder: Path, *, workers: int) -> None:
    """Moves files that no worker would drain, because there were more or fewer before, to one.

    Args:
        folder: that FAIRLIFT_JOURNAL names; it is the journal of a server without workers.
        workers: how many there will be; 1: none.

    Raises:
        WrongState: the folder cannot be used, or a server uses it.
    """
    target = folder if workers == 1 else worker_folder(folder, 0)
    used = {target, *(worker_folder(folder, number) for number in range(workers) if workers > 1)}
    left = [each for each in (folder, *folder.glob(f"{_WORKER}*")) if each not in used]
    if workers > 1:
        os.close(lock_folder(folder))  # makes it
    for source in left:
        if any(source.glob(f"*{_SUFFIX}")):
            _move(source, target)


def _move(source: Path, target: Path) -> None:
    locks = [lock_folder(source), lock_folder(target)]
    try:
        for file in files_in(source):
            file.path.rename(path_of(target, last_number(target) + 1))
        sync_folder(target)
        sync_folder(source)
    finally:
        for lock in locks:
            os.close(lock)


def set_aside_damages(path: Path, damages: Iterable[Damage]) -> Path:
    """Writes the bytes of a file that cannot be read beside it."""
    return _write_file(path.with_suffix(".damaged"), b"".join(damage.data for damage in damages))


def set_aside_refused(path: Path, refused: Iterable[tuple[ReadEvent, RefusedEvent]]) -> Path:
    """Writes the refused events of a file beside it, one JSON object a line."""
    lines = "".join(_refused_line(event, refusal) for event, refusal in refused)
    return _write_file(path.with_suffix(".refused"), lines.encode())


def try_to_write(folder: Path) -> None:
    """Writes a file and removes it.

    Raises:
        OSError: the disk takes no more.
    """
    path = folder / "check"
    try:
        _write_file(path, bytes(_CHECK_BYTES))
    finally:
        path.unlink(missing_ok=True)


def _write_file(path: Path, data: bytes) -> Path:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Returns when the names in the folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

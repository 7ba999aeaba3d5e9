"""Keeps the last good snapshot on disk, for a storefront that starts while the server is down.

The file has a header line (format, SHA-256, length) and the message. It is written to a temporary
file, synced and renamed; the previous file is kept, and used when the newer one is damaged. Any
number of threads and processes may share one path, because only complete files are renamed.
"""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_FORMAT = b"fairlift-snapshot-1"
_TEMPORARY = ".tmp"
# No writer takes so long: an older temporary file belongs to a process that died.
_ABANDONED_AFTER_S = 3_600.0


def save(path: Path, content: bytes) -> None:
    """Replaces the file atomically and durably; the old one becomes `<name>.previous`.

    Only the owner may read the file, because it contains the salts.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _undamaged(path)
    if before is not None:
        _replace(_previous(path), before)
    digest = hashlib.sha256(content).hexdigest().encode()
    _replace(path, b"%s %s %d\n%s" % (_FORMAT, digest, len(content), content))
    _sync_folder(path.parent)
    _clear(path)


def load(path: Path) -> bytes | None:
    """The newest undamaged content, or None when there is none."""
    for candidate in (path, _previous(path)):
        raw = _undamaged(candidate)
        if raw is not None:
            return _content(raw)
    return None


def _undamaged(path: Path) -> bytes | None:
    """The bytes of the file with its header, or None when it is absent or damaged."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    return raw if _content(raw) is not None else None


def _replace(path: Path, raw: bytes) -> None:
    """Replaces the file's content; a concurrent reader gets the old or the new one."""
    # mkstemp gives a unique name, as several writers may share one path, and mode 0600.
    descriptor, name = tempfile.mkstemp(_TEMPORARY, f"{path.name}.", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _clear(path: Path) -> None:
    """Removes the temporary files of processes that died."""
    oldest = time.time() - _ABANDONED_AFTER_S
    with suppress(OSError), os.scandir(path.parent) as files:
        for file in files:
            if file.name.startswith(f"{path.name}.") and file.name.endswith(_TEMPORARY):
                with suppress(OSError):
                    if file.stat().st_mtime < oldest:
                        Path(file.path).unlink()


def _content(raw: bytes) -> bytes | None:
    header, _, content = raw.partition(b"\n")
    expected = b"%s %s %d" % (_FORMAT, hashlib.sha256(content).hexdigest().encode(), len(content))
    return content if header == expected else None


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The last good snapshot on disk, so that a storefront starts warm while the server is away.

A file is a header line (format, SHA-256, length) and the message. It is written to a temporary
file, synced and renamed; the one before is kept, and serves when the newer one is damaged. Any
number of threads and processes may share one path: what they rename is always whole.
"""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_FORMAT = b"fairlift-snapshot-1"
_TEMPORARY = ".tmp"
# No writer takes so long; what is older was left by one that died.
_LEFT_S = 3_600.0


def save(path: Path, content: bytes) -> None:
    """Replaces the file at once and for good; what was there becomes `<name>.previous`.

    Only the owner may read it: a snapshot holds the salts.

    Raises:
        OSError: the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _whole(path)
    if before is not None:
        _put(_previous(path), before)
    digest = hashlib.sha256(content).hexdigest().encode()
    _put(path, b"%s %s %d\n%s" % (_FORMAT, digest, len(content), content))
    _sync_folder(path.parent)
    _clear(path)


def load(path: Path) -> bytes | None:
    """The newest content that is whole, or None when there is none."""
    for candidate in (path, _previous(path)):
        raw = _whole(candidate)
        if raw is not None:
            return _content(raw)
    return None


def _whole(path: Path) -> bytes | None:
    """What the file holds, header and all, or None when it is absent or damaged."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    return raw if _content(raw) is not None else None


def _put(path: Path, raw: bytes) -> None:
    """Makes this the file's content; whoever reads meanwhile finds the old or the new."""
    # Of a name of its own, for several writers may share one path; only the owner may read it.
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
    """Removes what writers that died left behind."""
    oldest = time.time() - _LEFT_S
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

"""The last good snapshot on disk, so that a storefront starts warm while the server is away.

A file is a header line (format, SHA-256, length) and the message. It is written to a temporary
file, synced and renamed; the one before is kept, and serves when the newer one is damaged.
"""

import hashlib
import os
from pathlib import Path

_FORMAT = b"fairlift-snapshot-1"


def save(path: Path, content: bytes) -> None:
    """Replaces the file at once and for good; what was there becomes `<name>.previous`.

    Only the owner may read it: a snapshot holds the salts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest().encode()
    header = b"%s %s %d\n" % (_FORMAT, digest, len(content))
    # The process's own, for several workers may share one path.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(header + content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(_previous(path))
    temporary.replace(path)
    _sync_folder(path.parent)


def load(path: Path) -> bytes | None:
    """The newest content that is whole, or None when there is none."""
    for candidate in (path, _previous(path)):
        try:
            content = _content(candidate.read_bytes())
        except OSError:
            continue
        if content is not None:
            return content
    return None


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

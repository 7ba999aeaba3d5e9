"""Files that are there in full or not at all, also after a power failure."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlift.engine.errors import WrongState

_CHUNK = 1 << 20


def put(new: Path, final: Path) -> None:
    """Gives a new file its final name, in the same folder; what had the name is replaced."""
    sync(new)
    new.replace(final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Of a file's content, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(source: Path, target: Path) -> str:
    """Copies a file; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            writing.write(chunk)
    return digest.hexdigest()


@contextmanager
def failures_named(doing: str) -> Iterator[None]:
    """Says of an error of the operating system what was being done.

    Raises:
        WrongState: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise WrongState(f"{doing} failed: {error.strerror}{place}; nothing was changed") from None

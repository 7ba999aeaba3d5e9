"""The folder of an import for copies of a file's text and for what does not fit into memory.

Both may name people. A killed import leaves its folder; the next import, or the start of a server,
of the same user removes it.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

# That of versions which did not lock theirs was another.
_PREFIX = "fairlift-importing-"


class WorkFolder:
    """A new folder, locked for as long as its process lives, and removed when it is closed."""

    def __init__(self) -> None:
        remove_left_over()
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            descriptor = _locked(path)
            if descriptor is not None:
                break
        self.path = path
        self._descriptor = descriptor

    def close(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def remove_left_over() -> None:
    """Removes the folders of imports that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        descriptor = _locked(path)
        if descriptor is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """The descriptor that locks a folder; None: it is in use, gone, or another user's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever removed it in between held the lock.
        if os.fstat(descriptor).st_uid == os.geteuid() and path.exists():
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None

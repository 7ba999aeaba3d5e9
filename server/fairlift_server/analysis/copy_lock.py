"""Keeps all processes but one from changing a copy of the ledger."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fairlift_server.analysis.job_control import JobControl

# Whoever waits for longer reads the database itself.
_WAIT_S: Final = 10.0
_POLL_S: Final = 0.02


class CopyUnavailable(Exception):
    """The copy cannot be used now; the database answers."""


@contextmanager
def locked_copy(folder: Path, control: JobControl) -> Iterator[None]:
    """Keeps other processes from the copy.

    Raises:
        JobStopped: the answers are not wanted any more.
        CopyUnavailable: one of them has worked on it for too long.
    """
    # In the folder itself all files go when events are removed.
    path = folder.with_name(f"{folder.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise CopyUnavailable("another process works on it") from None
                control.check()
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)

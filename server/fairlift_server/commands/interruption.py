"""Lets a command that was told to stop clean up first."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(what: str, ending: str = "nothing was changed") -> Iterator[None]:
    """Ends the program with a line on Ctrl-C and SIGTERM, after the block has cleaned up.

    Args:
        what: is interrupted.
        ending: says what became of it.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(f"fairlift-server: {what} was interrupted; {ending}")
    finally:
        signal.signal(signal.SIGTERM, before)

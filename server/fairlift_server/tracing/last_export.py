"""What a server that stops sends to a collector at last, and how long it waits for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

# A collector that is slow must not hold up a restart.
_LONGEST_S: Final = 5.0


class Exporter(Protocol):
    """Sends to a collector."""

    def shutdown(self) -> object:
        """Ends what is being sent, at once; sends nothing more."""


@contextmanager
def last_export(exporter: Exporter) -> Iterator[None]:
    """Ends the exporter if the block, which waits for it, takes longer than a few seconds."""
    ending = threading.Timer(_LONGEST_S, exporter.shutdown)
    ending.daemon = True
    ending.start()
    try:
        yield
    finally:
        ending.cancel()

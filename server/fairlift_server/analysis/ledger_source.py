"""Where a ledger is, and what an analysis of it may take: plain values that travel to workers."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_MEMORY_MB = 1_500


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """A ledger, and the bounds of its analysis.

    Attributes:
        database: the path of a file, or a URL.
        memory_mb: that the engine takes at most; it writes what is more to files.
        folder: of these files, and of answers that are remembered; empty: a folder of the system's
            for temporary files, and nothing is remembered.
    """

    database: str
    memory_mb: int = _MEMORY_MB
    folder: str = ""

    @property
    def spill_folder(self) -> Path:
        """Where this process writes what does not fit into memory."""
        return Path(self.folder or tempfile.gettempdir()) / f"fairlift-spilled-{os.getpid()}"

"""Where a ledger is, and what an analysis of it may take: plain values that travel to workers."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_MEMORY_MB = 1_500
# Of smaller ledgers a look reads everything sooner than what is new.
_LEAST_COPIED_ROWS = 100_000
# In the folder of the analysis.
COPY_FOLDER = "copy"


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """A ledger, and the bounds of its analysis.

    Attributes:
        database: the path of a file, or a URL.
        memory_mb: that the engine takes at most; it writes what is more to files.
        folder: of these files, and of answers that are remembered; empty: a folder of the system's
            for temporary files, and nothing is remembered.
        least_copied_rows: in tables of a SQLite file of which there is a columnar copy.
    """

    database: str
    memory_mb: int = _MEMORY_MB
    folder: str = ""
    least_copied_rows: int = _LEAST_COPIED_ROWS

    @property
    def copy_folder(self) -> Path | None:
        """Where the columnar copy is; None: there is none, as of PostgreSQL.

        Where several servers write, rows become visible out of the order of their ids.
        """
        is_file = "://" not in self.database
        return Path(self.folder) / COPY_FOLDER if self.folder and is_file else None

    @property
    def spill_folder(self) -> Path:
        """Where this process writes what does not fit into memory."""
        return Path(self.folder or tempfile.gettempdir()) / f"fairlift-spilled-{os.getpid()}"

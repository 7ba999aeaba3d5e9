"""Where a ledger is, and what an analysis of it may take: plain values that travel to workers."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

_MEMORY_MB = 1_500
# Of smaller ledgers a look reads everything sooner than what is new.
_LEAST_COPIED_ROWS = 100_000
# In the folder of the analysis.
COPY_FOLDER = "copy"
_SPILLED = "fairlift-spilled-"


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
        return Path(self.folder or tempfile.gettempdir()) / f"{_SPILLED}{os.getpid()}"


def remove_left_rows(folder: Path) -> None:
    """Removes what processes wrote that were killed: rows with the ids of persons.

    Args:
        folder: of the analysis, which processes of this machine alone use.
    """
    for path in folder.glob(f"{_SPILLED}*"):
        process = path.name.removeprefix(_SPILLED)
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # of another user, or no process's number: it is not ours to say
    return True

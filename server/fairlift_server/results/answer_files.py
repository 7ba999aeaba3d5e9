"""The folder of remembered answers; each file's name begins with how often events were removed."""

import os
from pathlib import Path

# In the folder of the analysis.
_FOLDER = "answers"


def analysis_folder(chosen: str, database: Path | None) -> str:
    """The folder of the analysis: the chosen one, or the one beside the file; empty: none."""
    return chosen or ("" if database is None else f"{database}.analysis")


def answers_folder(folder: str) -> Path | None:
    """The folder of remembered answers; None: nothing is remembered.

    Args:
        folder: of the analysis.
    """
    return Path(folder) / _FOLDER if folder else None


def current_files(folder: Path, removals: int) -> list[os.DirEntry[str]]:
    """The files of the folder, once those from before a removal of events are gone.

    Raises:
        OSError: the folder cannot be read.
    """
    current = []
    for entry in os.scandir(folder):
        if _removals_of(entry.name) < removals:
            Path(entry.path).unlink(missing_ok=True)
        else:
            current.append(entry)
    return current


def _removals_of(name: str) -> int:
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else 0

"""Folders of remembered answers and of the copy of the ledger that they are worked out from.

The name of each file begins with how often events were removed.
"""

import os
from contextlib import suppress
from pathlib import Path

from fairlift_server.analysis.ledger_source import COPY_FOLDER, remove_left_rows

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


def forget_before(answers: Path, removals: int) -> None:
    """Removes what was remembered and copied before events were removed, and what is left over.

    Args:
        answers: the folder of remembered answers.
        removals: how often events were removed.
    """
    for folder in (answers, answers.parent / COPY_FOLDER):
        with suppress(OSError):
            current_files(folder, removals)
    remove_left_rows(answers.parent)


def remove_copy(folder: str) -> None:
    """Removes the copy of the ledger, and what is left over, at once: they have ids of persons.

    Args:
        folder: of the analysis; empty: there is none.
    """
    if folder:
        with suppress(OSError):
            for entry in os.scandir(Path(folder) / COPY_FOLDER):
                Path(entry.path).unlink(missing_ok=True)
        remove_left_rows(Path(folder))


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

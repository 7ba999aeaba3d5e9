"""Which files hold campaigns: those that are named, and the YAML files in folders."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from fairlift_cli.case_files import is_test_file
from fairlift_cli.failures import Misused

SUFFIXES: Final = (".yaml", ".yml")
# Files beside campaigns that hold something else.
PROJECT_FILE: Final = "fairlift.yaml"
METRICS_FILE: Final = "metrics.yaml"
AUDIENCES_FILE: Final = "audiences.yaml"
TRAFFIC_FILE: Final = "traffic.yaml"
_OTHERS: Final = frozenset({PROJECT_FILE, METRICS_FILE, AUDIENCES_FILE, TRAFFIC_FILE})
STANDARD_INPUT: Final = Path("-")


class NothingToRead(Misused):
    """A path does not exist, or contains no campaign file."""


def campaign_files(paths: Iterable[Path]) -> list[Path]:
    """The campaign files at the paths, without repetitions; folders are searched for YAML.

    Hidden files and folders, such as .git, are not read, unless a path names them.

    Raises:
        NothingToRead: a path leads to no campaign file.
    """
    unique_paths: dict[Path, None] = {}
    for path in paths:
        if path == STANDARD_INPUT or path.is_symlink() or not path.is_dir():
            if path != STANDARD_INPUT and not os.path.lexists(path):
                raise NothingToRead(f"{path} does not exist")
            if is_test_file(path):
                raise NothingToRead(f"{path} holds tests, no campaign; run them by `fairlift test`")
            if not path.is_dir():
                # A hook names what was changed, also files that hold something else.
                if path.name not in _OTHERS:
                    unique_paths[path] = None
                continue
        in_folder = sorted(_in_folder(path))
        if not in_folder:
            raise NothingToRead(f"{path} contains no campaign file, which ends in .yaml or .yml")
        unique_paths.update(dict.fromkeys(in_folder))
    return list(unique_paths)


def _in_folder(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        _leave_out_hidden(folders)
        for name in files:
            path = Path(parent, name)
            is_yaml = name.lower().endswith(SUFFIXES) and not name.startswith(".")
            if is_yaml and name not in _OTHERS and not is_test_file(path):
                yield path


def shared_files(folders: Iterable[Path]) -> list[Path]:
    """Files beside campaigns that hold something else, in these folders and below them."""
    return [
        Path(parent, name)
        for folder in folders
        for parent, below, names in os.walk(folder)
        if _leave_out_hidden(below)
        for name in sorted(_OTHERS.intersection(names))
    ]


def _leave_out_hidden(folders: list[str]) -> bool:
    folders[:] = [name for name in folders if not name.startswith(".")]
    return True


def reason_not_to_read(path: Path) -> str:
    """Why a file cannot be read as text, without waiting for it; empty when it can."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return "is a link to a file that does not exist; remove the link"
        return "does not exist any more"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return ""
    return "is not a file but a folder, a pipe or a device; `fairlift check -` reads standard input"

"""Paths as the readers of reports want them: relative to where the check was started."""

import os
from pathlib import Path, PurePath
from urllib.parse import quote


def report_path(path: str) -> str:
    """The path with slashes, relative to the working directory if it lies below it."""
    relative = os.path.relpath(path) if PurePath(path).is_absolute() else path
    return PurePath(path if relative.startswith("..") else relative).as_posix()


def report_uri(path: str) -> str:
    """The same as a URI reference; a file elsewhere has a URI with its scheme."""
    shown = report_path(path)
    return Path(shown).as_uri() if PurePath(shown).is_absolute() else quote(os.fsencode(shown))

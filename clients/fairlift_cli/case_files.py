"""Which files hold tests: they stand beside campaign files and hold no campaigns."""

import os
from collections.abc import Iterator
from pathlib import Path

_ENDINGS = (".test.yaml", ".test.yml")


def is_test_file(path: Path) -> bool:
    """Whether the file holds tests of assignments, by its name.

    >>> is_test_file(Path("campaigns/popup.test.yaml")), is_test_file(Path("popup.yaml"))
    (True, False)
    """
    return path.name.lower().endswith(_ENDINGS)


def case_files_in(folder: Path) -> Iterator[Path]:
    """The test files of the folder and those below; hidden ones are not read."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if is_test_file(path) and not name.startswith("."):
                yield path

"""Which files make up the columnar copy of a ledger: one small file, replaced as a whole.

The name of each file in the folder begins with how often events were removed, as those of
remembered answers do: files from before a removal go without being read.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of rows, which never changes.

    Attributes:
        name: in the folder.
        rows: in all of its tables.
        restated: rows of them that say which orders were restated.
        links: rows of them that link ids.
    """

    name: str
    rows: int
    restated: int
    links: int


@dataclass(frozen=True, slots=True)
class CopyManifest:
    """What a copy holds.

    Attributes:
        about: of which ledger it is, and by which programs it was written.
        name: random: another copy of the same ledger has another one.
        generation: of its newest rows.
        marks: by table, the newest row of the ledger that it has: its id, and what tells it from
            another row of that id.
        files: the oldest first.
        costs_since: the generation in which all costs were copied again.
        newest_costs: the generation of the newest costs and exchange rates.
        currency: the shop's.
    """

    about: str
    name: str
    generation: int
    marks: Mapping[str, tuple[int, str]]
    files: tuple[CopiedFile, ...]
    costs_since: int
    newest_costs: int
    currency: str


def read_copy_manifest(folder: Path, removals: int) -> CopyManifest | None:
    """The manifest from after so many removals of events; None where it is not there or damaged."""
    try:
        seal, _, text = (folder / f"{removals}-{_NAME}").read_text().partition("\n")
        if seal != _seal(text):
            return None
        read = json.loads(text)
        marks = {table: (row_id, key) for table, (row_id, key) in read.pop("marks").items()}
        files = tuple(CopiedFile(**file) for file in read.pop("files"))
        return CopyManifest(**read, marks=marks, files=files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_copy_manifest(folder: Path, removals: int, manifest: CopyManifest) -> None:
    """Puts the manifest in the place of the one before; the files that it names are on disk.

    Raises:
        OSError: the folder cannot be written.
    """
    text = json.dumps(asdict(manifest))
    descriptor, name = tempfile.mkstemp(prefix=f"{removals}-", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{_seal(text)}\n{text}")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / f"{removals}-{_NAME}")
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def remove_other_files(folder: Path, removals: int, kept: tuple[CopiedFile, ...]) -> None:
    """Removes all files but those that are kept and the manifest."""
    names = {f"{removals}-{_NAME}", *(file.name for file in kept)}
    for entry in os.scandir(folder):
        if entry.name not in names:
            Path(entry.path).unlink(missing_ok=True)


def drop_copy(folder: Path) -> None:
    """Makes the files of a copy ones of no copy: whoever opens it next removes them."""
    for path in folder.glob(f"*-{_NAME}"):
        path.unlink(missing_ok=True)


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

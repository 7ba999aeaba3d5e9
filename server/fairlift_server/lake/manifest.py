"""The manifest of an export: which files are complete, and how far they reach."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fairlift.engine.errors import WrongState

from fairlift_server.events.numbered_rows import ROW_KEYS
from fairlift_server.lake.watermark import NOTHING, Mark, Watermark

NAME: Final = "manifest.json"
_FORMAT: Final = 1
# Manifests from before do not name it: nothing of it was exported.
_ADDED: Final = ("customer_attributes",)


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A complete file.

    Attributes:
        table: that its rows are of.
        day: UTC, on which they were received.
        path: below the folder of the export.
        version: of all its rows; of a row that is there several times, the last counts.
        rows: in it.
        bytes: its size.
        sha256: of its content, as hex.
    """

    table: str
    day: str
    path: str
    version: int
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Erasures:
    """How many visitors were erased from the ledger, and when the last one."""

    units: int = 0
    last_us: int = 0


@dataclass(frozen=True, slots=True)
class LakeManifest:
    """What an export holds.

    Attributes:
        ledger: the random name of the database.
        version: of the newest rows; 0: there are none.
        made: when, as in 2026-11-22T09:30:00Z.
        watermark: how far it reaches.
        erasures: that it reflects.
        files: all that are complete.
    """

    ledger: str
    version: int = 0
    made: str = ""
    watermark: Watermark = field(default_factory=lambda: dict(NOTHING))
    erasures: Erasures = Erasures()
    files: tuple[LakeFile, ...] = ()

    def to_text(self) -> str:
        """JSON, a line for each file."""
        head = {
            "format": _FORMAT,
            "ledger": self.ledger,
            "version": self.version,
            "made": self.made,
            "watermark": {table: list(mark) for table, mark in self.watermark.items()},
            "erasures": asdict(self.erasures),
        }
        lines = ",\n".join(json.dumps(asdict(file)) for file in self.files)
        return f'{json.dumps(head)[:-1]}, "files": [\n{lines}\n]}}\n'

    def paths(self, folder: Path, table: str) -> list[str]:
        """The complete files of a table."""
        return [str(folder / file.path) for file in self.files if file.table == table]


def read_lake_manifest(folder: Path) -> LakeManifest | None:
    """The manifest in a folder; None: there is none.

    Raises:
        WrongState: it is something else.
    """
    path = folder / NAME
    try:
        return _manifest(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WrongState(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WrongState(
            f"{path} is not a manifest of this version of `fairlift-server export`; export to "
            "another folder"
        ) from None


def _manifest(content: Any) -> LakeManifest:
    """From JSON. `Any`: whatever it holds; what does not fit raises."""
    if content["format"] != _FORMAT:
        raise ValueError("another format")
    marks: Mapping[str, Any] = {**dict.fromkeys(_ADDED, ()), **content["watermark"]}
    return LakeManifest(
        content["ledger"],
        content["version"],
        content["made"],
        {table: Mark(*marks[table]) for table in ROW_KEYS},
        Erasures(**content["erasures"]),
        tuple(LakeFile(**file) for file in content["files"]),
    )

"""The file beside a back-up that says what it holds: `<back-up>.json`."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from fairlift.engine.errors import WrongState

# A manifest is a few lines; anything longer is another file.
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a back-up holds.

    Attributes:
        file: its name, without the folder.
        made: when, as in 2026-11-22T09:30:00Z.
        fairlift: the version that made it.
        schema: of its tables.
        ledger: the random name of the database, the same in its copies.
        writes: transactions that changed it until then.
        events: in its ledger.
        bytes: its size.
        sha256: of its content, as hex.
    """

    file: str
    made: str
    fairlift: str
    schema: str
    ledger: str
    writes: int
    events: int
    bytes: int
    sha256: str

    def to_text(self) -> str:
        """A JSON object, a line for each field."""
        return json.dumps(asdict(self), indent=2) + "\n"


def manifest_path(backup: Path) -> Path:
    """Where the manifest of a back-up is."""
    return backup.with_name(backup.name + ".json")


def read_backup_manifest(backup: Path) -> BackupManifest:
    """The manifest of a back-up.

    Raises:
        WrongState: there is none, or it is something else.
    """
    path = manifest_path(backup)
    try:
        with path.open(encoding="utf-8") as file:
            entries = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        raise WrongState(
            f"{backup} has no manifest {path.name} beside it; copy it along, or make another "
            "back-up with `fairlift-server backup`"
        ) from None
    except OSError as error:
        raise WrongState(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        entries = None
    if not _is_manifest(entries):
        raise WrongState(
            f"{path} is not a manifest of `fairlift-server backup`; restore another back-up"
        )
    return BackupManifest(**entries)


def _is_manifest(entries: Any) -> bool:
    """Whether it has the fields, each of its type. `Any`: whatever JSON can hold."""
    types: dict[str, object] = {field.name: field.type for field in fields(BackupManifest)}
    return (
        isinstance(entries, dict)
        and entries.keys() == types.keys()
        and all(type(value) is types[name] for name, value in entries.items())
    )

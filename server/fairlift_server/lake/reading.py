"""The files of an export that count, for whoever analyses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.lake.manifest import NAME, read_lake_manifest
from fairlift_server.lake.tables import TABLES


@dataclass(frozen=True, slots=True)
class LakeFiles:
    """What an export holds.

    Attributes:
        paths: of the complete files, by table.
        made_us: when its newest rows were exported: what came later is not in it.
    """

    paths: Mapping[str, tuple[str, ...]]
    made_us: int


def lake_files(folder: Path) -> LakeFiles:
    """The complete files.

    Raises:
        WrongState: the folder is no export, or a file that the manifest names is not whole.
    """
    folder = folder.resolve()
    manifest = read_lake_manifest(folder)
    if manifest is None:
        raise WrongState(
            f"{folder} has no {NAME}: it is no export; make one with `fairlift-server export "
            f"{folder}`"
        )
    if not manifest.version:
        raise WrongState(f"{folder} is an export without rows yet; run the export to its end")
    for file in manifest.files:
        path = folder / file.path
        try:
            size = path.stat().st_size
        except OSError:
            raise WrongState(
                f"{path} is in {NAME} and not there: a newer export has replaced it, or the folder "
                "was copied in part; try again, or copy it whole"
            ) from None
        if size != file.bytes:
            raise WrongState(
                f"{path} has {size:,} bytes, {NAME} says {file.bytes:,}: it is half written, as "
                "while the folder is copied; wait for the copy, or copy the folder again"
            )
    made = datetime.fromisoformat(manifest.made)
    paths = {table: tuple(manifest.paths(folder, table)) for table in TABLES}
    return LakeFiles(paths, int(made.timestamp()) * 1_000_000)

"""The folder of an export: what the manifest names is complete, and nothing else stays there."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fairlift.engine.errors import WrongState

from fairlift_server.lake.manifest import NAME, LakeManifest, read_lake_manifest
from fairlift_server.lake.tables import TABLES
from fairlift_server.store.durable_files import put, sync

_LOCK = ".lock"
_SCRATCH = ".exporting"
# A folder that one export made before its manifest.
_OWN = frozenset({_LOCK, _SCRATCH, NAME})


class LakeFolder:
    """The folder of one export, held by this process.

    Attributes:
        path: of the folder.
        scratch: for files that are being written; empty at first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / _SCRATCH

    def manifest(self, ledger: str) -> LakeManifest:
        """What is complete; what a killed run left is removed.

        Raises:
            WrongState: the folder is another database's export.
        """
        manifest = read_lake_manifest(self.path)
        if manifest is None:
            manifest = LakeManifest(ledger)
            # From now on the folder is known as an export.
            self._write(manifest)
        if manifest.ledger != ledger:
            raise WrongState(
                f"{self.path} is the export of another database; export to a new folder"
            )
        self._remove_unnamed(manifest)
        return manifest

    def commit(self, manifest: LakeManifest, new: Iterable[tuple[Path, str]]) -> None:
        """Makes new files part of the export, and removes those that it no longer names.

        Args:
            manifest: with all files that are complete from now on.
            new: written files, and their paths below the folder.
        """
        folders = set()
        for written, path in new:
            final = self.path / path
            if not final.parent.is_dir():
                final.parent.mkdir(parents=True)
                folders |= {final.parent.parent, self.path}
            sync(written)
            written.rename(final)
            folders.add(final.parent)
        for folder in sorted(folders):
            sync(folder)
        self._write(manifest)
        self._remove_unnamed(manifest)

    def _write(self, manifest: LakeManifest) -> None:
        new = self.path / _SCRATCH / NAME
        new.parent.mkdir(exist_ok=True)
        new.write_text(manifest.to_text(), encoding="utf-8")
        put(new, self.path / NAME)

    def _remove_unnamed(self, manifest: LakeManifest) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        named = {self.path / file.path for file in manifest.files}
        for table in TABLES:
            for path in (self.path / table).glob("day=*/*.parquet"):
                if path not in named:
                    path.unlink()


@contextmanager
def held(path: Path) -> Iterator[LakeFolder]:
    """The folder, made if need be, and held until the block ends.

    A folder that was made for nothing, since no manifest came into it, is removed again.

    Raises:
        WrongState: another export writes to it, or it cannot be written.
    """
    path = path.resolve()
    if not path.parent.is_dir():
        raise WrongState(f"the folder {path.parent} does not exist; create it first")
    if path.exists() and not path.is_dir():
        raise WrongState(f"{path} is not a folder; choose another name")
    is_new = not path.exists()
    path.mkdir(exist_ok=True)
    if read_lake_manifest(path) is None and any(each.name not in _OWN for each in path.iterdir()):
        raise WrongState(f"{path} is not empty and has no {NAME}; export to a new folder")
    try:
        with _locked(path):
            folder = LakeFolder(path)
            try:
                yield folder
            finally:
                shutil.rmtree(folder.scratch, ignore_errors=True)
                if is_new and not (path / NAME).exists():
                    (path / _LOCK).unlink(missing_ok=True)
    finally:
        if is_new:
            with suppress(OSError):  # something is in it
                path.rmdir()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongState(f"another export writes to {path}; wait for it") from None
        yield
    finally:
        os.close(descriptor)

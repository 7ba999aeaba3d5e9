"""What an import writes beside its file: gone when it ends, and when it was killed soon after."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.source import SourceFile
from fairlift_server.importing.work_folder import remove_left_over

from tests.server.importing.files import HEADER

ROW = "o-1,ana@example.com,2026-11-20T10:00:00Z,EUR,shoe,1,19.99"
HELD = """
import sys
from pathlib import Path
from fairlift_server.importing.mapping import FileOptions
from fairlift_server.importing.source import SourceFile
source = SourceFile(Path(sys.argv[1]), FileOptions())
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def windows_file(tmp_path: Path) -> Path:
    """A file that is read from a copy: its lines end as on Windows."""
    path = tmp_path / "orders.csv"
    path.write_bytes(f"{HEADER}\r\n{ROW}\r\n".encode())
    return path


@pytest.fixture
def other(temporary: Path, windows_file: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that reads the file."""
    assert list(temporary.iterdir()) == []
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, windows_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.communicate()


def copies(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and b"ana@" in path.read_bytes()]


def test_a_copy_goes_when_its_file_is_closed(temporary: Path, windows_file: Path) -> None:
    source = SourceFile(windows_file, FileOptions())
    assert len(copies(temporary)) == 1

    source.close()

    assert list(temporary.iterdir()) == []


def test_what_a_killed_import_left_goes_with_the_next(
    temporary: Path, windows_file: Path, other: "subprocess.Popen[str]"
) -> None:
    other.kill()
    other.wait()
    assert len(copies(temporary)) == 1

    source = SourceFile(windows_file, FileOptions())
    source.close()

    assert list(temporary.iterdir()) == []


def test_an_import_that_runs_keeps_its_copy(
    temporary: Path, windows_file: Path, other: "subprocess.Popen[str]"
) -> None:
    before = copies(temporary)

    source = SourceFile(windows_file, FileOptions())
    source.close()

    assert copies(temporary) == before
    assert len(before) == 1
    assert other.poll() is None


def test_what_is_no_folder_of_an_import_stays(temporary: Path, tmp_path: Path) -> None:
    """A link of the name, which may lead anywhere, and a file."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (temporary / "fairlift-importing-link").symlink_to(precious)
    (temporary / "fairlift-importing-file").write_text("x")

    remove_left_over()

    assert precious.is_dir()
    assert len(list(temporary.iterdir())) == 2


def test_the_folder_of_another_user_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary / "fairlift-importing-other").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4_321)

    remove_left_over()

    assert len(list(temporary.iterdir())) == 1


def test_a_new_folder_that_is_removed_at_once_is_made_again(
    temporary: Path, windows_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another import took it for one that was left: it was not locked yet."""
    made: list[str] = []
    make = tempfile.mkdtemp

    def make_and_lose(prefix: str) -> str:
        path = make(prefix=prefix)
        made.append(path)
        if len(made) == 1:
            Path(path).rmdir()
        return path

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    source = SourceFile(windows_file, FileOptions())

    assert len(copies(temporary)) == 1
    assert len(made) == 2
    source.close()

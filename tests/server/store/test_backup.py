"""Back-ups that are whole or not there."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.backup import make_backup
from fairlift_server.store.database import Store
from fairlift_server.store.restore import restore_backup

from tests.databases import sqlite_only
from tests.server.store.test_last_write import killed, layers, wal, write

pytestmark = sqlite_only


def database(folder: Path, *, writes: int = 10) -> Path:
    folder.mkdir(exist_ok=True)
    store = Store(folder / "shop.db")
    store.migrate()
    for number in range(writes):
        write(store, number)
    store.close()
    return folder / "shop.db"


def opened(path: Path) -> int:
    """How many layers a server finds in the database."""
    store = Store(path)
    store.migrate()
    try:
        return layers(store)
    finally:
        store.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_restored_in_another_folder_has_the_same_tables(tmp_path: Path) -> None:
    backup = tmp_path / "copy.db"
    manifest = make_backup(database(tmp_path / "here"), backup)
    (tmp_path / "there").mkdir()

    restore_backup(backup, tmp_path / "there" / "shop.db")

    assert dumped(tmp_path / "there" / "shop.db") == dumped(tmp_path / "here" / "shop.db")
    assert opened(tmp_path / "there" / "shop.db") == 10
    assert json.loads((tmp_path / "copy.db.json").read_text())["sha256"] == manifest.sha256


def dumped(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_the_log_of_a_killed_server_is_in_its_backup(tmp_path: Path) -> None:
    path = killed(tmp_path)
    make_backup(path, tmp_path / "copy.db")
    (tmp_path / "there").mkdir()
    restore_backup(tmp_path / "copy.db", tmp_path / "there" / "shop.db")

    assert opened(tmp_path / "there" / "shop.db") == 40


def test_a_backup_leaves_two_files_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    path = database(tmp_path / "here")
    (tmp_path / "kept").mkdir()
    make_backup(path, tmp_path / "kept" / "copy.db")

    assert names(tmp_path / "kept") == {"copy.db", "copy.db.json"}
    assert (tmp_path / "kept" / "copy.db").stat().st_mode & 0o077 == 0


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = database(tmp_path / "here")
    for taken in ("copy.db", "other.db.json"):
        (tmp_path / taken).write_text("holiday pictures")

    for name in ("copy.db", "other.db"):
        with pytest.raises(WrongState, match=r"exists already.*; choose another name"):
            make_backup(path, tmp_path / name)

    assert names(tmp_path) == {"here", "copy.db", "other.db.json"}
    assert (tmp_path / "other.db.json").read_text() == "holiday pictures"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match=r"the folder .*/nowhere does not exist; create it first"):
        make_backup(database(tmp_path), tmp_path / "nowhere" / "copy.db")


def test_a_database_that_lost_writes_is_not_backed_up(tmp_path: Path) -> None:
    path = killed(tmp_path)
    wal(path).unlink()

    with pytest.raises(WrongState, match="was a shop's database before"):
        make_backup(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_damaged_database_is_not_backed_up(tmp_path: Path) -> None:
    path = database(tmp_path / "here", writes=500)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'layers'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\x07" * 40)
    (tmp_path / "kept").mkdir()

    with pytest.raises(WrongState, match="damaged"):
        make_backup(path, tmp_path / "kept" / "copy.db")
    assert names(tmp_path / "kept") == set()


def test_what_a_killed_backup_left_does_not_stop_the_next(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")
    # Killed between its two renames, and another while it copied.
    shutil.move(tmp_path / "copy.db", tmp_path / ".copy.db.partial")

    make_backup(here, tmp_path / "copy.db")

    assert names(tmp_path) == {"here", "copy.db", "copy.db.json"}

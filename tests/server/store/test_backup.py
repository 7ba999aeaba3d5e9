"""Back-ups that are whole or not there, and restores that change all or nothing."""

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.backup import make_backup
from fairlift_server.store.database import Store
from fairlift_server.store.restore import restore_backup

from tests.server.store.test_last_write import killed, layers, wal, write


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


def test_every_flipped_bit_and_every_lost_end_is_noticed(tmp_path: Path) -> None:
    backup = tmp_path / "copy.db"
    make_backup(database(tmp_path / "here"), backup)
    whole = backup.read_bytes()
    there = tmp_path / "there"
    there.mkdir()
    rng = random.Random(13)
    damaged = []
    for _ in range(20):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(changed))
    damaged += [whole[: rng.randrange(len(whole))] for _ in range(20)]

    for content in (*damaged, b"", whole + b"\0"):
        backup.write_bytes(content)
        with pytest.raises(WrongState, match="is not the file that its manifest describes"):
            restore_backup(backup, there / "shop.db")
        assert names(there) == {"shop.db.lock"}


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"file": 1}', "\0"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    (tmp_path / "copy.db.json").write_text(text)

    with pytest.raises(WrongState, match="is not a manifest"):
        restore_backup(tmp_path / "copy.db", tmp_path / "shop.db")


def test_a_backup_without_its_manifest_is_refused(tmp_path: Path) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    (tmp_path / "copy.db.json").unlink()

    with pytest.raises(WrongState, match=r"has no manifest copy\.db\.json beside it"):
        restore_backup(tmp_path / "copy.db", tmp_path / "shop.db")


def test_an_existing_database_is_kept_under_another_name(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")

    with pytest.raises(WrongState, match="exists already; with --replace"):
        restore_backup(tmp_path / "copy.db", here)
    kept = restore_backup(tmp_path / "copy.db", here, replace=True).kept

    assert kept is not None
    assert opened(here) == 10
    assert opened(kept) == 10


def test_an_older_backup_says_what_it_lacks_and_is_accepted_knowingly(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")
    store = Store(here)
    store.migrate()
    write(store, 99)
    store.close()
    before = here.read_bytes()

    with pytest.raises(WrongState, match=r"lacks the last 0 events and \d writes of .*--accept"):
        restore_backup(tmp_path / "copy.db", here, replace=True)
    assert here.read_bytes() == before
    restored = restore_backup(tmp_path / "copy.db", here, replace=True, accept=True)

    assert opened(here) == 10
    assert restored.kept is not None
    assert opened(restored.kept) == 11


def test_the_note_of_a_lost_database_says_what_its_backup_lacks(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")
    store = Store(here)
    store.migrate()
    write(store, 99)
    store.close()
    here.unlink()

    with pytest.raises(WrongState, match="lacks the last 0 events"):
        restore_backup(tmp_path / "copy.db", here)
    assert not here.exists()
    restore_backup(tmp_path / "copy.db", here, accept=True)
    assert opened(here) == 10


def test_a_backup_of_another_shop_is_accepted_knowingly(tmp_path: Path) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    other = database(tmp_path / "other", writes=3)

    with pytest.raises(WrongState, match="is a back-up of another database than"):
        restore_backup(tmp_path / "copy.db", other, replace=True)
    assert opened(other) == 3


def test_a_database_in_use_is_not_replaced(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")
    store = Store(here)
    try:
        with pytest.raises(WrongState, match="another server uses"):
            restore_backup(tmp_path / "copy.db", here, replace=True, accept=True)
    finally:
        store.close()


def test_the_log_of_the_replaced_database_does_not_reach_the_new_one(tmp_path: Path) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    left = killed(tmp_path)

    kept = restore_backup(tmp_path / "copy.db", left, replace=True, accept=True).kept

    assert kept is not None
    assert not wal(left).exists()
    assert opened(left) == 10
    assert opened(kept) == 40


def test_the_log_of_a_damaged_database_is_kept_with_it(tmp_path: Path) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    left = killed(tmp_path)
    log = wal(left).read_bytes()
    left.write_bytes(b"")  # SQLite would now drop the log

    kept = restore_backup(tmp_path / "copy.db", left, replace=True, accept=True).kept

    assert kept is not None
    assert wal(kept).read_bytes() == log
    assert not wal(left).exists()
    assert opened(left) == 10


def test_a_failure_after_the_old_database_was_moved_undoes_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backup(database(tmp_path / "here"), tmp_path / "copy.db")
    left = killed(tmp_path)

    def full(_new: Path, _final: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairlift_server.store.restore.put", full)
    with pytest.raises(WrongState, match="No space left on device"):
        restore_backup(tmp_path / "copy.db", left, replace=True, accept=True)

    assert names(left.parent) - {"shop.db-shm"} <= {"shop.db", "shop.db.lock", "shop.db-wal"}
    assert opened(left) == 40


def test_what_a_killed_backup_left_does_not_stop_the_next(tmp_path: Path) -> None:
    here = database(tmp_path / "here")
    make_backup(here, tmp_path / "copy.db")
    # Killed between its two renames, and another while it copied.
    shutil.move(tmp_path / "copy.db", tmp_path / ".copy.db.partial")

    make_backup(here, tmp_path / "copy.db")

    assert names(tmp_path) == {"here", "copy.db", "copy.db.json"}

"""Restores that change all or nothing."""

import random
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.backup import make_backup
from fairlift_server.store.database import Store
from fairlift_server.store.restore import restore_backup

from tests.databases import sqlite_only
from tests.server.store.test_backup import database, names, opened
from tests.server.store.test_last_write import killed, wal, write

pytestmark = sqlite_only


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

    with pytest.raises(WrongState, match=r"lacks the last \d writes of .*--accept"):
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

    with pytest.raises(WrongState, match="lacks the last 2 writes"):
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

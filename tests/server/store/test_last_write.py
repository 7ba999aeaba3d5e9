"""A database that lacks writes it had is refused, and left as it is."""

import json
import shutil
from pathlib import Path

import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.store.database import Store
from sqlalchemy import Connection, text

from tests.databases import sqlite_only

pytestmark = sqlite_only

WRITES = 40


def write(store: Store, number: int) -> None:
    def job(connection: Connection) -> None:
        layer = {"layer": f"layer-{number}"}
        connection.execute(text("INSERT INTO layers VALUES (:layer, 'salt')"), layer)

    store.write_now(job)


def layers(store: Store) -> int:
    count: int = store.read_now(
        lambda c: c.execute(text("SELECT count(*) FROM layers")).scalar_one()
    )
    return count


def killed(folder: Path, name: str = "shop.db") -> Path:
    """A database as a killed server leaves it: its last writes are in the write-ahead log."""
    running = folder / "running"
    running.mkdir()
    store = Store(running / name)
    store.migrate()
    for number in range(WRITES):
        write(store, number)
    left = folder / "left"
    left.mkdir(exist_ok=True)
    for ending in ("", "-wal", ".last-write"):
        shutil.copy(running / (name + ending), left / (name + ending))
    store.close()
    shutil.rmtree(running)
    return left / name


def wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def contents(folder: Path) -> dict[str, bytes]:
    """All files but SQLite's index of the log, which is made anew."""
    files = (file for file in folder.iterdir() if not file.name.endswith("-shm"))
    return {file.name: file.read_bytes() for file in files}


def refused(path: Path) -> str:
    """Why the database is refused; nothing is changed by that."""
    before = contents(path.parent)
    with pytest.raises(WrongState) as error:
        Store(path)
    assert contents(path.parent) == before
    return str(error.value)


def test_what_a_killed_server_left_is_complete(tmp_path: Path) -> None:
    store = Store(killed(tmp_path))
    store.migrate()

    assert layers(store) == WRITES
    store.close()


def test_a_deleted_log_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    wal(path).unlink()

    assert "was a shop's database before" in refused(path)


def test_a_truncated_log_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    log = wal(path).read_bytes()
    # Half of a log still has the tables.
    wal(path).write_bytes(log[: len(log) - len(log) // 8])

    reason = refused(path)

    assert "lacks its last " in reason
    assert "put it back together with its shop.db-wal" in reason
    assert "run `fairlift-server accept` once" in reason


def test_a_log_lost_after_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    # Given a database that was closed well, then written again, and its server killed
    path = tmp_path / "shop.db"
    store = Store(path)
    store.migrate()
    store.close()
    store = Store(path)
    store.migrate()
    write(store, 1)
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", ".last-write"):  # and not the log
        shutil.copy(tmp_path / f"shop.db{ending}", left / f"shop.db{ending}")
    store.close()

    assert "lacks its last " in refused(left / "shop.db")


def test_an_emptied_file_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    path.write_bytes(b"")

    assert "is empty or missing, but was a shop's database before" in refused(path)


def test_a_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    path.unlink()

    assert "is empty or missing, but was a shop's database before" in refused(path)


def test_another_shops_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    other = tmp_path / "other.db"
    store = Store(other)
    store.migrate()
    store.close()
    wal(path).unlink()
    shutil.copy(other, path)

    assert "is another database than before (it has 0 events)" in refused(path)


def test_an_older_back_up_is_taken_when_it_is_accepted(tmp_path: Path) -> None:
    # Given a back-up in the place of the database
    path = tmp_path / "shop.db"
    store = Store(path)
    store.migrate()
    store.close()
    shutil.copy(path, tmp_path / "back-up.db")
    store = Store(path)
    store.migrate()
    write(store, 1)
    store.close()
    shutil.copy(tmp_path / "back-up.db", path)
    assert "lacks its last " in refused(path)

    # When it is accepted
    store = Store(path, accept=True)
    store.migrate()
    store.close()

    # Then it is the database from now on
    store = Store(path)
    store.migrate()
    assert layers(store) == 0
    store.close()


def test_a_copy_elsewhere_is_a_database_of_its_own(tmp_path: Path) -> None:
    path = killed(tmp_path)
    copy = tmp_path / "copy.db"
    for ending in ("", "-wal"):
        shutil.copy(path.with_name(path.name + ending), copy.with_name(copy.name + ending))

    store = Store(copy)
    store.migrate()

    assert layers(store) == WRITES
    assert copy.with_name("copy.db.last-write").exists()
    store.close()


@pytest.mark.parametrize(
    "written",
    [
        "{",
        "[]",
        "9",
        '{"ledger": "x", "writes": "9", "events": "1"}',
        '{"ledger": 1, "writes": 9, "events": 1}',
        '{"ledger": "x", "writes": 9.5, "events": 1}',
        '{"ledger": "x", "writes": 9, "events": null}',
        '{"ledger": "x", "writes": -9, "events": 1}',
        '{"ledger": "x", "writes": 9}',
        '{"ledger": "x", "writes": 9, "events": 1, "more": 1}',
        "[" * 200_000,
    ],
    ids=lambda written: str(written)[:50],
)
def test_a_note_that_cannot_be_read_is_logged_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, written: str
) -> None:
    path = killed(tmp_path)
    note = path.with_name("shop.db.last-write")
    note.write_text(written)

    store = Store(path)
    store.migrate()
    store.close()

    assert "cannot tell whether writes are missing" in caplog.text
    assert json.loads(note.read_text())["writes"] > WRITES


def test_a_note_that_cannot_be_written_costs_no_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shop.db.last-write").symlink_to(tmp_path / "none" / "file")

    store = Store(tmp_path / "shop.db")
    store.migrate()
    write(store, 1)
    write(store, 2)

    assert layers(store) == 2
    store.close()
    lines = [r for r in caplog.records if r.getMessage() == "the last write cannot be noted"]
    assert len(lines) == 1

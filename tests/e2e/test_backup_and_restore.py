"""Back-ups made under load, and back-ups and restores that are killed or find the disk full."""

import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from tests.e2e.server_commands import Load, begun, expose, finished
from tests.e2e.test_server_process import process, start_campaign


def restored(backup: Path, database: Path, *options: str) -> None:
    code, said = finished(database, "restore", str(backup), "--no-erased", *options)
    assert code == 0, said


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(query).fetchall()


def check_whole(backup: Path, acknowledged_before: set[bytes]) -> None:
    """A back-up holds what was acknowledged before it began, and no order without its lines."""
    held = {row[0] for row in rows(backup, "SELECT event_id FROM seen_events")}
    assert acknowledged_before <= held
    events = "SELECT event_id FROM exposures UNION ALL SELECT event_id FROM orders"
    stored = rows(backup, f"{events} UNION ALL SELECT event_id FROM amendments")
    assert {row[0] for row in stored} == held
    assert len(stored) == len(held)
    lines = {
        row[0]: row[1]
        for row in rows(backup, "SELECT order_id, count(*) FROM order_lines GROUP BY 1")
    }
    assert lines == dict.fromkeys(
        (row[0] for row in rows(backup, "SELECT order_id FROM orders")), 2
    )
    assert rows(
        backup,
        "SELECT count(*) FROM orders LEFT JOIN amendments USING (order_id)"
        " WHERE refunded <> (amendments.id IS NOT NULL)",
    ) == [(0,)]


@pytest.mark.slow
def test_a_backup_under_load_is_a_prefix_of_what_came(tmp_path: Path) -> None:
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        with Load(address, callers=3) as load:
            sizes = []
            for number in range(5):
                while len(load.acknowledged) < 1_000 * (number + 1):
                    time.sleep(0.01)
                before = set(load.acknowledged)
                backup = tmp_path / f"copy-{number}.db"
                code, said = finished(tmp_path / "shop.db", "backup", str(backup))
                assert code == 0, said
                check_whole(backup, before)
                sizes.append(len(rows(backup, "SELECT event_id FROM seen_events")))
    assert sizes == sorted(set(sizes))

    # And each can be restored, and served, elsewhere.
    for number, size in enumerate(sizes):
        folder = tmp_path / f"there-{number}"
        folder.mkdir()
        restored(tmp_path / f"copy-{number}.db", folder / "shop.db")
        # The key of ids is kept apart from back-ups.
        shutil.copyfile(tmp_path / "shop.db.id-key", folder / "shop.db.id-key")
        with process(folder):
            pass
        assert rows(folder / "shop.db", "SELECT count(*) FROM seen_events") == [(size,)]


@pytest.mark.slow
def test_a_backup_that_is_killed_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    rng = random.Random(3)
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        with Load(address, callers=2) as load:
            while len(load.acknowledged) < 3_000:
                time.sleep(0.01)
            started = time.monotonic()
            code, said = finished(tmp_path / "shop.db", "backup", str(tmp_path / "timed.db"))
            assert code == 0, said
            takes_s = time.monotonic() - started
            kept = tmp_path / "kept"
            kept.mkdir()
            whole = 0
            for _ in range(10):
                before = set(load.acknowledged)
                command = begun(tmp_path / "shop.db", "backup", str(kept / "copy.db"))
                # Most of the time goes into the start of Python.
                time.sleep(rng.uniform(0.5, 1.05) * takes_s)
                command.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
                command.communicate()
                if (kept / "copy.db").exists():
                    whole += 1
                    check_whole(kept / "copy.db", before)
                    (kept / "copy.db").unlink()
                    (kept / "copy.db.json").unlink()
            code, said = finished(tmp_path / "shop.db", "backup", str(kept / "copy.db"))
            assert code == 0, said
    assert {path.name for path in kept.iterdir()} == {"copy.db", "copy.db.json"}


@pytest.mark.slow
def test_a_restore_that_is_killed_changes_all_or_nothing(tmp_path: Path) -> None:
    # Given a database whose last writes are in its log, and an older back-up
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        expose(channel, "v", 2_000)
        code, said = finished(tmp_path / "shop.db", "backup", str(tmp_path / "copy.db"))
        assert code == 0, said
        expose(channel, "w", 500)
        # Killed: its log stays.
    there = tmp_path / "there"
    there.mkdir()
    for ending in ("", "-wal", ".last-write"):
        (there / f"shop.db{ending}").write_bytes((tmp_path / f"shop.db{ending}").read_bytes())
    options = ("restore", str(tmp_path / "copy.db"), "--no-erased", "--replace", "--accept")
    code, said = finished(there / "shop.db", *options[:-1])
    assert code == 1
    assert "lacks the last 500 events and " in said
    assert "has 2,000 events, the database had 2,500; if that is to be so, add --accept" in said
    rng = random.Random(4)
    started = time.monotonic()
    (tmp_path / "timed").mkdir()
    restored(tmp_path / "copy.db", tmp_path / "timed" / "shop.db")
    takes_s = time.monotonic() - started
    outcomes = []

    for _ in range(10):
        command = begun(there / "shop.db", *options)
        time.sleep(rng.uniform(0.6, 1.05) * takes_s)
        command.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
        command.communicate()

        # Then a server finds all of one of the two.
        outcomes.append(counted(there / "shop.db"))
    assert set(outcomes) <= {2_500, 2_000}
    time.sleep(1.1)  # what is replaced is named by the second
    code, said = finished(there / "shop.db", *options)
    assert code == 0, said
    assert counted(there / "shop.db") == 2_000
    kept = sorted(there.glob("shop.db.before-restore-*Z"))
    # The first one that was replaced had all.
    assert counted(kept[0]) == 2_500


def counted(database: Path) -> int:
    """Exposures as any SQLite reads them, the log included."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (number,) = connection.execute("SELECT count(*) FROM exposures").fetchone()
        return int(number)


def test_a_restore_asks_who_was_erased(tmp_path: Path) -> None:
    database, backup = tmp_path / "shop.db", tmp_path / "copy.db"
    there = tmp_path / "there.db"
    for command in (("migrate",), ("backup", str(backup))):
        code, said = finished(database, *command)
        assert code == 0, said

    code, said = finished(there, "restore", str(backup))
    assert (code, there.exists()) == (1, False)
    assert f"no list of erased visitors at {there}.erased: name it with --erased FILE" in said
    code, said = finished(there, "restore", str(backup), "--erased", str(tmp_path / "none"))
    assert (code, there.exists()) == (1, False)
    assert "check --erased" in said
    code, said = finished(there, "restore", str(backup), "--no-erased")
    assert (code, there.exists()) == (0, True)


def test_a_restore_names_the_tokens_that_are_valid_again(tmp_path: Path) -> None:
    database, backup = tmp_path / "shop.db", tmp_path / "copy.db"
    made = [
        ("token", "create", "--role", "admin", "--name", "lost since"),
        ("token", "create", "--role", "reader", "--name", "ended before"),
        ("token", "create", "--role", "reader", "--name", "short", "--lifetime", "1s"),
        ("token", "revoke", "tokens/ended-before"),
        ("backup", str(backup)),
        ("token", "revoke", "tokens/lost-since"),
    ]
    for command in (("migrate",), *made):
        code, said = finished(database, *command)
        assert code == 0, said

    code, said = finished(database, "restore", str(backup), "--no-erased", "--replace", "--accept")

    assert code == 0
    assert "valid as of the back-up: tokens/lost-since; revoke again" in said
    assert "tokens/lost-since  admin, made" in finished(database, "token", "list")[1]


def test_a_backup_of_a_version_without_tokens_names_none(tmp_path: Path) -> None:
    database, backup = tmp_path / "shop.db", tmp_path / "copy.db"
    assert finished(database, "migrate")[0] == 0
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE tokens")
    assert finished(database, "backup", str(backup))[0] == 0

    code, said = finished(tmp_path / "there.db", "restore", str(backup), "--no-erased")

    assert code == 0
    assert "valid as of the back-up" not in said


def test_the_last_line_of_a_backup_names_what_it_does_not_hold(tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    assert finished(database, "migrate")[0] == 0
    key = tmp_path / "shop.db.id-key"
    key.write_bytes(b"a secret key of 32 bytes, in fact")

    code, said = finished(database, "backup", str(tmp_path / "copy.db"))

    assert code == 0
    assert str(key) in said.splitlines()[-1]
    for file in (tmp_path / "copy.db", tmp_path / "copy.db.json"):
        assert key.read_bytes() not in file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path, share: float) -> None:
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        expose(channel, "v", 2_000)
        whole = tmp_path / "copy.db"
        code, said = finished(tmp_path / "shop.db", "backup", str(whole))
        assert code == 0, said
        limit = int(whole.stat().st_size * share)
        kept = tmp_path / "kept"
        kept.mkdir()

        code, said = finished(
            tmp_path / "shop.db", "backup", str(kept / "copy.db"), file_limit=limit
        )
    assert code == 1
    assert said.startswith("fairlift-server: copying "), said
    assert list(kept.iterdir()) == []

    code, said = finished(kept / "shop.db", "restore", str(whole), "--no-erased", file_limit=limit)
    assert code == 1
    assert said.startswith("fairlift-server: restoring "), said
    assert {path.name for path in kept.iterdir()} == {"shop.db.lock"}

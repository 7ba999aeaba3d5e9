"""The last good snapshot on disk: whole, or not used."""

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from fairlift import Client, Reason, snapshot_file
from hypothesis import given
from hypothesis import strategies as st

from tests.client.shop import Shop, eventually, running, spring

SPAIN = {"country": "ES"}
NOBODY = "127.0.0.1:1"


def test_restart_begins_with_the_last_snapshot(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "snapshot"
    with Client(shop.target, snapshot_path=path) as client:
        assert client.wait_ready(10)
        before = [client.assign("spring", f"v{i}", SPAIN).variant for i in range(100)]
        assert eventually(path.exists)
    shop.stop()

    with Client(NOBODY, snapshot_path=path) as client:
        after = [client.assign("spring", f"v{i}", SPAIN) for i in range(100)]

    assert [each.variant for each in after] == before
    assert {each.reason for each in after} == {Reason.ASSIGNED}
    assert path.stat().st_mode & 0o077 == 0


def test_stream_begins_where_the_file_ends(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, spring("e1").SerializeToString())
    with Client(shop.target, snapshot_path=path) as client:
        assert eventually(lambda: client.stats().silence_s is not None)
    assert shop.watched_etags == ["e1"]


def test_each_new_snapshot_is_kept_and_the_one_before(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    newer = spring("e2", running("summer"))
    with Client(shop.target, snapshot_path=path) as client:
        assert client.wait_ready(10)
        assert eventually(path.exists)
        shop.publish(newer)
        assert eventually(lambda: snapshot_file.load(path) == newer.SerializeToString())

    path.write_bytes(b"rubbish")
    with Client(NOBODY, snapshot_path=path) as client:
        assert client.stats().etag == "e1"


def test_any_damage_is_noticed_and_the_copy_before_serves(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    old, new = spring("old").SerializeToString(), spring("new").SerializeToString()
    snapshot_file.save(path, old)
    snapshot_file.save(path, new)
    whole = path.read_bytes()
    rng = random.Random(5)

    wrong = 0
    for _ in range(1_000):
        damaged = bytearray(whole)
        if rng.random() < 0.5:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        wrong += snapshot_file.load(path) != old

    assert wrong == 0


def test_without_any_whole_copy_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    assert snapshot_file.load(path) is None
    path.write_bytes(b"")
    path.with_name("snapshot.previous").write_bytes(b"fairlift-snapshot-1 0 0\n")
    assert snapshot_file.load(path) is None


def test_write_that_dies_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"old")
    path.with_name(f"snapshot.{os.getpid()}.tmp").write_bytes(b"half")

    assert snapshot_file.load(path) == b"old"
    snapshot_file.save(path, b"new")
    assert snapshot_file.load(path) == b"new"


@given(st.binary(max_size=200))
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("file") / "snapshot"
    snapshot_file.save(path, content)

    assert snapshot_file.load(path) == content


def test_file_that_is_no_snapshot_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"\xff\xff not a message")
    with Client(NOBODY, snapshot_path=path) as client:
        assert client.assign("spring", "v", SPAIN).reason is Reason.NOT_READY
    assert "cannot be read" in caplog.text


def test_disk_that_refuses_costs_a_warning_and_nothing_else(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with Client(shop.target, snapshot_path=blocked / "snapshot") as client:
        assert client.wait_ready(10)
        assert client.assign("spring", "v", SPAIN).reason is Reason.ASSIGNED
        assert eventually(lambda: "cannot be saved" in caplog.text)


def test_damaged_file_never_takes_the_place_of_the_good_one_before(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"first")
    snapshot_file.save(path, b"second")
    path.write_bytes(b"rubbish")
    snapshot_file.save(path, b"third")
    path.write_bytes(b"rubbish")

    assert snapshot_file.load(path) == b"first"


def test_what_writers_that_died_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    long_ago = time.time() - 86_400
    left, other, another = (
        tmp_path / name for name in ("snapshot.x1.tmp", "mine.tmp", "snapshot.notes")
    )
    for each in (left, other, another):
        each.write_bytes(b"half")
        os.utime(each, (long_ago, long_ago))
    at_work = tmp_path / "snapshot.x2.tmp"
    at_work.write_bytes(b"half")

    snapshot_file.save(path, b"new")

    assert set(tmp_path.iterdir()) == {path, other, another, at_work}


def test_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, f"no space for {descriptor}")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        snapshot_file.save(path, b"new")

    assert list(tmp_path.iterdir()) == [path]
    assert snapshot_file.load(path) == b"old"


def _write(path: Path, writer: int) -> None:
    for number in range(60):
        snapshot_file.save(path, b"%d/%d " % (writer, number) * 500)


def test_threads_that_share_a_path_never_leave_it_empty(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"first")
    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(_write, path, number) for number in range(6)]
        _watch(path, lambda: not all(each.done() for each in writers))
    for each in writers:
        each.result()

    _is_tidy(path)


def test_processes_that_share_a_path_never_leave_it_empty(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot_file.save(path, b"first")
    program = (
        "import sys; from pathlib import Path; from fairlift.snapshot_file import save\n"
        "for n in range(150): save(Path(sys.argv[1]), b'%d' % n * 1_000)"
    )
    with ExitStack() as ended:
        writers = [
            ended.enter_context(subprocess.Popen([sys.executable, "-c", program, str(path)]))
            for _ in range(4)
        ]
        _watch(path, lambda: any(each.poll() is None for each in writers))

    assert [each.returncode for each in writers] == [0, 0, 0, 0]
    _is_tidy(path)


def _watch(path: Path, goes_on: Callable[[], bool]) -> None:
    """Reads all the time: the file is there and whole, and so is what is loaded."""
    while goes_on():
        assert path.exists()
        assert snapshot_file.load(path) is not None


def _is_tidy(path: Path) -> None:
    previous = path.with_name("snapshot.previous")
    assert set(path.parent.iterdir()) == {path, previous}
    assert {each.stat().st_mode & 0o777 for each in (path, previous)} == {0o600}
    path.unlink()
    assert snapshot_file.load(path) is not None


def test_two_clients_of_one_process_share_a_path_without_a_warning(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "snapshot"
    with (
        Client(shop.target, snapshot_path=path) as one,
        Client(shop.target, snapshot_path=path) as other,
    ):
        for number in range(30):
            shop.publish(spring(f"n{number}"))
            assert eventually(lambda etag=f"n{number}": one.stats().etag == etag)
        assert eventually(lambda: other.stats().etag == "n29")

    assert "cannot be kept" not in caplog.text
    assert path.exists()
    assert snapshot_file.load(path) is not None

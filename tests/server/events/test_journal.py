"""The journal on its disk: bounded, locked, read again after any end, and honest when it fails."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift.engine.errors import Overloaded, WrongState
from fairlift_server.events import journal_records
from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journal_records import ReadEvent
from fairlift_server.events.ledger import RefusalReason, RefusedEvent

from tests.server.events.test_journal_records import exposures, written

# A write to it fails as on a full disk.
FULL = Path("/dev/full")


def drained(journal: Journal) -> Iterator[ReadEvent]:
    """Every event, in order; the journal is empty afterwards."""
    while not journal.is_empty:
        file, records = journal.oldest()
        yield from records.events
        journal.drained(file, records, [])


def opened(folder: Path, *, limit_bytes: int = MIB, file_bytes: int = 2_000) -> Journal:
    return Journal(folder, limit_bytes=limit_bytes, file_bytes=file_bytes)


def test_events_come_back_in_order_through_many_files(tmp_path: Path) -> None:
    events = exposures(200)
    journal = opened(tmp_path / "journal")
    for start in range(0, 200, 7):
        journal.append(events[start : start + 7])

    assert (journal.events, len(list(journal.folder.glob("*.journal"))) > 10) == (200, True)
    assert list(drained(journal)) == events
    assert (journal.is_empty, journal.since_s, journal.size_bytes) == (True, None, 0)
    assert [path.name for path in journal.folder.iterdir()] == ["lock"]


def test_what_was_not_drained_is_there_at_the_next_start(tmp_path: Path) -> None:
    events = exposures(50)
    journal = opened(tmp_path)
    journal.append(events[:30])
    journal.close()

    journal = opened(tmp_path)
    assert journal.events == 30
    journal.append(events[30:])
    assert list(drained(journal)) == events


def test_events_that_come_while_it_drains_are_behind_the_others(tmp_path: Path) -> None:
    events = exposures(30)
    journal = opened(tmp_path, file_bytes=MIB)
    journal.append(events[:10])
    file, records = journal.oldest()
    journal.append(events[10:])

    assert records.events == events[:10]
    journal.drained(file, records, [])
    assert list(drained(journal)) == events[10:]


def test_a_full_journal_refuses_a_batch_as_a_whole(tmp_path: Path) -> None:
    journal = opened(tmp_path, limit_bytes=10_000)
    events = exposures(60)
    journal.append(events[:20])

    with pytest.raises(Overloaded, match="no event can be taken now: the journal has reached"):
        journal.append(events[20:])
    assert journal.failure
    assert list(drained(journal)) == events[:20]
    journal.append(events[20:40])
    assert (journal.failure, list(drained(journal))) == ("", events[20:40])


def test_two_servers_share_no_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(WrongState, match=f"another server uses the journal {tmp_path}"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    with pytest.raises(WrongState, match="set FAIRLIFT_JOURNAL to another folder"):
        opened(tmp_path / "journal")
    with pytest.raises(WrongState, match="No such file or directory"):
        opened(tmp_path / "missing" / "journal")


def test_a_newer_journal_is_refused_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(journal_records, "VERSION", 2)
        journal = opened(tmp_path)
        journal.append(exposures(1))
        journal.close()
    (file,) = tmp_path.glob("*.journal")
    before = file.read_bytes()

    with pytest.raises(WrongState, match=f"{file} was written by a newer Fairlift"):
        opened(tmp_path)
    assert file.read_bytes() == before


def test_other_users_cannot_read_it(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    journal.append(exposures(1))
    for path in journal.folder, *journal.folder.iterdir():
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def test_damaged_bytes_and_refused_events_are_set_aside(tmp_path: Path) -> None:
    # Given a journal with a flipped bit in its second event
    events = exposures(3)
    journal = opened(tmp_path, file_bytes=MIB)
    journal.append(events)
    (path,) = tmp_path.glob("*.journal")
    data = bytearray(path.read_bytes())
    start, end = (sum(map(len, written(events)[:count])) for count in (1, 2))
    data[end - 9] ^= 4
    path.write_bytes(data)

    # When it is drained, and the database refuses the last event
    file, records = journal.oldest()
    refusal = RefusedEvent(RefusalReason.CONFLICT, "the id has another content")
    journal.drained(file, records, [(events[2], refusal)])

    # Then both can still be read
    assert (records.events, records.lost) == ([events[0], events[2]], 1)
    (damaged,) = tmp_path.glob("*.damaged")
    assert damaged.read_bytes() == data[start:end]
    (line,) = path.with_suffix(".refused").read_text().splitlines()
    assert events[2].event_id.hex() in line
    assert "the id has another content" in line
    assert not path.exists()


def test_nothing_that_was_set_aside_is_overwritten(tmp_path: Path) -> None:
    refusal = RefusedEvent(RefusalReason.CONFLICT, "the id has another content")
    for event in exposures(3):
        journal = opened(tmp_path)
        journal.append([event])
        file, records = journal.oldest()
        journal.drained(file, records, [(event, refusal)])
        journal.close()

    lines = [line for path in tmp_path.glob("*.refused") for line in path.read_text().splitlines()]
    assert len(lines) == 3


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's device that is always full")
def test_a_write_that_fails_leaves_no_half_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a disk that takes some bytes of a batch, and then no more
    events = exposures(30)
    journal = opened(tmp_path, file_bytes=MIB)
    journal.append(events[:10])
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(descriptor, data[:500])

    def full(_descriptor: int, _data: bytes) -> int:
        with FULL.open("wb", buffering=0) as disk:
            return disk.write(b"x")

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(Overloaded, match="cannot be written: No space left on device"):
        journal.append(events[10:20])
    with pytest.raises(Overloaded):
        journal.append(events[10:20])
    monkeypatch.setattr(os, "write", write)

    # When there is room again
    journal.append(events[20:])

    # Then what was acknowledged is there, and nothing else
    assert journal.events == 20
    journal.close()
    assert list(drained(opened(tmp_path))) == events[:10] + events[20:]


def test_a_write_that_is_not_synced_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path)

    sync = os.fsync

    def fails(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        sync(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(Overloaded, match="Input/output error"):
            journal.append(exposures(2))
        assert journal.failure
    journal.append(exposures(3))
    # The kernel may have dropped what it could not sync: that file gets no more.
    assert list(drained(journal))[-3:] == exposures(3)


def test_an_unusable_folder_is_found_before_an_event_needs_it(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    journal.check()
    moved = (tmp_path / "journal").rename(tmp_path / "elsewhere")
    with pytest.raises(Overloaded, match="cannot be written: No such file"):
        journal.check()
    moved.rename(tmp_path / "journal")
    journal.check()
    assert (journal.failure, list(journal.folder.glob("check"))) == ("", [])


def test_a_journal_with_little_room_says_that_it_is_full_until_it_drains(tmp_path: Path) -> None:
    """Its last bytes are no use to storefronts that send batches."""
    journal = opened(tmp_path, limit_bytes=8_000, file_bytes=1_024)
    with pytest.raises(Overloaded):
        journal.append(exposures(1_000))
    journal.check()  # there is room for others

    while journal.size_bytes < 4_000:
        journal.append(exposures(1))
    with pytest.raises(Overloaded, match="the journal has reached"):
        journal.check()
    # What fits is taken all the same.
    journal.append(exposures(1))

    while journal.size_bytes >= 4_000:
        journal.drained(*journal.oldest(), [])
    journal.check()


def test_a_file_that_somebody_removed_is_counted_as_lost(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(exposures(5))
    (path,) = tmp_path.glob("*.journal")
    path.unlink()

    file, records = journal.oldest()
    assert (records.events, records.lost) == ([], 5)
    journal.drained(file, records, [])
    assert journal.is_empty

"""The SDK follows changes of its snapshot, and asks for the whole one where they do not fit."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fairlift.engine.bots import BotRules
from fairlift.engine.snapshot import Snapshot
from fairlift.local_snapshot import LocalSnapshot
from fairlift.snapshot_watch import SnapshotWatch
from fairlift.v1 import assignment_service_pb2 as a
from fairlift.wire.snapshot import snapshot_campaign_to, snapshot_to

from tests.client.shop import eventually, running


class Streams:
    """A connection whose streams are scripted: each one is sent, and then waits."""

    def __init__(self, *streams: Sequence[a.WatchSnapshotResponse]) -> None:
        self._streams = list(streams)
        self.asked: list[str] = []

    def watch(self, etag: str, *, timeout_s: float) -> "Stream":
        """The next stream."""
        del timeout_s
        self.asked.append(etag)
        return Stream(self._streams.pop(0) if self._streams else [])


class Stream:
    def __init__(self, messages: Sequence[a.WatchSnapshotResponse]) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[a.WatchSnapshotResponse]:
        yield from self._messages

    def cancel(self) -> None:
        """There is nothing to end."""


def local(path: Path | None = None) -> LocalSnapshot:
    return LocalSnapshot(path=path, bots=BotRules(), first_seen={}, stale_after_s=None)


def whole(etag: str, *names: str) -> a.Snapshot:
    return snapshot_to(Snapshot(etag, None, tuple(map(running, names))))


def delta(from_etag: str, etag: str, *names: str, removed: Sequence[str] = ()) -> Any:
    return a.SnapshotDelta(
        from_etag=from_etag,
        etag=etag,
        campaigns=[snapshot_campaign_to(running(name)) for name in names],
        removed_campaigns=[f"campaigns/{name}" for name in removed],
    )


def followed(streams: Streams, snapshot: LocalSnapshot, etag: str) -> bool:
    """Watches until the snapshot in use has the etag."""
    connection: Any = streams
    watch = SnapshotWatch(lambda: connection, snapshot.take)
    watch.start()
    try:
        return eventually(lambda: snapshot.current.compiled.etag == etag)
    finally:
        watch.stop()


def response(
    update: a.Snapshot | a.SnapshotDelta, *, more: bool = False
) -> a.WatchSnapshotResponse:
    if isinstance(update, a.Snapshot):
        return a.WatchSnapshotResponse(snapshot=update, more=more)
    return a.WatchSnapshotResponse(delta=update, more=more)


def test_changes_are_added_to_the_snapshot_and_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshot = local(path)
    change = delta("e1", "e2", "summer", removed=["autumn"])
    streams = Streams([response(whole("e1", "autumn", "spring")), response(change)])

    assert followed(streams, snapshot, "e2")
    assert sorted(snapshot.current.compiled.campaigns) == ["spring", "summer"]
    assert eventually(lambda: local(path).current.compiled.etag == "e2")
    assert sorted(local(path).current.compiled.campaigns) == ["spring", "summer"]


def test_a_snapshot_in_parts_is_used_when_the_last_part_is_there() -> None:
    snapshot, in_use = local(), []
    snapshot.listen(lambda change: in_use.append(change.campaigns))
    parts = [
        response(whole("e1", "a", "b"), more=True),
        a.WatchSnapshotResponse(),
        response(delta("", "e1", "c"), more=True),
        response(delta("", "e1", "d")),
        response(delta("e1", "e2", "e"), more=True),
        response(delta("", "e2", "f")),
    ]

    assert followed(Streams(parts), snapshot, "e2")
    assert in_use == [frozenset("abcd"), frozenset("ef")]
    assert sorted(snapshot.current.compiled.campaigns) == list("abcdef")


def test_a_stream_that_ends_within_an_update_changes_nothing() -> None:
    snapshot = local()
    streams = Streams([response(whole("e1", "a"), more=True)], [response(whole("e2", "a", "b"))])

    assert followed(streams, snapshot, "e2")
    assert streams.asked[:2] == ["", ""]


def test_changes_of_another_snapshot_are_answered_by_asking_for_the_whole() -> None:
    snapshot = local()
    streams = Streams(
        [response(whole("e1", "a")), response(delta("e7", "e8", "b"))],
        [response(whole("e8", "a", "b"))],
    )

    assert followed(streams, snapshot, "e8")
    assert streams.asked[:2] == ["", ""]
    assert sorted(snapshot.current.compiled.campaigns) == ["a", "b"]

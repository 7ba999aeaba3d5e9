"""The snapshot in the storefront's process: compiled, saved to disk, and marked when stale."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.message import DecodeError

from fairlift import snapshot_file
from fairlift.engine.bots import BotRules
from fairlift.engine.decision import CompiledSnapshot, CurrentSnapshot
from fairlift.engine.snapshot import Snapshot
from fairlift.snapshot_change import Listener, SnapshotChange, changed_campaigns
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.snapshot import message_with, snapshot_from, snapshot_with

_log = logging.getLogger("fairlift")

# How long compiling may hold the interpreter before it lets other threads run.
_BREATH_S = 0.0003


class LocalSnapshot:
    """Holds the snapshot in use and replaces it by newer ones.

    Args:
        path: The file that keeps the last good snapshot between runs, or None.
        bots: The rules that recognise bots.
        first_seen: The visitor id under which each customer was first seen.
        stale_after_s: When the server was silent for longer, reasons say `stale`.
    """

    def __init__(
        self,
        *,
        path: Path | None,
        bots: BotRules,
        first_seen: Mapping[str, str],
        stale_after_s: float | None,
    ) -> None:
        self._path = path
        self._bots = bots
        self._first_seen = first_seen
        self._stale_after_s = stale_after_s
        self._snapshot: Snapshot | None = None
        # As it is saved; empty without a path.
        self._message = pb.Snapshot()
        self._fresh_since = time.monotonic()
        self._is_stale = False
        self._refusal = ""
        self._listeners: tuple[Listener, ...] = ()
        self._compiling = threading.Lock()
        self.ready = threading.Event()
        self.current = CurrentSnapshot()
        self._load()

    def after_fork(self) -> None:
        """Creates new locks: another thread of the parent may have held the old ones."""
        self._compiling = threading.Lock()
        ready = threading.Event()
        if self._snapshot is not None:
            ready.set()
        self.ready = ready

    def listen(self, listener: Listener) -> None:
        """Calls the listener with every change, in the thread that received the change."""
        self._listeners = (*self._listeners, listener)

    def take(self, update: pb.Snapshot | pb.SnapshotDelta) -> None:
        """Uses this snapshot, or the changed one, from now on, and saves it to disk.

        Raises:
            LookupError: the changes are of another snapshot than the one in use.
        """
        before = self._snapshot or Snapshot()
        if isinstance(update, pb.Snapshot):
            now = snapshot_from(update, between=_Breath())
        elif update.from_etag == before.etag:
            now = snapshot_with(before, update, between=_Breath())
        else:
            raise LookupError(f"the changes are of the snapshot {update.from_etag!r}")
        self._use(now)
        if self._path is not None:
            self._save(self._path, update)
        if self._listeners:
            self._tell(changed_campaigns(before, now))

    def _save(self, path: Path, update: pb.Snapshot | pb.SnapshotDelta) -> None:
        if isinstance(update, pb.SnapshotDelta):
            update = message_with(self._message, update)
        self._message = update
        try:
            snapshot_file.save(path, self._message.SerializeToString())
        except OSError as error:
            _log.warning("the snapshot cannot be saved to %s: %s", path, error)

    def check_refusal(self, refusal: str) -> None:
        """Tells the listeners when the server starts or stops refusing this client."""
        if refusal != self._refusal:
            self._refusal = refusal
            self._tell(frozenset())

    def check_freshness(self, last_contact: float | None) -> None:
        """Marks the reasons as stale or fresh, by the time of the server's last message."""
        if self._stale_after_s is None or self._snapshot is None:
            return
        since = self._fresh_since if last_contact is None else last_contact
        is_stale = time.monotonic() - since > self._stale_after_s
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            _log.warning("the snapshot is %s", "stale" if is_stale else "fresh again")
            self._use(self._snapshot)
            self._tell(frozenset())

    def _tell(self, campaigns: frozenset[str]) -> None:
        change = SnapshotChange(
            campaigns, self.current.compiled.etag, self._is_stale, self._refusal
        )
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:  # a listener must not stop the snapshots
                _log.exception("a listener failed")

    def _use(self, snapshot: Snapshot) -> None:
        with self._compiling:
            compiled = CompiledSnapshot(
                snapshot,
                bots=self._bots,
                first_seen=self._first_seen,
                is_stale=self._is_stale,
                between=_Breath(),
            )
            self._snapshot = snapshot
            self.current.compiled = compiled
        for campaign, reason in compiled.broken.items():
            _log.error("campaign %s gives all visitors the control: %s", campaign, reason)
        self.ready.set()

    def _load(self) -> None:
        content = None if self._path is None else snapshot_file.load(self._path)
        if content is None:
            return
        try:
            message = pb.Snapshot.FromString(content)
            self._use(snapshot_from(message))
            self._message = message
        except (DecodeError, ValueError) as error:
            _log.warning("the snapshot in %s cannot be read: %s", self._path, error)


class _Breath:
    """Yields to other threads now and then, so that a large snapshot does not block them."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        if time.perf_counter() - self._since > _BREATH_S:
            time.sleep(0)
            self._since = time.perf_counter()

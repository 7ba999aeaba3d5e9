"""The snapshot, kept as the server has it: one stream, opened again whenever it ends."""

import logging
import random
import threading
import time
from collections.abc import Callable

from fairlift.engine.errors import FairliftError, NotAllowed, Unsupported
from fairlift.transport import Connection, SnapshotStream
from fairlift.v1 import assignment_service_pb2 as pb

_log = logging.getLogger("fairlift")

_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 30.0
# Streams move to other servers now and then, each at its own time.
_MAX_AGE_S = 600.0


class SnapshotWatch:
    """Hands over each new snapshot message; runs in a thread of its own.

    Args:
        connect: The connection to use; asked again for every stream.
        on_snapshot: Called with every snapshot that differs from the one held.
        etag: Of the snapshot held at the start; empty when there is none.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        on_snapshot: Callable[[pb.Snapshot], None],
        *,
        etag: str = "",
    ) -> None:
        self._connect = connect
        self._on_snapshot = on_snapshot
        self._etag = etag
        self._stopped = threading.Event()
        self._stream: SnapshotStream | None = None
        self._thread = threading.Thread(target=self._run, name="fairlift-watch", daemon=True)
        # Of time.monotonic(): when the server last said anything; None before it did.
        self.last_contact: float | None = None
        self.reconnects = 0
        self.problem = ""
        # Why the server will not have this client, which no waiting mends; empty while it does.
        self.refusal = ""
        self._unusable = ""

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the stream; the thread follows."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.cancel()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            before = self.last_contact
            try:
                self._follow()
            except FairliftError as error:
                self._note(error)
            except Exception:  # a storefront must not lose its updates for ever
                _log.exception("the snapshot stream failed; reconnecting")
            failures = failures + 1 if self.last_contact == before else 0
            ceiling = min(_MAX_BACKOFF_S, _BACKOFF_S * 2 ** min(failures, 16))
            if not self._stopped.wait(random.uniform(0, ceiling)):
                self.reconnects += 1

    def _follow(self) -> None:
        max_age_s = random.uniform(0.8, 1.2) * _MAX_AGE_S
        self._stream = self._connect().watch(self._etag, timeout_s=max_age_s)
        if self._stopped.is_set():
            self._stream.cancel()
        for message in self._stream:
            self.last_contact = time.monotonic()
            if message.HasField("snapshot"):
                self._take(message.snapshot)
            self.problem, self.refusal = self._unusable, ""

    def _take(self, snapshot: pb.Snapshot) -> None:
        """Hands the snapshot over; one that cannot be used leaves the one before in its place.

        The stream goes on, for to open it again would bring the same snapshot again.
        """
        try:
            if not snapshot.etag:
                raise ValueError("it has no etag and would end every campaign")
            self._on_snapshot(snapshot)
        except Exception as error:
            self._unusable = f"the snapshot {snapshot.etag!r} cannot be used: {error}"
            _log.exception("a snapshot cannot be used; the previous one stays in use")
        else:
            self._unusable = ""
            self._etag = snapshot.etag

    def _note(self, error: FairliftError) -> None:
        is_new = str(error) != self.problem and not self._stopped.is_set()
        self.problem = str(error)
        is_refused = isinstance(error, NotAllowed | Unsupported)
        if is_refused:
            self.refusal = self.problem
        if is_new and is_refused:
            _log.error("no snapshots from the server: %s", error)
        elif is_new:
            _log.info("the snapshot stream ended; reconnecting: %s", error)

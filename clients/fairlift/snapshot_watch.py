"""Watches the server's snapshot: one stream, opened again whenever it ends."""

import logging
import random
import threading
import time
from collections.abc import Callable

from fairlift.engine.errors import (
    FairliftError,
    NotAllowed,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from fairlift.transport import Connection, MessageTooLarge, SnapshotStream
from fairlift.v1 import assignment_service_pb2 as pb

_log = logging.getLogger("fairlift")

_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 30.0
# A stream ends after this time, so that clients spread over new servers; with jitter.
_MAX_AGE_S = 600.0


class SnapshotWatch:
    """Passes each new snapshot message on; runs in its own thread.

    Args:
        connect: Returns the connection; called for every stream.
        on_update: Called with every new snapshot, or what changed since the one before.
        etag: The etag of the snapshot that the client already has, or empty.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        on_update: Callable[[pb.Snapshot | pb.SnapshotDelta], None],
        *,
        etag: str = "",
    ) -> None:
        self._connect = connect
        self._on_update = on_update
        self._etag = etag
        self._stopped = threading.Event()
        self._stream: SnapshotStream | None = None
        self._thread = threading.Thread(target=self._run, name="fairlift-watch", daemon=True)
        # time.monotonic() of the server's last message; None before the first.
        self.last_contact: float | None = None
        self.reconnects = 0
        self.problem = ""
        # Why this client gets no snapshot, however long it waits; else empty.
        self.refusal = ""
        self._unusable = ""
        # Since the server's last message.
        self._is_token_refused = False

    def start(self) -> None:
        """Starts to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the stream and then the thread."""
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
            except Exception:  # the storefront must go on receiving updates
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
        update: pb.WatchSnapshotResponse | None = None
        for message in self._stream:
            self.last_contact = time.monotonic()
            self._is_token_refused = False
            if message.WhichOneof("update"):
                update = _joined(update, message)
                if not message.more:
                    self._take(update)
                    update = None
            self.problem, self.refusal = self._unusable, ""

    def _take(self, update: pb.WatchSnapshotResponse) -> None:
        """Passes the update on; after one that cannot be used, the previous snapshot stays in use.

        After a whole snapshot the stream stays open: a new one would bring the same.

        Raises:
            Unavailable: changes cannot be used: a new stream brings the whole snapshot.
        """
        new = update.delta if update.HasField("delta") else update.snapshot
        try:
            if not new.etag:
                raise ValueError("it has no etag and would end every campaign")
            self._on_update(new)
        except Exception as error:
            self._unusable = f"the snapshot {new.etag!r} cannot be used: {error}"
            _log.exception("a snapshot cannot be used; the previous one stays in use")
            if update.HasField("delta"):
                self._etag = ""
                raise Unavailable("changes of the snapshot cannot be used") from error
        else:
            self._unusable = ""
            self._etag = new.etag

    def _note(self, error: FairliftError) -> None:
        had_valid_token = isinstance(error, Unauthenticated) and self.last_contact is not None
        if had_valid_token and not self._is_token_refused:
            # It was replaced, perhaps: the next stream has the new token.
            self._is_token_refused = True
            _log.info("the server no longer takes the token; reconnecting: %s", error)
            return
        problem = _too_large(error) if isinstance(error, MessageTooLarge) else str(error)
        is_new = problem != self.problem and not self._stopped.is_set()
        self.problem = problem
        is_refused = isinstance(error, NotAllowed | Unsupported | MessageTooLarge)
        if is_refused:
            self.refusal = self.problem
        if is_new and is_refused:
            level = logging.WARNING if had_valid_token else logging.ERROR
            _log.log(level, "no snapshots from the server: %s", problem)
        elif is_new:
            _log.info("the snapshot stream ended; reconnecting: %s", error)


def _too_large(error: MessageTooLarge) -> str:
    if error.size_bytes is None:
        return f"the snapshot is too large for this client: {error}"
    # A power of two with room to grow.
    enough = 2 ** (error.size_bytes * 3 // 2).bit_length()
    return (
        f"the snapshot has a message of {error.size_bytes:,} bytes, this client accepts "
        f"{error.limit_bytes:,}; archive campaigns and shorten payloads, or accept more with "
        f'Client(…, channel_options=[("grpc.max_receive_message_length", {enough})])'
    )


def _joined(
    first: pb.WatchSnapshotResponse | None, part: pb.WatchSnapshotResponse
) -> pb.WatchSnapshotResponse:
    """The update so far, with its next part."""
    if first is None or not part.HasField("delta"):
        return part
    whole = first.delta if first.HasField("delta") else first.snapshot
    whole.campaigns.extend(part.delta.campaigns)
    return first

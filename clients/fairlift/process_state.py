"""The parts of a client that belong to one process: connection, snapshot watch, outbox, thread.

A forked child gets its own: threads do not survive a fork, a connection must not be
shared, and the parent sends what waits in its outbox. The parent closes its gRPC connection
during the fork: else the first call of the child can hang for ever.
"""

import logging
import os
import threading
import time
import weakref

from fairlift import short_lived, transport
from fairlift.background_thread import INTERVAL_S, BackgroundThread, is_program_over
from fairlift.exposures import ExposureQueue
from fairlift.green_threads import prepare_grpc
from fairlift.local_snapshot import LocalSnapshot
from fairlift.outbox import Outbox
from fairlift.snapshot_watch import SnapshotWatch
from fairlift.transport import Connection, Endpoint

_log = logging.getLogger("fairlift")

EXIT_S = 2.0


class ProcessState:
    """One process's connection and background work. Starting it waits for nothing.

    Raises:
        RuntimeError: eventlet has patched this process.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        local: LocalSnapshot | None,
        exposures: ExposureQueue,
        *,
        max_events: int,
        max_bytes: int,
    ) -> None:
        prepare_grpc()
        self._endpoint = endpoint
        # The forking thread holds it during a fork.
        self._connecting = threading.RLock()
        self._connection: Connection | None = None
        self._closed = False
        self._ended = False
        self._started_s = time.monotonic()
        self._exposures = exposures
        # Exit handlers run after the background thread has ended: what they record is sent at once,
        # for as many seconds together. None before that.
        self._late_s: float | None = None
        self._sending_late = threading.Lock()
        self._process = os.getpid()
        self._grpc: object = None
        self.outbox = Outbox(self.connection, exposures, max_events=max_events, max_bytes=max_bytes)
        self._local = local
        self.watch: SnapshotWatch | None = None
        if local is not None:
            self.watch = SnapshotWatch(
                self.connection, local.take, etag=local.current.compiled.etag
            )
        self._background = BackgroundThread([self._send, self._check_freshness], at_end=self._end)

    def start(self) -> None:
        """Starts to watch the snapshot and to send events."""
        if self.watch is not None:
            self.watch.start()
        self._background.start()
        _keep_out_of_forks(self)

    def connection(self) -> Connection:
        """The connection, created at the first use."""
        with self._connecting:
            if self._connection is None:
                self._connection = self._endpoint.connect()
            return self._connection

    def wait_ready(self, timeout_s: float) -> bool:
        """Waits for the first snapshot; False when none arrived in time, and the log says why."""
        if self._local is None or self._local.ready.wait(timeout_s):
            return True
        problem = self.watch.problem if self.watch is not None else ""
        why = problem or "the server has not answered yet"
        _log.warning("no snapshot arrived in %s s: %s", timeout_s, why)
        return False

    def close(self, timeout_s: float) -> None:
        """Sends waiting events, for at most `timeout_s`, and stops; a second call does nothing."""
        with self._connecting:
            if self._closed:
                return
            self._closed = True
        self._background.stop()
        if self.watch is not None:
            self.watch.stop()
        if not self._deliver(timeout_s):
            _log.error(
                "%d events are lost: the server did not take them in %s s",
                self.outbox.unsent,
                timeout_s,
            )
        with self._connecting:
            self._ended = True
            self.connection().close()
        self._background.join(10 * INTERVAL_S)
        if not is_program_over():
            lived_s = time.monotonic() - self._started_s
            short_lived.SHORT_LIVED.ended(self._endpoint.target, lived_s=lived_s)

    def recorded(self) -> None:
        """Call it after each event: at the end of the program, nothing else sends it."""
        if self._late_s is not None:
            self._send_late()

    def retire(self) -> None:
        """Ends it in the background, after its client was garbage-collected."""
        self._background.finish()

    def before_fork(self) -> None:
        """Ends the calls under way, which are repeated later, and blocks new connections."""
        if self._process != os.getpid():
            return
        self._connecting.acquire()
        if self._connection is not None:
            self._grpc = transport.keep_grpc()
            self._connection.close()
            if not self._ended:
                self._connection = None

    def after_fork(self) -> None:
        """Allows connections in the parent again."""
        if self._process == os.getpid():
            self._connecting.release()

    def _deliver(self, timeout_s: float) -> bool:
        """Sends waiting events; True when none is left.

        The second half of the time is for a new connection: a router or firewall may have dropped
        the old one without a word.
        """
        if self.outbox.flush(timeout_s / 2):
            return True
        with self._connecting:
            self.connection().close()
            self._connection = self._endpoint.connect()
        return self.outbox.flush(timeout_s / 2)

    def _end(self) -> None:
        """Closes; at the end of the program, what exit handlers record later is sent at once."""
        started_s = time.monotonic()
        self.close(EXIT_S)
        if is_program_over():
            self._late_s = max(0.0, EXIT_S - (time.monotonic() - started_s))
            self._exposures.after_put = self._send_late

    def _send_late(self) -> None:
        with self._sending_late:
            if not self._late_s:
                return
            started_s = time.monotonic()
            self._connection = self._endpoint.connect(is_blocking=True)
            try:
                is_sent = self.outbox.flush(self._late_s)
            finally:
                self._connection.close()
            self._late_s = max(0.0, self._late_s - (time.monotonic() - started_s))
            if not is_sent:
                self._late_s = 0.0
                _log.error(
                    "%d events are lost: they were recorded while the program ended, and the "
                    "server did not take them in %s s; any that follow are lost too",
                    self.outbox.unsent,
                    EXIT_S,
                )

    def _send(self) -> None:
        self.outbox.tick(self._background.is_ending)

    def _check_freshness(self) -> None:
        if self._local is not None and self.watch is not None:
            self._local.check_freshness(self.watch.last_contact)
            self._local.check_refusal(self.watch.refusal)


def _keep_out_of_forks(process_state: ProcessState) -> None:
    reference = weakref.ref(process_state)

    def before() -> None:
        referenced = reference()
        if referenced is not None:
            referenced.before_fork()

    def after_in_parent() -> None:
        referenced = reference()
        if referenced is not None:
            referenced.after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after_in_parent)

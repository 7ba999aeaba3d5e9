"""Answers /metrics, /healthz and /readyz over HTTP, in a thread of its own."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from socket import AF_INET, AF_INET6, SHUT_RDWR, SO_REUSEADDR, SOL_SOCKET, socket
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from fairlift.engine.errors import WrongState

_TEXT: Final = "text/plain; charset=utf-8"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
# Of one read, and of a connection whatever it reads or sends: no caller may keep a thread.
_TIMEOUT_S: Final = 5.0
_LONGEST_S: Final = 10.0
# One more cuts off the oldest, so that a probe is answered whoever else holds connections open.
MOST_CONNECTIONS: Final = 32

# Why the server is not well; empty: it is.
Check = Callable[[], str]


class MonitoringServer:
    """Listens from the moment it is made until it is closed.

    Args:
        listen: host:port.
        metrics: the figures, in Prometheus' text format.
        lives: fails where only a restart helps.
        is_ready: fails while callers should go elsewhere.

    Raises:
        WrongState: the address cannot be used.
    """

    def __init__(
        self, listen: str, *, metrics: Callable[[], bytes], lives: Check, is_ready: Check
    ) -> None:
        pages: Mapping[str, Callable[[], tuple[str, str, bytes]]] = {
            "/metrics": lambda: ("200 OK", _METRICS, metrics()),
            "/healthz": lambda: _checked(lives()),
            "/readyz": lambda: _checked(is_ready()),
        }

        def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            page = pages.get(environ["PATH_INFO"])
            if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
                status, kind, body = "405 Method Not Allowed", _TEXT, b"only GET is answered\n"
            elif page is None:
                known = ", ".join(pages)
                status, kind, body = "404 Not Found", _TEXT, f"there are {known}\n".encode()
            else:
                status, kind, body = page()
            start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        try:
            self._server = _Server(host, int(port))
        except (OSError, OverflowError) as error:
            raise WrongState(f"FAIRLIFT_HTTP: cannot listen on {listen}: {error}") from None
        self._server.set_app(answer)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="monitoring", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Gives the address back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _checked(problem: str) -> tuple[str, str, bytes]:
    if problem:
        return "503 Service Unavailable", _TEXT, f"{problem}\n".encode()
    return "200 OK", _TEXT, b"ok\n"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # Of connections that wait for a thread; more are refused by the system.
    request_queue_size = 16

    def __init__(self, host: str, port: int) -> None:
        # Open connections, the oldest first, with the time at which each began.
        self._since: dict[socket, float] = {}
        self._lock = threading.Lock()
        self.address_family = AF_INET6 if ":" in host else AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not `HTTPServer.server_bind`: it asks for the host's name, which may take seconds.
        self.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread; with too many connections the oldest ends."""
        with self._lock:
            if len(self._since) >= MOST_CONNECTIONS:
                self._cut(next(iter(self._since)))
            is_full = len(self._since) >= 2 * MOST_CONNECTIONS  # those cut off have not ended yet
            if not is_full:
                self._since[request] = time.monotonic()
        if is_full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection, at the end of its thread."""
        with self._lock:
            self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Twice a second: cuts off who takes too long."""
        with self._lock:
            oldest = time.monotonic() - _LONGEST_S
            for request in [each for each, since in self._since.items() if since < oldest]:
                self._cut(request)

    def _cut(self, request: socket) -> None:
        """Makes the connection's thread end: its next reading finds nothing."""
        with suppress(OSError):  # the caller was quicker
            request.shutdown(SHUT_RDWR)
        # At the end, so that another one is the oldest until the thread has ended.
        self._since[request] = self._since.pop(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a caller that hangs up is no event of the server."""


class _Handler(WSGIRequestHandler):
    timeout = _TIMEOUT_S

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape every few seconds is no news."""

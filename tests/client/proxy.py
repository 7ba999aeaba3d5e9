"""A real HTTP proxy that knows CONNECT and nothing else, as companies put before their shops."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Listens on a port of this machine, and remembers where it was asked to connect."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        # Where callers are brought, whatever they ask for: what a thief of names would do.
        self.instead = ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        """Cuts every connection."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self._open.append(caller)
                with suppress(OSError):
                    self._connect(caller)

    def _connect(self, caller: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += caller.recv(4096)
        verb, target, _ = request.split(b" ", 2)
        assert verb == b"CONNECT"
        self.asked.append(target.decode())
        host, _, port = (self.instead or target.decode()).rpartition(":")
        server = socket.create_connection((host, int(port)))
        self._open.append(server)
        caller.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for source, sink in ((caller, server), (server, caller)):
            thread = threading.Thread(target=_copy, args=(source, sink))
            thread.start()
            self._threads.append(thread)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65_536):
            sink.sendall(some)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)

"""One port for all workers: the supervisor holds it, so that it stays theirs while they restart."""

import socket
from typing import Self

from fairlift.engine.errors import WrongState

from fairlift_server.api.address import check_free


class SharedPort:
    """A port that is held, without listening, until the block ends.

    Attributes:
        listen: host:port; a free port where port 0 was asked for.
        port: the port.

    Raises:
        WrongState: the address cannot be used, or not by several processes.
    """

    def __init__(self, listen: str) -> None:
        if not hasattr(socket, "SO_REUSEPORT"):
            raise WrongState(
                "several processes cannot share a port on this system; set FAIRLIFT_WORKERS=1"
            )
        # Without SO_REUSEPORT: another server that shares its port is found.
        check_free(listen)
        host, _, port = listen.rpartition(":")
        family, kind, *_, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._socket = socket.socket(family, kind)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            self._socket.setsockopt(socket.SOL_SOCKET, option, 1)
        self._socket.bind(address)
        self.port: int = self._socket.getsockname()[1]
        self.listen = f"{host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

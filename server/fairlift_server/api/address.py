"""Whether a server can listen on an address."""

import errno
import socket

from fairlift.engine.errors import WrongState


def check_free(listen: str) -> None:
    """Tries the address, because gRPC does not report why it cannot be used.

    Raises:
        WrongState: with the system's reason.
    """
    host, _, port = listen.rpartition(":")
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # Ignore connections that a stopped server left in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "set FAIRLIFT_LISTEN to an address of this machine")
        raise WrongState(f"cannot listen on {listen}: {error.strerror}; {hint}") from None


_HINTS = {
    errno.EADDRINUSE: "stop the server that uses it, or set FAIRLIFT_LISTEN to another port",
    errno.EACCES: "set FAIRLIFT_LISTEN to a port above 1023, or run as a user who is allowed to",
}

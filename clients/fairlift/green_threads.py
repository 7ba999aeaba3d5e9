"""Green threads of gevent and eventlet: gRPC's own core must know of them, or it stops the process.

Both replace sockets and threads by ones that take turns. gRPC waits in C, where nobody takes turns:
it offers gevent a way in, and eventlet none.
"""

import sys


def prepare_grpc() -> None:
    """Makes gRPC take turns with gevent, where gevent has patched this process.

    Call it before anything of gRPC is made. A second call does nothing.

    Raises:
        RuntimeError: eventlet has patched this process.
    """
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("socket"):
        raise RuntimeError(
            "eventlet has patched this process, and gRPC cannot run under it: the first call would "
            "stop the process for ever; use gevent or threads (gunicorn: --worker-class=gevent or "
            "gthread), or keep the client in a process of its own"
        )
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("socket"):
        from grpc.experimental import gevent as grpc_gevent

        grpc_gevent.init_gevent()

"""Support of green threads: gRPC must be set up for gevent, and cannot run under eventlet.

Both replace sockets and threads by cooperative ones. gRPC waits in C code, which does not yield, so
a call would block the whole process. gRPC can be set up for gevent, but not for eventlet.
"""

import sys


def prepare_grpc() -> None:
    """Sets gRPC up for gevent, if gevent has patched this process.

    Call it before the first gRPC object is created. A second call does nothing.

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

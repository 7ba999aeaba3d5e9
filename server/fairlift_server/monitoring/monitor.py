"""What one server process shows to its operators."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fairlift_server.monitoring.http_server import MonitoringServer
from fairlift_server.monitoring.loop_lag import LoopLag
from fairlift_server.monitoring.metrics import ServerMetrics


@asynccontextmanager
async def monitoring(
    listen: str, metrics: ServerMetrics, *, not_ready: Callable[[], str], broken: Callable[[], str]
) -> AsyncIterator[None]:
    """Measures the event loop, and answers over HTTP, until the block ends.

    Args:
        listen: host:port; empty: nothing answers.
        metrics: of this process.
        not_ready: why callers should go elsewhere; empty: they are welcome.
        broken: why only a restart helps; empty: none is needed.

    Raises:
        WrongState: the address cannot be used.
    """
    lag = LoopLag(metrics.lag)
    server = None
    if listen:
        server = MonitoringServer(
            listen,
            metrics=metrics.text,
            lives=lambda: broken() or lag.problem(),
            is_ready=not_ready,
        )
    measuring = asyncio.create_task(lag.run(), name="loop-lag")
    try:
        yield
    finally:
        measuring.cancel()
        if server is not None:
            await asyncio.to_thread(server.close)


def worker_address(listen: str, worker: int | None) -> str:
    """The address of a worker: each has figures of its own, and so a port of its own."""
    host, _, port = listen.rpartition(":")
    return listen if not worker or port in ("", "0") else f"{host}:{int(port) + worker}"

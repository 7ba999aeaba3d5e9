"""A connection that goes silent without being closed: when the client notices, and what it loses.

`python -m tests.faults swallowed` uses the client's own settings, and takes a minute.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlift import Client

from tests.client.shop import Shop, eventually
from tests.faults.tcp_proxy import TcpProxy

ROOT = Path(__file__).parents[2]
# Its client promises to notice within 40 s.
PROMISED_S = 40.0
# The same promise in two seconds.
SHORT = (
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_000),
)
EVENTS = 200


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened to the events that were recorded while the connection was silent."""

    noticed_after_s: float
    recorded: int
    arrived: int
    doubled: int
    # The lines of the log that name lost events.
    said: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """How many did not arrive."""
        return self.recorded - self.arrived

    def __str__(self) -> str:
        counts = f"{self.recorded} recorded, {self.lost} lost, {self.doubled} doubled"
        said = f"; said: {'; '.join(self.said)}" if self.said else ""
        return f"noticed after {self.noticed_after_s:.1f} s; {counts}{said}"


def client_that_goes_on(
    channel_options: Sequence[tuple[str, int | str]] = (), *, is_idle: bool
) -> Counts:
    """A client whose connection is swallowed, and which goes on until everything has arrived.

    Args:
        channel_options: The client's.
        is_idle: Whether it sends nothing until it has noticed, and so can notice only by itself.
    """
    shop = Shop().start()
    proxy = TcpProxy(shop.port)
    try:
        with Client(f"127.0.0.1:{proxy.port}", channel_options=channel_options) as client:
            assert client.wait_ready(30)
            streams = shop.streams
            proxy.swallow()
            began = time.monotonic()
            if not is_idle:
                _record(client)
            # A new stream is the sign; a busy machine may be some seconds late.
            assert eventually(lambda: shop.streams > streams, PROMISED_S + 10)
            noticed_after_s = time.monotonic() - began
            if is_idle:
                _record(client)
            assert client.flush(60)
        return _counts(shop, noticed_after_s)
    finally:
        proxy.stop()
        shop.stop()


def _record(client: Client) -> None:
    for number in range(EVENTS):
        client.action(f"v{number}", "view")


WORKER = """
import sys
from fairlift import Client
client = Client(sys.argv[1])
assert client.wait_ready(30)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    client.action(f"v{number}", "view")
"""


def worker_that_ends(*, is_silent_for_ever: bool) -> Counts:
    """A worker that ends while its connection is silent, and new ones too if so asked."""
    shop = Shop().start()
    proxy = TcpProxy(shop.port)
    target = f"127.0.0.1:{proxy.port}"
    try:
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, target, str(EVENTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
            proxy.accepts_new = not is_silent_for_ever
            proxy.swallow()
            began = time.monotonic()
            _, log = worker.communicate("go on\n", timeout=60)
        said = tuple(line for line in log.splitlines() if "lost" in line)
        return _counts(shop, time.monotonic() - began, said)
    finally:
        proxy.stop()
        shop.stop()


def _counts(shop: Shop, noticed_after_s: float, said: tuple[str, ...] = ()) -> Counts:
    units = [action.unit_id for action in shop.of_kind("action")]
    doubled = len(units) - len(set(units))
    return Counts(noticed_after_s, EVENTS, len(set(units)), doubled, said)

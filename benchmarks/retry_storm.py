"""A server goes away under many storefronts and comes back: how many requests it sees per call.

Every storefront assigns on the server and records events all the time. The server that comes back
has little room for events, so that it must refuse some of those that have gathered.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from fairlift import Client

from benchmarks.form import Measure, publish

STOREFRONTS = 40
AWAY_S = 8.0
AFTER_S = 45.0
# Of one storefront.
ASSIGNMENTS_PER_S = 5
EVENTS_PER_S = 100
QUEUE_EVENTS = 2_000


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def server(folder: str, port: int, http: int) -> subprocess.Popen[str]:
    """A server that listens when this returns."""
    started = subprocess.Popen(
        [sys.executable, "-m", "fairlift_server", "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "FAIRLIFT_LISTEN": f"127.0.0.1:{port}",
            "FAIRLIFT_HTTP": f"127.0.0.1:{http}",
            "FAIRLIFT_DATABASE": str(Path(folder) / "shop.db"),
            "FAIRLIFT_QUEUE_EVENTS": str(QUEUE_EVENTS),
        },
    )
    assert started.stdout is not None
    started.stdout.readline()
    return started


def counted(http: int) -> dict[tuple[str, str], float]:
    """The calls that the server saw, by method and code; refused ones without a method."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=10).read().decode()
    found: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        if line.startswith(("fairlift_call_seconds_count{", "fairlift_refused_calls_total{")):
            labels, value = line[line.index("{") + 1 :].rsplit("} ", 1)
            given = dict(part.split("=", 1) for part in labels.split(","))
            method = given.get("method", '""').strip('"').rpartition("/")[2]
            key = (method, given["code"].strip('"'))
            found[key] = found.get(key, 0) + float(value)
    return found


class Storefront:
    """A client that is busy until it is stopped."""

    def __init__(self, target: str) -> None:
        self.client = Client(target, decide="server", timeout_s=0.5)
        self.calls = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(1 / ASSIGNMENTS_PER_S):
            self.client.assign("spring", "visitor")
            self.calls += 1
            for _ in range(EVENTS_PER_S // ASSIGNMENTS_PER_S):
                self.client.action("visitor", "add_to_cart")

    def stop(self) -> None:
        """Returns when it makes no more calls."""
        self._stopped.set()
        self._thread.join()


def main() -> None:
    port, http = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        first = server(folder, port, http)
        storefronts = [Storefront(f"127.0.0.1:{port}") for _ in range(STOREFRONTS)]
        time.sleep(5)
        first.send_signal(signal.SIGKILL)
        first.wait()
        time.sleep(AWAY_S)
        # Before it listens: a call that fails until then, and is repeated, counts against us.
        before = sum(each.calls for each in storefronts)
        second = server(folder, port, http)
        time.sleep(AFTER_S)
        for each in storefronts:
            each.stop()
        seen = counted(http)
        calls = sum(each.calls for each in storefronts) - before
        stats = [each.client.stats() for each in storefronts]
        waiting = sum(each.waiting for each in stats)
        lost = sum(sum((*each.dropped.values(), *each.refused.values())) for each in stats)
        for each in storefronts:
            each.client.close(0)
        second.terminate()
        second.wait()
    print({"/".join(key): value for key, value in seen.items()}, f"waiting events: {waiting}")
    print(f"lost events (dropped by a full queue, or refused for good): {lost}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    assigned = sum(value for (method, _), value in seen.items() if method == "AssignVariants")
    sent = seen["RecordEvents", "OK"]
    refused = sum(value for (_, code), value in seen.items() if code == "RESOURCE_EXHAUSTED")
    publish(
        "retry_storm",
        [
            Measure("retry_amplification_assign", assigned / calls, "requests", "calls", 1.0),
            Measure("retry_amplification_record", (sent + refused) / sent, "requests", "OK", 1.0),
        ],
    )


if __name__ == "__main__":
    main()

"""Commands of fairlift-server beside a server under load."""

import os
import resource
import subprocess
import threading
from pathlib import Path

import grpc
from fairlift.v1 import event_service_pb2

from tests.e2e.test_server_process import PATIENCE_S, SERVER, statuses
from tests.server import shop

ACCEPTED = event_service_pb2.EVENT_STATUS_ACCEPTED
REGULAR, UPSELL = event_service_pb2.LINE_KIND_REGULAR, event_service_pb2.LINE_KIND_UPSELL


def begun(database: str | Path, *arguments: str, file_limit: int = 0) -> subprocess.Popen[str]:
    """A command of fairlift-server; no file that it writes may be larger than the limit."""
    command = subprocess.Popen(
        [*SERVER, *arguments],
        env={**os.environ, "FAIRLIFT_DATABASE": str(database)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if file_limit:
        # Long before it writes anything; gRPC forbids code between fork and exec.
        resource.prlimit(command.pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
    return command


def finished(database: str | Path, *arguments: str, file_limit: int = 0) -> tuple[int, str]:
    """Its exit code, and all that it printed."""
    command = begun(database, *arguments, file_limit=file_limit)
    out, errors = command.communicate(timeout=4 * PATIENCE_S)
    return command.returncode, out + errors


def expose(channel: grpc.Channel, name: str, visitors: int) -> None:
    for first in range(0, visitors, 500):
        batch = [shop.exposure(f"{name}-{number}") for number in range(first, first + 500)]
        assert set(statuses(channel, batch)) == {ACCEPTED}


class Load:
    """Callers that send batches of orders, exposures and refunds until they are told to stop."""

    def __init__(self, address: str, callers: int) -> None:
        self._address = address
        self.acknowledged: list[bytes] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(number,)) for number in range(callers)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, caller: int) -> None:
        first = 0
        with grpc.insecure_channel(self._address) as channel:
            while not self._stop.is_set():
                batch = []
                for number in range(first, first + 60):
                    order_id = f"o-{caller}-{number}"
                    lines = [shop.line(5 + number % 7, kind=kind) for kind in (REGULAR, UPSELL)]
                    batch += [
                        shop.exposure(f"v-{caller}-{number}"),
                        shop.order(f"v-{caller}-{number}", order_id, *lines),
                    ]
                    if number % 5 == 0:
                        batch.append(shop.refund(order_id, 1))
                first += 60
                assert set(statuses(channel, batch)) == {ACCEPTED}
                self.acknowledged += [
                    bytes.fromhex(event.event_id.replace("-", "")) for event in batch
                ]

"""The shop's server as a process of its own, which does as its standard input says.

`delay 1` makes it slow, `garbage` makes it send snapshots that are none, `empty` snapshots of
nothing, `publish e2` a new one with the campaign `summer`. What it was sent is in a file, a line
for each event, so that it outlives the process.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from fairlift.v1 import assignment_service_pb2 as a
from fairlift.v1 import event_service_pb2 as e
from fairlift.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server

from tests.client.shop import Shop, running, spring

ROOT = Path(__file__).parents[2]


class ShopProcess:
    """A process that listens on one port, however often it is started again."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "events"
        self._log.touch()
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def events(self) -> set[tuple[str, str]]:
        """Id and unit of every action that arrived."""
        lines = self._log.read_text().splitlines()
        return {(line.split()[0], line.split()[1]) for line in lines}

    def start(self) -> None:
        """Listens; on the port it had before when it had one."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._port), str(self._log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def say(self, command: str) -> None:
        """Tells it how to behave from now on; returns when it does."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == f"{command}\n"

    def signal(self, number: int) -> None:
        """SIGKILL, SIGSTOP, SIGCONT; returns when a kill or a stop has happened."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()
        elif number == signal.SIGSTOP:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def stop(self) -> None:
        """Leaves nothing behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()


class _Faulty(Shop):
    """A shop whose snapshots can be rubbish, and which writes down what it was sent."""

    log = Path(os.devnull)
    sends = ""

    def register(self, server: grpc.Server) -> None:
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "WatchSnapshot": grpc.unary_stream_rpc_method_handler(
                self.WatchSnapshot, a.WatchSnapshotRequest.FromString, self._bytes
            ),
            "AssignVariants": grpc.unary_unary_rpc_method_handler(
                self.AssignVariants,
                a.AssignVariantsRequest.FromString,
                a.AssignVariantsResponse.SerializeToString,
            ),
        }
        service = "fairlift.v1.AssignmentService"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        add_EventServiceServicer_to_server(self, server)

    def _bytes(self, answer: a.WatchSnapshotResponse) -> bytes:
        match self.sends:
            case "garbage":
                return answer.SerializeToString()[:-1] + b"\xff\xff\xff"
            case "empty":
                return a.WatchSnapshotResponse(snapshot=a.Snapshot()).SerializeToString()
            case _:
                return answer.SerializeToString()

    def _keep(self, events: Sequence[e.Event]) -> list[e.EventOutcome]:
        with self.log.open("a") as file:
            file.writelines(f"{each.event_id} {each.action.unit_id}\n" for each in events)
        return super()._keep(events)


def main(port: int, log: Path) -> None:
    """Serves until its standard input ends."""
    shop = _Faulty()
    shop.port, shop.log = port, log
    shop.start()
    print(shop.port, flush=True)  # noqa: T201  # its parent reads it
    for line in sys.stdin:
        match line.split():
            case ["delay", seconds]:
                shop.delay_s = float(seconds)
            case ["publish", etag]:
                shop.publish(spring(etag, running("summer")))
            case [fault]:
                shop.sends = fault
        print(line, end="", flush=True)  # noqa: T201  # its parent waits for it


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

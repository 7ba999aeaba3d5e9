"""Workers of one supervisor that end, or hang, and are replaced while clients ask them."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from fairlift import Client

from tests.client.shop import eventually
from tests.faults.ledgers import KEY
from tests.faults.rolling_restart import (
    BETWEEN_S,
    SPAIN,
    Counts,
    Decide,
    ask,
    copies,
    counts_of,
    fill,
    variants_of,
)

# With a server that starts on a busy machine.
PATIENCE_S = 60.0
_CLIENTS = 6


class Worker:
    """One of a supervisor's workers, which is asked to end by SIGTERM and replaced."""

    def __init__(self, supervisor: "subprocess.Popen[str]", target: str, number: int) -> None:
        self._supervisor = supervisor
        self._number = str(number)
        self.target = target
        self._listeners = self._listening()

    def start(self) -> None:
        """Returns when its supervisor has replaced it, and as many processes listen as before."""
        deadline = time.monotonic() + PATIENCE_S
        while self._listening() < self._listeners:
            assert time.monotonic() < deadline, "the worker is not replaced"
            time.sleep(0.05)

    def stop(self) -> None:
        """Drains it, and waits for its end."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        while self.pid() == pid:
            time.sleep(0.05)

    def _listening(self) -> int:
        """How many sockets listen on the port."""
        port = f":{int(self.target.rpartition(':')[2]):04X}"
        # gRPC listens on IPv4 addresses, too, by IPv6.
        tables = (Path("/proc/net", name).read_text() for name in ("tcp", "tcp6"))
        fields = [line.split() for table in tables for line in table.splitlines()[1:]]
        return sum(each[1].endswith(port) and each[3] == "0A" for each in fields)

    def pid(self) -> int | None:
        """Its process: a child of the supervisor that was started with its number."""
        children = Path(f"/proc/{self._supervisor.pid}/task/{self._supervisor.pid}/children")
        for pid in children.read_text().split():
            with suppress(FileNotFoundError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if "--worker" in words and words[words.index("--worker") + 1] == self._number:
                    return int(pid)
        return None


def drained_workers(
    workers: int,
    *,
    times: int,
    timeout_s: float = 2.0,
    database: str = "",
    decide: Decide = "server",
) -> Counts:
    """The counts while workers on one port drain in turns, and are replaced; as in `drained`."""
    with supervised(workers, database=database) as servers:
        return counts_of(servers, times=times, down_s=0, timeout_s=timeout_s, decide=decide)


def frozen_worker(*, silence_s: float, timeout_s: float = 2.0) -> dict[str, float]:
    """How long one of two workers that hangs stays, and what clients that ask got meanwhile."""
    with supervised(2, FAIRLIFT_WORKER_SILENCE_S=str(silence_s)) as workers, ExitStack() as stack:
        hanging = workers[0]
        expected = variants_of(hanging)
        # The kernel spreads their connections over both.
        clients = [
            stack.enter_context(Client(hanging.target, decide="server", timeout_s=timeout_s))
            for _ in range(_CLIENTS)
        ]
        for client in clients:
            assert eventually(partial(_is_in_campaign, client), PATIENCE_S)
        frozen = hanging.pid()
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        began_s = time.monotonic()
        with _asking(clients, expected) as during:
            while hanging.pid() == frozen:
                time.sleep(0.05)
            removed_s = time.monotonic() - began_s
            hanging.start()
            time.sleep(BETWEEN_S)
        with _asking(clients, expected) as after:
            time.sleep(BETWEEN_S)
    return {
        "removed after s": round(removed_s, 1),
        "answers": during["answers"],
        "controls": during["controls"],
        "controls after": after["controls"],
        "wrong": during["flips"] + after["flips"],
    }


def _is_in_campaign(client: Client) -> bool:
    return client.assign("spring", "v", SPAIN).is_in_campaign


@contextmanager
def _asking(clients: Sequence[Client], expected: Mapping[str, str]) -> Iterator[Counter[str]]:
    """Each client asks in this block; the counts are complete behind it."""
    counts, over = Counter[str](), threading.Event()
    callers = [
        threading.Thread(target=ask, args=(client, expected, counts, over)) for client in clients
    ]
    for caller in callers:
        caller.start()
    yield counts
    over.set()
    for caller in callers:
        caller.join()


@contextmanager
def supervised(
    workers: int, *, database: str = "", **environment: str
) -> Iterator[Sequence[Worker]]:
    """Workers of one supervisor, which listen.

    Args:
        workers: How many.
        database: The URL of an empty database; by default each worker has a copy of a file.
        environment: Further settings.
    """
    with tempfile.TemporaryDirectory() as folder:
        listen = {"FAIRLIFT_LISTEN": "127.0.0.1:0", "FAIRLIFT_LOG_LEVEL": "error"}
        settings = {**listen, **KEY, **environment}
        if database:
            fill(database)
            command = [sys.executable, "-m", "fairlift_server", "serve"]
            settings |= {"FAIRLIFT_WORKERS": str(workers), "FAIRLIFT_DATABASE": database}
        else:
            # One file is for one process.
            command = [sys.executable, "-m", "tests.faults.supervised_copies"]
            command += copies(folder, workers)
        supervisor = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
        )
        try:
            assert supervisor.stdout is not None
            with closing(supervisor.stdout):
                target = supervisor.stdout.readline().removeprefix("listening on ").strip()
            yield [Worker(supervisor, target, number) for number in range(workers)]
        finally:
            supervisor.terminate()
            supervisor.wait()

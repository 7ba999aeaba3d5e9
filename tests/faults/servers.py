"""Servers of one database that can be killed, each as a process."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc

from tests.e2e.test_server_process import process, start_campaign
from tests.faults.ledgers import KEY, Counts
from tests.faults.senders import Senders

_UNUSED = random.Random()


class Server:
    """A server process that can be killed and started again on the same database."""

    def __init__(self, database: str, folder: Path, **settings: str) -> None:
        # Not of the ports that the machine gives away: another program must not listen there while
        # this server is down.
        listen = f"127.0.0.1:{_UNUSED.randint(20_000, 30_000)}"
        self._settings = {
            "FAIRLIFT_DATABASE": database,
            "FAIRLIFT_LISTEN": listen,
            **KEY,
            **settings,
        }
        self._folder = folder
        self._stack = ExitStack()
        self.address = ""
        self.start()

    def start(self) -> None:
        log = self._stack.enter_context((self._folder / "servers.log").open("a"))
        self.process, self.address = self._stack.enter_context(
            process(self._folder, log=log, **self._settings)
        )

    def kill(self) -> None:
        """Kills it, as a crash does, and starts it again."""
        self._stack.close()
        self.start()

    def close(self) -> None:
        self._stack.close()


@contextmanager
def servers_on(database: str, count: int, **settings: str) -> Iterator[list[Server]]:
    """Running servers with one campaign."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = []
        for _ in range(count):
            running.append(Server(database, folder, **settings))
            stack.callback(running[-1].close)
        with grpc.insecure_channel(running[0].address) as channel:
            start_campaign(channel)
        time.sleep(1.5)  # until the others know it
        yield running


def assignments(senders: Senders) -> Counts:
    """What became of the questions for assignments."""
    return {
        "assigned": senders.assigned,
        "not assigned": senders.unassigned,
        "slowest s": round(senders.slowest_assignment_s, 3),
    }

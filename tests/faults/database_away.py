"""A server whose database is away while callers go on sending, and which is killed meanwhile.

Away: another program holds the lock of the SQLite file, or PostgreSQL is killed. The server has a
journal; what it acknowledged from there must be in the ledger in the end, once.
"""

import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

import grpc
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign
from tests.faults.ledgers import Counts, Ledger, OpenLedger, exposure_ids, sqlite_ledger
from tests.server import shop

CALLERS = 3
_BATCH = 20
_LIMIT_S = 4 * PATIENCE_S


@dataclass(slots=True)
class Callers:
    """Callers that send batches until they are ended, each one after the other.

    Attributes:
        acknowledged: ids, by caller in the order in which they were sent.
        refused: batches without an answer.
        wrong: events with another answer than ACCEPTED.
    """

    acknowledged: list[list[str]] = field(default_factory=lambda: [[] for _ in range(CALLERS)])
    refused: int = 0
    wrong: int = 0

    @contextmanager
    def sending(self, channel: grpc.Channel) -> Iterator[None]:
        """They send in this block, and have ended behind it."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._send, args=(channel, acknowledged, over))
            for acknowledged in self.acknowledged
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    @property
    def count(self) -> int:
        """Events that were acknowledged so far."""
        return sum(map(len, self.acknowledged))

    def counts(self, ledger: Ledger) -> Counts:
        """What became of the events that were acknowledged."""
        stored = exposure_ids(ledger.url)
        acknowledged = {each for mine in self.acknowledged for each in mine}
        return {
            "acknowledged": len(acknowledged),
            "lost": len(acknowledged - set(stored)),
            "doubled": len(stored) - len(set(stored)),
            "wrong": self.wrong,
        }

    def _send(self, channel: grpc.Channel, acknowledged: list[str], over: threading.Event) -> None:
        stub: EventServiceStub = EventServiceStub(channel)
        while not over.is_set():
            events = [shop.exposure(f"v-{number}") for number in range(_BATCH)]
            request = pb.RecordEventsRequest(events=events)
            try:
                answer = stub.RecordEvents(request, timeout=PATIENCE_S)
            except grpc.RpcError:
                self.refused += 1
                time.sleep(0.01)
                continue
            self.wrong += sum(o.status != pb.EVENT_STATUS_ACCEPTED for o in answer.outcomes)
            acknowledged += [event.event_id.replace("-", "") for event in events]


def run(*, kills: int, seed: int = 1, open_ledger: OpenLedger = sqlite_ledger) -> Counts:
    """The counts after kills while events go into the journal, and as many while they drain.

    Args:
        kills: of each kind.
        seed: of the moments.
        open_ledger: the database.
    """
    chance = random.Random(seed)
    callers, drained = Callers(), 0
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name:
        journal = Path(name, "journal")
        for number in range(2 * kills):
            with (
                started(ledger, journal) as (server, address),
                grpc.insecure_channel(address) as channel,
            ):
                if not number:
                    start_campaign(channel)
                with callers.sending(channel):
                    with ledger.away():
                        wait_until(lambda: has_files(journal))
                        time.sleep(chance.uniform(0, 0.5))
                        if number % 2:
                            server.kill()
                    if not number % 2:
                        drained += has_files(journal)
                        time.sleep(chance.uniform(0, 0.3))
                        server.kill()
        with started(ledger, journal):
            began_s = time.monotonic()
            wait_until(lambda: not has_files(journal))
            last_s = time.monotonic() - began_s
        counts = callers.counts(ledger)
    return {
        "kills": 2 * kills,
        "of them draining": drained,
        **counts,
        "last drain s": round(last_s, 1),
    }


def away_for(seconds: float, *, open_ledger: OpenLedger = sqlite_ledger) -> Counts:
    """The counts while the database is away once, and nobody is killed; order must be kept."""
    callers = Callers()
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name:
        journal = Path(name, "journal")
        with started(ledger, journal) as (_, address), grpc.insecure_channel(address) as channel:
            start_campaign(channel)
            with callers.sending(channel):
                wait_until(lambda: callers.count > 0)
                before = callers.count
                with ledger.away():
                    time.sleep(seconds)
                    while_away = callers.count - before
                began_s = time.monotonic()
                time.sleep(0.5)
            wait_until(lambda: not has_files(journal))
            drain_s = time.monotonic() - began_s
        counts = callers.counts(ledger)
        places = {event_id: place for place, event_id in enumerate(exposure_ids(ledger.url))}
    wrong_order = sum(
        places[first] > places[second]
        for mine in callers.acknowledged
        for first, second in pairwise(mine)
    )
    return {
        "while away": while_away,
        **counts,
        "refused": callers.refused,
        "wrong": counts["wrong"] + wrong_order,
        "drain s": round(drain_s, 1),
    }


def full_disk(open_ledger: OpenLedger = sqlite_ledger) -> Counts:
    """The counts while the database is away, and the journal's disk of 1 MiB is full before long.

    Raises:
        subprocess.CalledProcessError: this user may not mount a disk.
    """
    callers = Callers()
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        journal = Path(name, "journal")
        journal.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", journal], check=True)
        stack.callback(partial(subprocess.run, ["umount", journal], check=True))
        with started(ledger, journal) as (_, address), grpc.insecure_channel(address) as channel:
            start_campaign(channel)
            with callers.sending(channel):
                with ledger.away():
                    wait_until(lambda: callers.refused > 3 * CALLERS)
                    while_away = callers.count
                refused = callers.refused
                wait_until(lambda: callers.count > while_away + 1_000)
            wait_until(lambda: not has_files(journal))
        counts = callers.counts(ledger)
    return {"while away": while_away, "refused batches": refused, **counts}


def started(
    ledger: Ledger, journal: Path, *, log: IO[str] | None = None
) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """A server with a journal, and its address."""
    more = {"FAIRLIFT_JOURNAL": str(journal), "FAIRLIFT_LOG_LEVEL": "error"}
    return process(journal.parent, log=log, **ledger.settings, **more)


def has_files(journal: Path) -> bool:
    """Whether events wait in the journal."""
    return any(journal.glob("*.journal"))


def wait_until(holds: Callable[[], bool]) -> None:
    """Returns when it holds."""
    deadline = time.monotonic() + _LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, "the server hangs"
        time.sleep(0.01)

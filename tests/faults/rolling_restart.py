"""Servers that end and are started again, one after the other, while a client asks them.

All have the same campaigns and stand behind one name. `python -m tests.faults restart` ends
each server for 3 s, five times: one alone, and two behind one name, which are killed, and then two
real servers, on copies of one database or on one that they share, which drain.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import grpc
from fairlift import Client
from fairlift.engine.plan import Plan, PlannedMetric
from fairlift.v1 import campaign_service_pb2 as pb
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.wire.campaign import campaign_to

from tests.client.shop import eventually, running
from tests.client.shop_process import ShopProcess
from tests.faults.ledgers import KEY

CALLERS = 4
VISITORS = [f"v{number}" for number in range(100)]
SPAIN = {"country": "ES"}
PLAN = Plan(primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),), planned_units=10_000)
# As long as a deployment waits before it ends the next server; the client connects again within it.
BETWEEN_S = 2.0


# How the client decides.
Decide: TypeAlias = Literal["local", "server"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What visitors got, and what became of their events."""

    answers: int
    # Answers without the server: the control, and an exposure that does not count.
    controls: int
    # Visitors who got another variant than before.
    flips: int
    # Events that the client could not deliver, or that a server refused.
    lost: int

    def __str__(self) -> str:
        figures = f"{self.answers} answers, {self.controls} controls, {self.flips} flips"
        return f"{figures}, {self.lost} events lost"


class Server(Protocol):
    """A server that can be started again on the address that it had."""

    @property
    def target(self) -> str:
        """Its address."""
        ...

    def start(self) -> None:
        """Returns when it listens."""
        ...

    def stop(self) -> None:
        """Ends it."""
        ...


class DrainingServer:
    """A real server, which is asked to end by SIGTERM.

    Args:
        database: its file, or the URL of one that several share.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self.target = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fairlift_server", "serve"],
            env={
                **os.environ,
                "FAIRLIFT_LISTEN": self.target,
                "FAIRLIFT_DATABASE": self._database,
                "FAIRLIFT_LOG_LEVEL": "error",
                **KEY,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.target = self._process.stdout.readline().removeprefix("listening on ").strip()

    def stop(self) -> None:
        """Drains it, and waits for its end."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()


def killed(servers: int, *, times: int, down_s: float, timeout_s: float = 2.0) -> Counts:
    """The counts while servers with one snapshot are killed in turns.

    Args:
        servers: How many stand behind the name.
        times: How many restarts there are.
        down_s: How long each server is away.
        timeout_s: The deadline for one answer: generous, so that only restarts cost answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = [ShopProcess(_folder(folder, number)) for number in range(servers)]
        return counts_of(processes, times=times, down_s=down_s, timeout_s=timeout_s)


def drained(
    servers: int,
    *,
    times: int,
    down_s: float,
    timeout_s: float = 2.0,
    database: str = "",
    decide: Decide = "server",
) -> Counts:
    """The counts while real servers drain in turns; arguments as in `killed`, and two more.

    Args:
        database: The URL of an empty database that all of them use; by default they have copies of
            a file.
        decide: Whether the client asks the servers, or decides by their snapshot.
    """
    with tempfile.TemporaryDirectory() as folder:
        if database:
            fill(database)
        databases = [database] * servers if database else copies(folder, servers)
        processes = [DrainingServer(each) for each in databases]
        return counts_of(processes, times=times, down_s=down_s, timeout_s=timeout_s, decide=decide)


def copies(folder: str, number: int) -> list[str]:
    """Copies of a database with one running campaign."""
    first = _folder(folder, 0)
    fill(str(first / "shop.db"))
    copies = [shutil.copytree(first, Path(folder, str(n))) for n in range(1, number)]
    return [str(each / "shop.db") for each in (first, *copies)]


def fill(database: str) -> None:
    """Gives an empty database one running campaign."""
    server = DrainingServer(database)
    server.start()
    campaign = campaign_to(running("spring", plan=PLAN).campaign)
    with grpc.insecure_channel(server.target) as channel:
        campaigns: CampaignServiceStub = CampaignServiceStub(channel)
        campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=campaign))
        campaigns.StartCampaign(pb.StartCampaignRequest(name=campaign.name))
    server.stop()


def counts_of(
    servers: Sequence[Server],
    *,
    times: int,
    down_s: float,
    timeout_s: float,
    decide: Decide = "server",
) -> Counts:
    """The counts while these servers end and start in turns."""
    try:
        for server in servers:
            server.start()
        expected = [variants_of(server) for server in servers]
        assert all(variants == expected[0] for variants in expected)
        # Workers have one address.
        target = "ipv4:" + ",".join(dict.fromkeys(server.target for server in servers))
        with Client(target, decide=decide, timeout_s=timeout_s) as client:
            assert eventually(lambda: client.assign("spring", "v", SPAIN).is_in_campaign, 30)
            counts = _counts_of_restarts(client, expected[0], servers, times, down_s)
            assert client.flush(30)
            stats = client.stats()
        lost = sum(stats.dropped.values()) + sum(stats.refused.values())
        return Counts(counts["answers"], counts["controls"], counts["flips"], lost)
    finally:
        for server in servers:
            server.stop()


def _counts_of_restarts(
    client: Client,
    expected: Mapping[str, str],
    servers: Sequence[Server],
    times: int,
    down_s: float,
) -> Counter[str]:
    counts, over = Counter[str](), threading.Event()
    callers = [
        threading.Thread(target=ask, args=(client, expected, counts, over)) for _ in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    time.sleep(BETWEEN_S)
    for number in range(times):
        server = servers[number % len(servers)]
        server.stop()
        time.sleep(down_s)
        server.start()
        variants_of(server)
        time.sleep(BETWEEN_S)
    over.set()
    for caller in callers:
        caller.join()
    return counts


_counting = threading.Lock()


def ask(
    client: Client, expected: Mapping[str, str], counts: Counter[str], over: threading.Event
) -> None:
    """Asks for every visitor again and again, and adds to the counts when it is over."""
    mine = Counter[str]()
    while not over.is_set():
        for visitor in VISITORS:
            shown = client.assign("spring", visitor, SPAIN)
            mine["answers"] += 1
            mine["controls"] += not shown.is_in_campaign
            mine["flips"] += shown.is_in_campaign and shown.variant != expected[visitor]
            time.sleep(0.005)
    with _counting:
        counts.update(mine)


def variants_of(server: Server) -> dict[str, str]:
    """What its snapshot gives every visitor; returns when it has sent one."""
    with Client(server.target) as local:
        assert local.wait_ready(30)
        return {visitor: local.assign("spring", visitor, SPAIN).variant for visitor in VISITORS}


def _folder(parent: str, number: int) -> Path:
    folder = Path(parent, str(number))
    folder.mkdir()
    return folder

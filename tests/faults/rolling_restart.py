"""Servers that end and are started again, one after the other, while a client asks them.

All have the same campaigns and stand behind one name. `python -m tests.faults restart` ends
each server for 3 s, five times: one alone, and two behind one name, which are killed, and then two
real servers, on copies of one database or on one that they share, which drain. In the end two
workers of one supervisor take turns on one port.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
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

CALLERS = 4
VISITORS = [f"v{number}" for number in range(100)]
SPAIN = {"country": "ES"}
PLAN = Plan(primary=(PlannedMetric("conversion_rate", minimum_effect=0.05),), planned_units=10_000)
# As long as a deployment waits before it ends the next server; the client connects again within it.
BETWEEN_S = 2.0
# With a server that starts on a busy machine.
PATIENCE_S = 60.0


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
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        while self._pid() == pid:
            time.sleep(0.05)

    def _listening(self) -> int:
        """How many sockets listen on the port."""
        port = f":{int(self.target.rpartition(':')[2]):04X}"
        # gRPC listens on IPv4 addresses, too, by IPv6.
        tables = (Path("/proc/net", name).read_text() for name in ("tcp", "tcp6"))
        fields = [line.split() for table in tables for line in table.splitlines()[1:]]
        return sum(each[1].endswith(port) and each[3] == "0A" for each in fields)

    def _pid(self) -> int | None:
        """Its process: a child of the supervisor that was started with its number."""
        children = Path(f"/proc/{self._supervisor.pid}/task/{self._supervisor.pid}/children")
        for pid in children.read_text().split():
            with suppress(FileNotFoundError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if "--worker" in words and words[words.index("--worker") + 1] == self._number:
                    return int(pid)
        return None


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
        return _restarted(processes, times=times, down_s=down_s, timeout_s=timeout_s)


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
            _fill(database)
        databases = [database] * servers if database else _copies(folder, servers)
        processes = [DrainingServer(each) for each in databases]
        return _restarted(processes, times=times, down_s=down_s, timeout_s=timeout_s, decide=decide)


def drained_workers(
    workers: int,
    *,
    times: int,
    timeout_s: float = 2.0,
    database: str = "",
    decide: Decide = "server",
) -> Counts:
    """The counts while workers on one port drain in turns, and are replaced; as in `drained`."""
    with tempfile.TemporaryDirectory() as folder:
        if database:
            _fill(database)
            command = [sys.executable, "-m", "fairlift_server", "serve"]
        else:
            # Until several workers may share a database, each has a copy of its own.
            command = [sys.executable, "-m", "tests.faults.supervised_copies"]
            command += _copies(folder, workers)
        environment = {
            **os.environ,
            "FAIRLIFT_LISTEN": "127.0.0.1:0",
            "FAIRLIFT_LOG_LEVEL": "error",
            "FAIRLIFT_WORKERS": str(workers),
            "FAIRLIFT_DATABASE": database,
        }
        if not database:
            del environment["FAIRLIFT_WORKERS"], environment["FAIRLIFT_DATABASE"]
        supervisor = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert supervisor.stdout is not None
            with closing(supervisor.stdout):
                target = supervisor.stdout.readline().removeprefix("listening on ").strip()
            servers = [Worker(supervisor, target, number) for number in range(workers)]
            return _restarted(servers, times=times, down_s=0, timeout_s=timeout_s, decide=decide)
        finally:
            supervisor.terminate()
            supervisor.wait()


def _copies(folder: str, number: int) -> list[str]:
    """Copies of a database with one running campaign."""
    first = _folder(folder, 0)
    _fill(str(first / "shop.db"))
    copies = [shutil.copytree(first, Path(folder, str(n))) for n in range(1, number)]
    return [str(each / "shop.db") for each in (first, *copies)]


def _fill(database: str) -> None:
    """Gives an empty database one running campaign."""
    server = DrainingServer(database)
    server.start()
    campaign = campaign_to(running("spring", plan=PLAN).campaign)
    with grpc.insecure_channel(server.target) as channel:
        campaigns: CampaignServiceStub = CampaignServiceStub(channel)
        campaigns.CreateCampaign(pb.CreateCampaignRequest(campaign=campaign))
        campaigns.StartCampaign(pb.StartCampaignRequest(name=campaign.name))
    server.stop()


def _restarted(
    servers: Sequence[Server],
    *,
    times: int,
    down_s: float,
    timeout_s: float,
    decide: Decide = "server",
) -> Counts:
    try:
        for server in servers:
            server.start()
        expected = [_variants(server) for server in servers]
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
        threading.Thread(target=_ask, args=(client, expected, counts, over)) for _ in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    time.sleep(BETWEEN_S)
    for number in range(times):
        server = servers[number % len(servers)]
        server.stop()
        time.sleep(down_s)
        server.start()
        _variants(server)
        time.sleep(BETWEEN_S)
    over.set()
    for caller in callers:
        caller.join()
    return counts


_counting = threading.Lock()


def _ask(
    client: Client, expected: Mapping[str, str], counts: Counter[str], over: threading.Event
) -> None:
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


def _variants(server: Server) -> dict[str, str]:
    """What its snapshot gives every visitor; returns when it has sent one."""
    with Client(server.target) as local:
        assert local.wait_ready(30)
        return {visitor: local.assign("spring", visitor, SPAIN).variant for visitor in VISITORS}


def _folder(parent: str, number: int) -> Path:
    folder = Path(parent, str(number))
    folder.mkdir()
    return folder

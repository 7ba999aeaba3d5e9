"""Servers on PostgreSQL, and what happens to them and to their database under load."""

import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.databases import rows
from tests.e2e.test_server_process import process, start_campaign
from tests.faults.senders import Senders
from tests.faults.tcp_proxy import TcpProxy
from tests.postgres import PostgresServer
from tests.server import shop

Counts = dict[str, float]
_UNUSED = random.Random()
_KEY = {"FAIRLIFT_ID_KEY": "5a" * 32}


class Server:
    """A server process that can be killed and started again on the same database."""

    def __init__(self, database: str, folder: Path, **settings: str) -> None:
        # Not of the ports that the machine gives away: another program must not listen there while
        # this server is down.
        listen = f"127.0.0.1:{_UNUSED.randint(20_000, 30_000)}"
        self._settings = {
            "FAIRLIFT_DATABASE": database,
            "FAIRLIFT_LISTEN": listen,
            **_KEY,
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


@contextmanager
def postgres(**settings: str) -> Iterator[PostgresServer]:
    """A PostgreSQL server that keeps what it acknowledges."""
    server = PostgresServer({"fsync": "on", **settings})
    try:
        yield server
    finally:
        server.remove()


def killed_servers(*, servers: int, kills: int) -> Counts:
    """Servers are killed at random moments while events come in."""
    rng = random.Random(1)
    with postgres() as database, servers_on(database.url, servers) as running:
        senders = Senders(lambda: [server.address for server in running])
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.6))
            rng.choice(running).kill()
        senders.stop()
        return senders.counts(database.url)


def killed_postgres(*, kills: int) -> Counts:
    """PostgreSQL is killed at random moments; the server goes on."""
    rng = random.Random(2)
    with postgres() as database, servers_on(database.url, 1) as running:
        senders = Senders(lambda: [server.address for server in running], askers=1)
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.6))
            database.kill()
            time.sleep(rng.uniform(0.0, 0.3))
            database.start()
        time.sleep(1)
        senders.stop()
        return senders.counts(database.url) | _assignments(senders)


def database_away(*, seconds: float) -> Counts:
    """PostgreSQL is down for a while: assignments go on."""
    with postgres() as database, servers_on(database.url, 2) as running:
        senders = Senders(lambda: [server.address for server in running], askers=1)
        time.sleep(2)
        database.kill()
        time.sleep(seconds)
        database.start()
        time.sleep(2)
        senders.stop()
        return senders.counts(database.url) | _assignments(senders)


def slow_database(*, delay_s: float, seconds: float) -> Counts:
    """Everything between server and database takes longer."""
    with postgres() as database, ExitStack() as stack:
        proxy = TcpProxy(database.port)
        stack.callback(proxy.stop)
        url = database.url.replace(f":{database.port}/", f":{proxy.port}/")
        running = stack.enter_context(servers_on(url, 1))
        before = _slowest_assignment(running)
        proxy.delay_s = delay_s
        senders = Senders(lambda: [server.address for server in running], threads=2, askers=1)
        time.sleep(seconds)
        proxy.delay_s = 0.0
        time.sleep(2)
        senders.stop()
        counts = senders.counts(database.url) | _assignments(senders)
        return counts | {"slowest before s": before}


def _slowest_assignment(running: list[Server]) -> float:
    senders = Senders(lambda: [server.address for server in running], threads=1, askers=1)
    time.sleep(4)
    senders.stop()
    return round(senders.slowest_assignment_s, 3)


def failover() -> Counts:
    """The primary is killed for good; a standby that has every commit is promoted."""
    with ExitStack() as stack:
        first = stack.enter_context(postgres())
        second = first.standby()
        stack.callback(second.remove)
        url = (
            f"postgresql://fairlift@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"
            "?target_session_attrs=read-write"
        )
        running = stack.enter_context(servers_on(url, 2))
        senders = Senders(lambda: [server.address for server in running], askers=1)
        time.sleep(3)
        first.kill()
        time.sleep(1)
        second.promote()
        time.sleep(8)
        senders.stop()
        return senders.counts(second.url) | _assignments(senders)


def full_disk(*, seconds: float) -> Counts:
    """The disk of the database fills up, and has room again later."""
    with ExitStack() as stack:
        mount = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", mount], check=True)
        stack.callback(lambda: subprocess.run(["umount", "-l", mount], check=True))
        database = PostgresServer({"fsync": "on", "max_wal_size": "64MB"}, folder=mount)
        stack.callback(database.remove)
        running = stack.enter_context(servers_on(database.url, 1))
        senders = Senders(lambda: [server.address for server in running], askers=1)
        time.sleep(2)
        filling = mount / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65_536)
        time.sleep(seconds)
        filling.unlink()
        if not database.is_running:  # it gives up when its log cannot grow
            database.start()
        time.sleep(3)
        senders.stop()
        return senders.counts(database.url) | _assignments(senders)


def amended_at_once(*, rounds: int) -> Counts:
    """Two servers amend the same orders, each in an order of its own."""
    with postgres() as database, servers_on(database.url, 2) as running:
        orders = [f"o-{number}" for number in range(60)]
        _record(running[0], [shop.order(f"v-{o}", o, shop.line(1_000.0)) for o in orders])
        failed = []

        def amend(server: Server, seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(rounds):
                rng.shuffle(orders)
                try:
                    _record(server, [shop.refund(order, 1.0) for order in list(orders)])
                except grpc.RpcError as error:
                    failed.append(error)

        threads = [
            threading.Thread(target=amend, args=(running[number % 2], number))
            for number in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refunds = rows(database.url, "SELECT refunded_micros FROM orders")
        expected = 6 * rounds * 1_000_000
        return {
            "amendments": 6 * rounds * len(orders),
            "calls failed": len(failed),
            "wrong": sum(refunded != expected for (refunded,) in refunds) + len(failed),
        }


def _record(server: Server, events: list[pb.Event]) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub: EventServiceStub = EventServiceStub(channel)
        stub.RecordEvents(pb.RecordEventsRequest(events=events), timeout=30)


def _assignments(senders: Senders) -> Counts:
    return {
        "assigned": senders.assigned,
        "not assigned": senders.unassigned,
        "slowest s": round(senders.slowest_assignment_s, 3),
    }


FAULTS: dict[str, Callable[[], Counts]] = {
    "a server on PostgreSQL is killed": lambda: killed_servers(servers=1, kills=50),
    "one of two servers is killed": lambda: killed_servers(servers=2, kills=50),
    "PostgreSQL is killed": lambda: killed_postgres(kills=50),
    "PostgreSQL is away for 30 s": lambda: database_away(seconds=30),
    "PostgreSQL is 200 ms slower": lambda: slow_database(delay_s=0.2, seconds=20),
    "PostgreSQL is 5 s slower": lambda: slow_database(delay_s=5.0, seconds=30),
    "PostgreSQL fails over": failover,
    "PostgreSQL's disk is full": lambda: full_disk(seconds=10),
    "orders are amended at once": lambda: amended_at_once(rounds=40),
}

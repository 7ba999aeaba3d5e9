"""What happens to PostgreSQL, under load."""

import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.faults.ledgers import Counts, postgres
from tests.faults.senders import Senders
from tests.faults.servers import Server, assignments, servers_on
from tests.faults.tcp_proxy import TcpProxy
from tests.postgres import PostgresServer


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
        return senders.counts(database.url) | assignments(senders)


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
        return senders.counts(database.url) | assignments(senders)


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
        counts = senders.counts(database.url) | assignments(senders)
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
        return senders.counts(second.url) | assignments(senders)


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
        return senders.counts(database.url) | assignments(senders)


FAULTS: dict[str, Callable[[], Counts]] = {
    "PostgreSQL is killed": lambda: killed_postgres(kills=50),
    "PostgreSQL is away for 30 s": lambda: database_away(seconds=30),
    "PostgreSQL is 200 ms slower": lambda: slow_database(delay_s=0.2, seconds=20),
    "PostgreSQL is 5 s slower": lambda: slow_database(delay_s=5.0, seconds=30),
    "PostgreSQL fails over": failover,
    "PostgreSQL's disk is full": lambda: full_disk(seconds=10),
}

"""Servers under load that are killed, whose file is locked by others, or whose disk fills up."""

import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.faults.ledgers import KEY, Counts, OpenLedger, sqlite_ledger
from tests.faults.senders import Senders
from tests.faults.servers import assignments, servers_on


def killed_servers(*, open_ledger: OpenLedger, servers: int, kills: int) -> Counts:
    """Servers are killed at random moments while events come in."""
    rng = random.Random(1)
    with open_ledger() as ledger, servers_on(ledger.url, servers) as running:
        senders = Senders(lambda: [server.address for server in running])
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.6))
            rng.choice(running).kill()
        senders.stop()
        return {"kills": kills, **senders.counts(ledger.url)}


def locked_file(*, lock_s: float, free_s: float, times: int) -> Counts:
    """Another program keeps a SQLite file for itself, again and again."""
    with sqlite_ledger() as ledger, servers_on(ledger.url, 1) as running:
        senders = Senders(lambda: [server.address for server in running], threads=2, askers=1)
        for _ in range(times):
            with ledger.away():
                time.sleep(lock_s)
            time.sleep(free_s)
        senders.stop()
        return senders.counts(ledger.url) | assignments(senders)


def full_disk(*, seconds: float) -> Counts:
    """The disk of a SQLite file fills up, and has room again later.

    Raises:
        subprocess.CalledProcessError: this user may not mount a disk.
    """
    with ExitStack() as stack:
        mount = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", mount], check=True)
        stack.callback(partial(subprocess.run, ["umount", "-l", mount], check=True))
        database = str(mount / "shop.db")
        running = stack.enter_context(servers_on(database, 1, **KEY))
        senders = Senders(lambda: [server.address for server in running], askers=1)
        time.sleep(2)
        with _filled(mount):
            time.sleep(seconds)
        time.sleep(3)
        senders.stop()
        return senders.counts(database) | assignments(senders)


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Nothing has room on a disk in this block: what is freed meanwhile is filled as well."""
    filling, over = disk / "filling", threading.Event()

    def fill() -> None:
        with filling.open("wb", buffering=0) as file:
            while not over.is_set():
                with suppress(OSError):
                    file.write(b"x" * 4_096)
                    continue
                time.sleep(0.01)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        filling.unlink()

"""Servers that are killed and started again, one after the other, while a thin client asks them.

All have the same snapshot and stand behind one name. `python -m tests.faults.rolling_restart` ends
each server for 3 s, five times, first with one server and then with two.
"""

import logging
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fairlift import Client
from fairlift.engine.decision import CompiledSnapshot
from fairlift.wire.snapshot import snapshot_from

from tests.client.shop import eventually, spring
from tests.client.shop_process import ShopProcess

CALLERS = 4
VISITORS = [f"v{number}" for number in range(100)]
SPAIN = {"country": "ES"}
# As long as a deployment waits before it ends the next server; the client connects again within it.
BETWEEN_S = 2.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What visitors got."""

    answers: int
    # Answers without the server: the control, and an exposure that does not count.
    controls: int
    # Visitors who got another variant than before.
    flips: int

    def __str__(self) -> str:
        return f"{self.answers} answers, {self.controls} controls, {self.flips} flips"


def restarts(servers: int, *, times: int, down_s: float, timeout_s: float = 0.5) -> Counts:
    """The counts while the servers are restarted in turns.

    Args:
        servers: How many stand behind the name.
        times: How many restarts there are.
        down_s: How long each server is away.
        timeout_s: The client's deadline for one answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = [ShopProcess(_folder(folder, number)) for number in range(servers)]
        try:
            for process in processes:
                process.start()
            target = "ipv4:" + ",".join(process.target for process in processes)
            with Client(target, decide="server", timeout_s=timeout_s) as client:
                return _restart_while_asked(client, processes, times, down_s)
        finally:
            for process in processes:
                process.stop()


def _restart_while_asked(
    client: Client, processes: list[ShopProcess], times: int, down_s: float
) -> Counts:
    for process in processes:
        _wait_until_it_answers(process)
    assert eventually(lambda: client.assign("spring", "v", SPAIN).is_in_campaign, 30)
    counts, over = Counter[str](), threading.Event()
    callers = [threading.Thread(target=_ask, args=(client, counts, over)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    time.sleep(BETWEEN_S)
    for number in range(times):
        process = processes[number % len(processes)]
        process.stop()
        time.sleep(down_s)
        process.start()
        _wait_until_it_answers(process)
        time.sleep(BETWEEN_S)
    over.set()
    for caller in callers:
        caller.join()
    return Counts(counts["answers"], counts["controls"], counts["flips"])


def _ask(client: Client, counts: Counter[str], over: threading.Event) -> None:
    compiled = CompiledSnapshot(snapshot_from(spring()))
    expected = {
        visitor: compiled.decide("spring", visitor=visitor, attributes=SPAIN, now=0.0).variant
        for visitor in VISITORS
    }
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


_counting = threading.Lock()


def _wait_until_it_answers(process: ShopProcess) -> None:
    with Client(process.target) as probe:
        assert probe.wait_ready(30)


def _folder(parent: str, number: int) -> Path:
    folder = Path(parent, str(number))
    folder.mkdir()
    return folder


def main() -> None:
    """Prints the counts of the long form."""
    logging.disable(logging.CRITICAL)
    for servers in (1, 2):
        counts = restarts(servers, times=5, down_s=3.0)
        print(f"{servers} behind one name: {counts}")  # noqa: T201  # a program


if __name__ == "__main__":
    main()

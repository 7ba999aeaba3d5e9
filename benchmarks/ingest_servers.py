"""What a second server on one PostgreSQL brings for events: one and two servers, in turns.

Each server has a sender in a process of its own. Beside the rates stands who took the processors:
where servers, senders and the database share two cores, two servers cannot bring twice as much.
"""

import asyncio
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack

import uvloop

from benchmarks.form import Measure, publish
from benchmarks.ingest import BATCH, CALLERS, bodies, exposure, served, start_campaign
from benchmarks.serve import process_with_id
from benchmarks.workers import cpu_s
from tests.postgres import PostgresServer

ROUNDS = 7
BATCHES = CALLERS * 12  # of each sender in a round


def send(address: str) -> None:
    """Sends one round when it is told to; prints events a second and its own CPU seconds."""
    requests = bodies(exposure, BATCHES)
    print("ready", flush=True)
    sys.stdin.readline()
    before = cpu_s(os.getpid())
    rate = uvloop.run(served(address, requests))
    print(rate, cpu_s(os.getpid()) - before)


def sent(addresses: list[str]) -> tuple[float, float]:
    """Events a second of all senders together, and what they took of the processors."""
    command = [sys.executable, "-m", "benchmarks.ingest_servers"]
    senders = [
        subprocess.Popen(
            [*command, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for address in addresses
    ]
    for sender in senders:
        assert sender.stdout is not None
        sender.stdout.readline()
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("go\n")
        sender.stdin.flush()
    answers = [sender.communicate()[0].split() for sender in senders]
    # The slower one ends the round.
    rate = len(answers) * min(float(rate) for rate, _ in answers)
    return rate, sum(float(seconds) for _, seconds in answers)


def main() -> None:
    rates: dict[int, list[float]] = defaultdict(list)
    # For an event, by who took it.
    cost_us: dict[int, dict[str, list[float]]] = {n: defaultdict(list) for n in (1, 2)}
    with ExitStack() as stack:
        database = PostgresServer({"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"})
        stack.callback(database.remove)
        postmaster = int((database.data / "postmaster.pid").read_text().split()[0])
        servers = [
            stack.enter_context(
                process_with_id(
                    "fairlift_server",
                    "serve",
                    FAIRLIFT_LISTEN="127.0.0.1:0",
                    FAIRLIFT_DATABASE=database.url,
                    FAIRLIFT_ID_KEY="5a" * 32,
                    FAIRLIFT_LOG_LEVEL="error",
                )
            )
            for _ in range(2)
        ]
        addresses = [address for address, _ in servers]
        asyncio.run(start_campaign(addresses[0]))
        for number in range(ROUNDS + 1):
            for count in (1, 2):
                before = _taken(servers, postmaster)
                rate, senders_s = sent(addresses[:count])
                if number == 0:  # warms up
                    continue
                rates[count].append(rate)
                events = count * BATCHES * BATCH
                for name, seconds in _taken(servers, postmaster).items():
                    cost_us[count][name].append((seconds - before[name]) / events * 1e6)
                cost_us[count]["senders"].append(senders_s / events * 1e6)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    one, two = (statistics.median(rates[count]) for count in (1, 2))
    publish(
        "ingest_servers",
        [
            Measure("events_two_servers", two, "events/s", "one server", one, False),
            *(
                Measure(
                    f"{name}_cpu",
                    statistics.mean(cost_us[2][name]),
                    "µs an event",
                    "one server",
                    statistics.mean(cost_us[1][name]),
                )
                for name in ("servers", "database", "senders")
            ),
        ],
    )


def _taken(servers: list[tuple[str, int]], postmaster: int) -> dict[str, float]:
    """CPU seconds so far."""
    return {
        "servers": sum(cpu_s(number) for _, number in servers),
        "database": cpu_s(postmaster),
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        send(sys.argv[1])
    else:
        main()

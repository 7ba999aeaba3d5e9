"""What a second worker brings for assignments: one and two workers on one database, in turns.

The callers are processes of their own, with several connections each, because a connection stays
with one worker.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import uvloop

from benchmarks.form import Measure, publish
from benchmarks.serve import ASSIGN, Call, process_with_id, requests, start_campaigns
from tests.postgres import PostgresServer

ROUNDS = 6
ROUND_S = 3.0
SENDERS = 2
CONNECTIONS = 8
CALLERS = 4


async def send(address: str) -> None:
    """Prints how many calls were answered in one round."""
    done = 0
    bodies = requests(["campaigns/campaign-0"])
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(CONNECTIONS)]
    calls: list[Call] = [channel.unary_unary(ASSIGN) for channel in channels]
    await asyncio.gather(*(call(bodies[0]) for call in calls))
    end = time.perf_counter() + ROUND_S

    async def caller(call: Call) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await call(bodies[done % len(bodies)])
            done += 1

    await asyncio.gather(*(caller(call) for call in calls for _ in range(CALLERS)))
    print(done)


async def sent(address: str) -> float:
    """Calls per second of all senders together."""
    senders = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.workers", address, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(SENDERS)
    ]
    outputs = await asyncio.gather(*(sender.communicate() for sender in senders))
    return sum(int(output) for output, _ in outputs) / ROUND_S


def cpu_s(supervisor: int) -> float:
    """Processor time of a server and its workers so far."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii")
    total = 0
    for process in (str(supervisor), *children.split()):
        fields = (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    database = PostgresServer()
    found: dict[int, list[float]] = {1: [], 2: []}
    cost: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "id-key").write_text("5a" * 32, encoding="ascii")
        (folder / "id-key").chmod(0o600)
        servers = {}
        for workers in found:
            servers[workers] = stack.enter_context(
                process_with_id(
                    "fairlift_server",
                    "serve",
                    FAIRLIFT_LISTEN="127.0.0.1:0",
                    FAIRLIFT_WORKERS=str(workers),
                    FAIRLIFT_DATABASE=f"postgresql://fairlift@127.0.0.1:{database.port}/postgres",
                    FAIRLIFT_ID_KEY_FILE=str(folder / "id-key"),
                    FAIRLIFT_ERASED_FILE=str(folder / f"erased-{workers}"),
                    FAIRLIFT_LOG_LEVEL="error",
                )
            )
        await start_campaigns(servers[1][0])
        await asyncio.sleep(2)  # the other server learns of the campaigns
        for number in range(ROUNDS + 1):
            for workers, (address, supervisor) in servers.items():
                before = cpu_s(supervisor)
                rate = await sent(address)
                if number:  # the first round warms up
                    found[workers].append(rate)
                    cost[workers].append((cpu_s(supervisor) - before) / rate / ROUND_S * 1e3)
    one, two = (statistics.median(found[workers]) for workers in (1, 2))
    cost_one, cost_two = (statistics.median(cost[workers]) for workers in (1, 2))
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    publish(
        "workers",
        [
            Measure("assign_two_workers_rps", two, "calls/s", "one worker", one, False),
            Measure("assign_cpu_two_workers", cost_two, "ms", "one worker", cost_one),
        ],
    )


if __name__ == "__main__":
    uvloop.run(send(sys.argv[1]) if sys.argv[1:] else main())

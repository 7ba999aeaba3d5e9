"""Assignments while another process sends bad tokens as fast as it can: how slow is the slowest 1%.

A storefront asks at a steady pace. Quiet rounds and rounds with the flood take turns: a noisy
machine then disturbs both alike. The flood comes from the same address as the storefront, which
has a valid token: it must not be slowed down with the others.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
import uvloop
from fairlift.v1 import assignment_service_pb2
from fairlift_server.access.token_text import new_token

from benchmarks.form import Measure, publish
from benchmarks.serve import ASSIGN, Call, process

TOKEN = "the-token-of-the-storefront"
ROUNDS = 8
ROUND_S = 4.0
# Of one storefront's thin client; well below what a server can answer.
PER_S = 200
CONNECTIONS = 8
CALLERS = 64
BODY = assignment_service_pb2.AssignVariantsRequest(visitor_id="v").SerializeToString()


async def flood(address: str) -> None:
    """Sends bad tokens until it is killed; prints how many were refused, each second."""
    refused = 0

    async def caller(channel: grpc.aio.Channel) -> None:
        nonlocal refused
        call: Call = channel.unary_unary(ASSIGN)
        while True:
            metadata = (("authorization", f"Bearer {new_token('')}"),)
            try:
                await call(BODY, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                refused += error.code() is grpc.StatusCode.UNAUTHENTICATED

    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(CONNECTIONS)]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    callers = [asyncio.create_task(caller(c)) for c in channels for _ in range(CALLERS)]
    while callers:
        await asyncio.sleep(1)
        print(refused, flush=True)
        refused = 0


async def latencies(address: str) -> list[float]:
    """Seconds of assignments that are asked for at a steady pace, from when each was due."""
    found: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        call: Call = channel.unary_unary(ASSIGN)
        metadata = (("authorization", f"Bearer {TOKEN}"),)

        async def one(due: float) -> None:
            await call(BODY, metadata=metadata)
            found.append(time.perf_counter() - due)

        await call(BODY, metadata=metadata)
        begun = time.perf_counter()
        tasks = []
        for number in range(int(PER_S * ROUND_S)):
            due = begun + number / PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(time.perf_counter())))
        await asyncio.gather(*tasks)
    return found


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)] * 1e3


async def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        process(
            "fairlift_server",
            "serve",
            FAIRLIFT_LISTEN="127.0.0.1:0",
            FAIRLIFT_TOKEN=TOKEN,
            FAIRLIFT_DATABASE=str(Path(folder) / "shop.db"),
        ) as address,
    ):
        quiet, begun, flooded, refused = [], [], [], []
        for _ in range(ROUNDS):
            quiet.append(await latencies(address))
            sender = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.bad_tokens", address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert sender.stdin is not None
            assert sender.stdout is not None
            sender.stdout.readline()  # its start, of Python alone, takes the machine
            sender.stdin.write("go\n")
            sender.stdin.flush()
            begun.append(await latencies(address))
            flooded.append(await latencies(address))
            sender.kill()
            refused += [int(line) for line in sender.stdout.read().split()]
            await asyncio.sleep(0.5)
    print(f"bad tokens refused per second: {statistics.median(refused):,.0f}")
    measures = []
    for when, rounds in (("as_they_begin", begun), ("under_bad_tokens", flooded)):
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            during, alone = (
                statistics.median(percentile(each, share) for each in some)
                for some in (rounds, quiet)
            )
            measures.append(Measure(f"assign_{name}_{when}", during, "ms", "without them", alone))
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    publish("bad_tokens", measures)


if __name__ == "__main__":
    uvloop.run(flood(sys.argv[1]) if sys.argv[1:] else main())

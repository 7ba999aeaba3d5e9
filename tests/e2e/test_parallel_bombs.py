"""Five hundred decompression bombs at once, with a valid token: none is unpacked."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from tests.e2e.test_server_process import process
from tests.faults.hostile_callers import MEBIBYTE, METADATA, RECORD, TOKEN, rss_bytes

BOMBS, CONNECTIONS = 500, 20
# A kilobyte on the wire, and 500 MiB of all of them.
BOMB = b"\x0a\x00" * (MEBIBYTE // 2)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc"
)


async def bombed(address: str) -> tuple[Counter[grpc.StatusCode], int]:
    """How the bombs ended, and how many assignments were answered meanwhile."""
    channels = [
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CONNECTIONS)
    ]

    async def bomb(channel: grpc.aio.Channel) -> grpc.StatusCode:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(RECORD)
        try:
            await call(BOMB, timeout=60, metadata=METADATA, compression=grpc.Compression.Gzip)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    answered, over = 0, asyncio.Event()

    async def assignments() -> None:
        nonlocal answered
        async with grpc.aio.insecure_channel(address) as channel:
            stub = AssignmentServiceStub(channel)
            while not over.is_set():
                request = pb.AssignVariantsRequest(visitor_id="v")
                await stub.AssignVariants(request, metadata=METADATA, timeout=30)
                answered += 1

    beside = asyncio.create_task(assignments())
    codes = await asyncio.gather(*(bomb(channels[n % CONNECTIONS]) for n in range(BOMBS)))
    over.set()
    await beside
    for channel in channels:
        await channel.close()
    return Counter(codes), answered


async def test_parallel_bombs_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        process(tmp_path, log=log, FAIRLIFT_TOKEN=TOKEN) as (server, address),
    ):
        before = rss_bytes(server.pid)
        watch = asyncio.create_task(highest_rss(server.pid))
        codes, answered = await bombed(address)
        watch.cancel()
        peak = await watch
    assert codes == {grpc.StatusCode.UNIMPLEMENTED: BOMBS}
    assert answered
    # When they were unpacked, five hundred of 4 MiB took 2,006 MiB.
    assert peak - before <= 64 * MEBIBYTE
    # Nor do they fill the log, whose lines are JSON.
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(lines) < BOMBS


async def highest_rss(pid: int) -> int:
    highest = 0
    try:
        while True:
            highest = max(highest, rss_bytes(pid))
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return highest

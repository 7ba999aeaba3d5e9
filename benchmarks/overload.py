"""RecordEvents at four times the rate that the server can take: what still gets through.

The peak is what callers reach who wait for each answer. Then calls arrive on a schedule, whatever
the answers are, as from a crowd of storefronts. Peak and overload take turns, and no event is sent
twice.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import grpc
import uvloop
from fairlift.v1 import event_service_pb2 as pb

from benchmarks.form import Measure, publish
from benchmarks.serve import process

RECORD = "/fairlift.v1.EventService/RecordEvents"
# What an SDK sends at once when many wait.
EVENTS = 500
# Enough for full groups, one being written while the next one comes in: fewer miss the peak.
CALLERS = 48
ROUNDS = 7
ROUND_S = 4.0
FACTOR = 4
# That of the SDK.
DEADLINE_S = 10.0
Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


def batches(number: int) -> list[bytes]:
    """Encoded requests of new actions, which need no campaign; made fast, as many are needed."""
    names = [f"{position:036}" for position in range(EVENTS)]
    request = pb.RecordEventsRequest()
    for name in names:
        event = request.events.add(event_id=name)
        event.event_time.GetCurrentTime()
        event.action.name = "add_to_cart"
        event.action.unit_id = "visitor"
    encoded = request.SerializeToString()
    parts = []
    for name in names:
        part, _, encoded = encoded.partition(name.encode())
        parts.append(part)
    return [_with_ids(parts, encoded) for _ in range(number)]


def _with_ids(parts: list[bytes], end: bytes) -> bytes:
    # UUIDv7, as SDKs make them: ids in order of time.
    milliseconds = time.time_ns() // 1_000_000
    head = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
    tail = f"8{os.urandom(2).hex()[:3]}-{os.urandom(6).hex()}"
    pieces: list[bytes] = []
    for number, part in enumerate(parts):
        pieces += (part, f"{head}-7{number:03x}-{tail}".encode())
    return b"".join((*pieces, end))


async def answered(call: Call, body: bytes, counts: Counter[str]) -> None:
    try:
        answer = pb.RecordEventsResponse.FromString(await call(body, timeout=DEADLINE_S))
    except grpc.aio.AioRpcError as error:
        counts[error.code().name] += 1
    else:
        assert all(outcome.status == pb.EVENT_STATUS_ACCEPTED for outcome in answer.outcomes)
        counts["OK"] += 1


async def peak(call: Call, bodies: list[bytes]) -> tuple[float, int]:
    """Accepted events per second of callers who wait for each answer, and the batches used."""
    counts: Counter[str] = Counter()
    used = 0
    started = time.perf_counter()

    async def caller() -> None:
        nonlocal used
        while time.perf_counter() < started + ROUND_S and used < len(bodies):
            used += 1
            await answered(call, bodies[used - 1], counts)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return counts["OK"] * EVENTS / (time.perf_counter() - started), used


async def overload(call: Call, bodies: list[bytes], per_s: float) -> tuple[float, Counter[str]]:
    """Accepted events per second when calls arrive on a schedule, and the answers by status."""
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    calls = []
    for number, body in enumerate(bodies):
        delay = started + number / per_s - time.perf_counter()
        await asyncio.sleep(max(delay, 0))
        calls.append(asyncio.create_task(answered(call, body, counts)))
    await asyncio.gather(*calls)
    return counts["OK"] * EVENTS / (time.perf_counter() - started), counts


async def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        process(
            "fairlift_server",
            "serve",
            FAIRLIFT_LISTEN="127.0.0.1:0",
            FAIRLIFT_DATABASE=str(Path(folder) / "shop.db"),
        ) as address,
    ):
        async with grpc.aio.insecure_channel(address) as channel:
            call: Call = channel.unary_unary(RECORD)
            peaks, goodputs, answers = [], [], Counter[str]()
            for _ in range(ROUNDS):
                bodies = batches(1_000)
                at_peak, _ = await peak(call, bodies)
                rate = FACTOR * at_peak / EVENTS
                bodies = batches(int(rate * ROUND_S))
                goodput, counts = await overload(call, bodies, rate)
                peaks.append(at_peak)
                goodputs.append(goodput)
                answers += counts
    print(dict(answers))
    publish(
        "overload",
        [
            Measure(
                "goodput_at_4x_per_s",
                statistics.median(goodputs),
                "events/s",
                "the peak",
                statistics.median(peaks),
                less_is_better=False,
            )
        ],
    )


if __name__ == "__main__":
    uvloop.run(main())

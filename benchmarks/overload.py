"""Ten times the events, and ten times the reports, that a server can take: what gets through.

The peak is what callers reach who wait for each answer. Then calls arrive on a schedule, whatever
the answers are, as from a crowd. Peak and overload take turns, in another process than the one that
asks for assignments at a steady pace. No event is sent twice.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import uvloop
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest
from fairlift.v1.results_service_pb2 import GetResultsRequest

from benchmarks.form import Measure, publish
from benchmarks.serve import ASSIGN, empty_server, start_campaigns

RECORD = "/fairlift.v1.EventService/RecordEvents"
RESULTS = "/fairlift.v1.ResultsService/GetResults"
# What an SDK sends at once when many wait.
EVENTS = 500
# Enough for full groups, one being written while the next one comes in: fewer miss the peak.
CALLERS = 48
ROUNDS = 5
ROUND_S = 3.0
FACTOR = 10
# That of the SDK.
DEADLINE_S = 10.0
PROBES_PER_S = 100
Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


def event_batches() -> Iterator[bytes]:
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
    while True:
        yield _with_ids(parts, encoded)


def _with_ids(parts: list[bytes], end: bytes) -> bytes:
    # UUIDv7, as SDKs make them: ids in order of time.
    milliseconds = time.time_ns() // 1_000_000
    head = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
    tail = f"8{os.urandom(2).hex()[:3]}-{os.urandom(6).hex()}"
    pieces: list[bytes] = []
    for number, part in enumerate(parts):
        pieces += (part, f"{head}-7{number:03x}-{tail}".encode())
    return b"".join((*pieces, end))


def report_requests() -> Iterator[bytes]:
    """Requests of the report of one campaign."""
    while True:
        yield GetResultsRequest(name="campaigns/campaign-0").SerializeToString()


KINDS: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    RECORD: ("events", event_batches),
    RESULTS: ("reports", report_requests),
}


class Answers:
    """The answers of one round by status, and how long those took that were refused."""

    def __init__(self) -> None:
        self.by_code: Counter[str] = Counter()
        self.shed_s: list[float] = []

    async def add(self, call: Call, body: bytes) -> None:
        """Makes one call."""
        begun = time.perf_counter()
        try:
            await call(body, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self.by_code[error.code().name] += 1
            self.shed_s.append(time.perf_counter() - begun)
        else:
            self.by_code["OK"] += 1


async def peak(call: Call, bodies: Iterator[bytes]) -> float:
    """Answers per second to callers who wait for each answer."""
    answers = Answers()
    started = time.perf_counter()

    async def caller() -> None:
        while time.perf_counter() < started + ROUND_S:
            await answers.add(call, next(bodies))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return answers.by_code["OK"] / (time.perf_counter() - started)


async def overload(call: Call, bodies: list[bytes], per_s: float) -> tuple[float, float, Answers]:
    """Good answers and calls sent, per second, when calls arrive on a schedule."""
    answers = Answers()
    started = time.perf_counter()
    calls = []
    for number, body in enumerate(bodies):
        delay = started + number / per_s - time.perf_counter()
        await asyncio.sleep(max(delay, 0))
        calls.append(asyncio.create_task(answers.add(call, body)))
        if time.perf_counter() > started + ROUND_S:
            break
    sent_s = time.perf_counter() - started
    await asyncio.gather(*calls)
    return (
        answers.by_code["OK"] / (time.perf_counter() - started),
        len(calls) / sent_s,
        answers,
    )


async def crowd(address: str, method: str) -> None:
    """Peak and overload in turns; prints a line of JSON for each, with what it measured."""
    bodies = KINDS[method][1]()
    async with grpc.aio.insecure_channel(address) as channel:
        call: Call = channel.unary_unary(method)
        await call(next(bodies), timeout=60)  # the first one waits for the mathematics
        for _ in range(ROUNDS):
            at_peak = await peak(call, bodies)
            waiting = [next(bodies) for _ in range(int(FACTOR * at_peak * ROUND_S))]
            print("overload", flush=True)
            good, sent, answers = await overload(call, waiting, FACTOR * at_peak)
            found = {
                "peak": at_peak,
                "good": good,
                "sent": sent,
                "shed_ms": percentile(answers.shed_s, 0.5),
                "shed_p99_ms": percentile(answers.shed_s, 0.99),
                "answers": answers.by_code,
            }
            print(json.dumps(found), flush=True)
            await asyncio.sleep(0.5)


def percentile(seconds: list[float], share: float) -> float:
    """In milliseconds; 0 where there are none."""
    return sorted(seconds)[int(len(seconds) * share)] * 1e3 if seconds else 0.0


class Probe:
    """Asks for assignments at a steady pace, from when each was due."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.took_s: list[float] = []
        self.failed = 0

    async def run(self) -> None:
        """Asks until it is cancelled."""
        body = AssignVariantsRequest(visitor_id="v").SerializeToString()
        async with grpc.aio.insecure_channel(self._address) as channel:
            call: Call = channel.unary_unary(ASSIGN)
            begun, number, tasks = time.perf_counter(), 0, set()
            while True:
                number += 1
                await asyncio.sleep(max(0.0, begun + number / PROBES_PER_S - time.perf_counter()))
                task = asyncio.create_task(self._one(call, body))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def _one(self, call: Call, body: bytes) -> None:
        """Makes one call."""
        begun = time.perf_counter()
        try:
            await call(body, timeout=5)
        except grpc.aio.AioRpcError:
            self.failed += 1
        self.took_s.append(time.perf_counter() - begun)

    def taken(self) -> list[float]:
        """What was measured since this was asked last."""
        taken, self.took_s = self.took_s, []
        return taken


def rss_mib(process: int) -> float:
    """The memory of a process now."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def rounds(address: str, server: int, method: str) -> list[Measure]:
    """The figures of one kind of call."""
    name = KINDS[method][0]
    probe = Probe(address)
    probing = asyncio.create_task(probe.run())
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.overload", address, method, stdout=asyncio.subprocess.PIPE
    )
    assert sender.stdout is not None
    found, assign_ms, memory = [], [], []
    async for line in sender.stdout:
        if line.strip() == b"overload":
            probe.taken()
            continue
        found.append(json.loads(line))
        assign_ms.append(percentile(probe.taken(), 0.99))
        memory.append(rss_mib(server))
        print(found[-1], f"assign p99 {assign_ms[-1]:.1f} ms, server {memory[-1]:.0f} MiB")
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)

    def median(key: str) -> float:
        return float(statistics.median(each[key] for each in found))

    per_s = f"{name}/s"
    per_call = EVENTS if method == RECORD else 1
    return [
        Measure(
            f"{name}_good_at_overload",
            per_call * median("good"),
            per_s,
            "the peak",
            per_call * median("peak"),
            less_is_better=False,
        ),
        Measure(
            f"{name}_sent_at_overload",
            per_call * median("sent"),
            per_s,
            "the peak",
            per_call * median("peak"),
            less_is_better=False,
        ),
        Measure(f"{name}_shed_ms", median("shed_ms"), "ms"),
        Measure(f"{name}_shed_p99_ms", median("shed_p99_ms"), "ms"),
        Measure(f"assign_failed_with_{name}", probe.failed, "calls"),
        Measure(f"assign_p99_with_{name}", statistics.median(assign_ms), "ms"),
        Measure(f"server_memory_with_{name}", memory[-1], "MiB", "after round 1", memory[0]),
    ]


async def main() -> None:
    with empty_server() as (address, server):
        await start_campaigns(address)
        methods = sys.argv[1:] or KINDS
        measures = [each for method in methods for each in await rounds(address, server, method)]
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    publish("overload", measures)


if __name__ == "__main__":
    uvloop.run(crowd(*sys.argv[1:]) if len(sys.argv) == 3 else main())

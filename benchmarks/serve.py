"""AssignVariants beside a bare grpc.aio+uvloop echo of the same message sizes, in the same run."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import grpc
import uvloop
from fairlift.engine.campaign import Campaign, State
from fairlift.engine.plan_hash import plan_hash
from fairlift.v1 import (
    assignment_service_pb2,
    audience_pb2,
    campaign_pb2,
    campaign_service_pb2,
    plan_pb2,
)
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.wire.campaign import campaign_from

from benchmarks.form import Measure, publish

# Many short rounds that take turns: a noisy neighbour then disturbs both sides alike.
ROUNDS = 25
ROUND_S = 0.5
CALLERS = 24
ASSIGN = "/fairlift.v1.AssignmentService/AssignVariants"
ECHO = "/Echo/Echo"
Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
PEER = "bare grpc.aio+uvloop echo"


@contextmanager
def process(*command: str, **environment: str) -> Iterator[str]:
    """The address that a server process prints."""
    with process_with_id(*command, **environment) as (address, _):
        yield address


@contextmanager
def process_with_id(*command: str, **environment: str) -> Iterator[tuple[str, int]]:
    """The address that a server process prints, and the process's number."""
    server = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().removeprefix("listening on ").strip(), server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def empty_server() -> Iterator[tuple[str, int]]:
    """A server with a database of its own: its address, and the process's number."""
    with (
        tempfile.TemporaryDirectory() as folder,
        process_with_id(
            "fairlift_server",
            "serve",
            FAIRLIFT_LISTEN="127.0.0.1:0",
            FAIRLIFT_DATABASE=str(Path(folder) / "shop.db"),
            FAIRLIFT_LOG_LEVEL="error",
        ) as started,
    ):
        yield started


def campaign(number: int) -> campaign_pb2.Campaign:
    """A campaign as shops have them: an audience, a payload, two variants."""
    message = campaign_pb2.Campaign(
        name=f"campaigns/campaign-{number}",
        variants=[campaign_pb2.Variant(id=name, weight=1) for name in ("control", "popup")],
        plan=plan_pb2.Plan(
            primary=[plan_pb2.PlannedMetric(metric="conversion_rate", minimum_effect=0.05)],
            planned_units=100_000,
        ),
    )
    message.variants[1].payload.update({"coupon": "WELCOME10", "threshold": 50})
    message.audience.compare.attribute = "cart_value"
    message.audience.compare.op = audience_pb2.COMPARISON_GE
    message.audience.compare.value.number_value = 30
    return message


def running_since(message: campaign_pb2.Campaign, start: datetime) -> Campaign:
    """The campaign of a message, as if it ran since then."""
    draft = campaign_from(message)
    assert draft.plan is not None
    lifecycle = replace(
        draft.lifecycle,
        state=State.RUNNING,
        epoch=1,
        create_time=start,
        update_time=start,
        start_time=start,
        epoch_time=start,
        plan_hash=plan_hash(draft.plan),
    )
    return replace(draft, lifecycle=lifecycle)


async def start_campaigns(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        campaigns = CampaignServiceStub(channel)
        for number in range(10):
            created = campaign(number)
            await campaigns.CreateCampaign(
                campaign_service_pb2.CreateCampaignRequest(campaign=created)
            )
            await campaigns.StartCampaign(
                campaign_service_pb2.StartCampaignRequest(name=created.name)
            )


def requests(campaigns: list[str]) -> list[bytes]:
    """Encoded once, so that the caller costs the same on both sides."""
    encoded = []
    for number in range(500):
        message = assignment_service_pb2.AssignVariantsRequest(
            visitor_id=f"visitor-{number:07}", campaigns=campaigns
        )
        message.attributes["cart_value"].number_value = 49.9
        message.attributes["country"].string_value = "ES"
        encoded.append(message.SerializeToString())
    return encoded


async def calls_per_second(call: Call, bodies: list[bytes]) -> float:
    done = 0
    end = time.perf_counter() + ROUND_S

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await call(bodies[done % len(bodies)])
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - started)


async def answer_size(address: str, bodies: list[bytes]) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        call: Call = channel.unary_unary(ASSIGN)
        return round(statistics.mean([len(await call(body)) for body in bodies[:100]]))


async def measured(server: str, bodies: list[bytes]) -> tuple[float, float]:
    """Calls per second of the server and of the echo, medians of rounds that take turns."""
    size = await answer_size(server, bodies)
    with process("benchmarks.peers.echo_server", str(size)) as echo:
        async with (
            grpc.aio.insecure_channel(server) as one,
            grpc.aio.insecure_channel(echo) as other,
        ):
            assign: Call = one.unary_unary(ASSIGN)
            answer: Call = other.unary_unary(ECHO)
            ours, theirs = [], []
            for number in range(ROUNDS + 1):
                found = await calls_per_second(assign, bodies)
                beside = await calls_per_second(answer, bodies)
                if number:  # the first round warms up
                    ours.append(found)
                    theirs.append(beside)
    return statistics.median(ours), statistics.median(theirs)


async def main() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(
            process(
                "fairlift_server",
                "serve",
                FAIRLIFT_LISTEN="127.0.0.1:0",
                FAIRLIFT_DATABASE=str(Path(folder) / "shop.db"),
            )
        )
        await start_campaigns(server)
        one, echo_one = await measured(server, requests(["campaigns/campaign-0"]))
        ten, echo_ten = await measured(server, requests([]))
    publish(
        "serve",
        [
            Measure("assign_rps", one, "calls/s", PEER, echo_one, less_is_better=False),
            Measure(
                "assign_ten_campaigns_per_s",
                10 * ten,
                "assignments/s",
                f"{PEER} × 10",
                10 * echo_ten,
                less_is_better=False,
            ),
        ],
    )


if __name__ == "__main__":
    uvloop.run(main())

"""Callers, without a token or with it, who send messages that take much to read.

Quiet and hostile rounds take turns, so that a busy machine disturbs both alike.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import grpc
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub

from tests.e2e.test_server_process import process
from tests.server import shop

RECORD = "/fairlift.v1.EventService/RecordEvents"
# Two million empty events: 4 MB, and hundreds of megabytes once they are parsed.
BOMB = b"\x0a\x00" * 2_090_000
TOKEN = "a-token-of-a-test"
METADATA = (("authorization", f"Bearer {TOKEN}"),)
MEBIBYTE = 1024 * 1024


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def cpu_s(pid: int) -> float:
    """Seconds that a process has computed so far, on all processors."""
    columns = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")


def send(channel: grpc.Channel, *, token: str = "") -> grpc.StatusCode:
    """The status of one bomb."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(RECORD)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        call(BOMB, timeout=30, metadata=metadata)
    except grpc.RpcError as error:
        return cast("grpc.Call", error).code()  # what a stub raises is a Call too
    return grpc.StatusCode.OK


def attack(address: str, token: str = "") -> None:
    """Sends bombs until the process is ended."""
    with grpc.insecure_channel(address) as channel:
        while True:
            send(channel, token=token)


def memory(calls: int = 60, token: str = "") -> dict[str, float]:
    """What some calls, one after the other, cost the server in memory and computing time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        process(Path(folder), log=subprocess.DEVNULL, FAIRLIFT_TOKEN=TOKEN) as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        AssignmentServiceStub(channel).AssignVariants(
            assignment_service_pb2.AssignVariantsRequest(visitor_id="v"), metadata=METADATA
        )
        before, started_s = rss_bytes(server.pid), cpu_s(server.pid)
        codes = [send(channel, token=token) for _ in range(calls)]
        growth = rss_bytes(server.pid) - before
        used_s = cpu_s(server.pid) - started_s
    return {
        "calls": calls,
        "refused": calls - codes.count(grpc.StatusCode.OK),
        "growth_mib": growth / MEBIBYTE,
        "cpu_ms_per_call": 1_000 * used_s / calls,
    }


def assignments(
    *, rounds: int = 9, calls: int = 1_500, attackers: int = 2, token: str = ""
) -> dict[str, float]:
    """The 99th percentile of an assignment in milliseconds: quiet, and beside hostile callers.

    In quiet rounds the same attackers attack another server on this machine: what they take from
    the processors themselves, as they would not from elsewhere, is on both sides then.
    """
    quiet, hostile = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other_folder,
        process(Path(folder), log=subprocess.DEVNULL, FAIRLIFT_TOKEN=TOKEN) as (_, address),
        process(Path(other_folder), log=subprocess.DEVNULL, FAIRLIFT_TOKEN=TOKEN) as (_, other),
        grpc.insecure_channel(address) as channel,
    ):
        campaigns = CampaignServiceStub(channel)
        campaign = shop.campaign()
        campaigns.CreateCampaign(
            campaign_service_pb2.CreateCampaignRequest(campaign=campaign), metadata=METADATA
        )
        campaigns.StartCampaign(
            campaign_service_pb2.StartCampaignRequest(name=campaign.name), metadata=METADATA
        )
        _p99_ms(channel, calls)
        for _ in range(rounds):
            with _attackers(other, attackers, token):
                quiet.append(_p99_ms(channel, calls))
            with _attackers(address, attackers, token):
                hostile.append(_p99_ms(channel, calls))
    return {
        "quiet_p99_ms": statistics.median(quiet),
        "hostile_p99_ms": statistics.median(hostile),
        "ratio": statistics.median(hostile) / statistics.median(quiet),
    }


def _p99_ms(channel: grpc.Channel, calls: int) -> float:
    stub = AssignmentServiceStub(channel)
    times = []
    for number in range(calls):
        request = assignment_service_pb2.AssignVariantsRequest(visitor_id=f"v-{number}")
        started = time.perf_counter()
        stub.AssignVariants(request, metadata=METADATA)
        times.append(time.perf_counter() - started)
    return 1_000 * statistics.quantiles(times, n=100)[-1]


@contextmanager
def _attackers(address: str, number: int, token: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.faults.hostile_callers", address, token]
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        time.sleep(1.0)  # until they are at it
        yield
    finally:
        for attacker in processes:
            attacker.kill()
            attacker.wait()


if __name__ == "__main__":
    attack(*sys.argv[1:])

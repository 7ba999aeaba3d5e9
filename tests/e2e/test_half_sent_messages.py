"""Callers who hold no secret and send most of a message: what they cost the server's memory."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.test_server_process import PATIENCE_S, process
from tests.faults.half_sent import HalfSender
from tests.faults.hostile_callers import MEBIBYTE, METADATA, RECORD, TOKEN, rss_bytes

ASSIGN = "/fairlift.v1.AssignmentService/AssignVariants"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
CONNECTIONS, CALLS = 15, 10
# What docs/threats.md says: 32 that arrive slowly with 4 MiB each, and what is on its way.
BOUND = 250 * MEBIBYTE

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc"
)


def secret_of_a_page(address: str) -> str:
    """A token that stands in every page of a shop."""
    with grpc.insecure_channel(address) as channel:
        request = pb.CreateTokenRequest(display_name="page", role=pb.TOKEN_ROLE_EVALUATE)
        return AdminServiceStub(channel).CreateToken(request, metadata=METADATA).secret


@pytest.mark.parametrize(
    ("method", "has_token"),
    [(ASSIGN, False), (ASSIGN, True), (RECORD, False), (CHECK, False), (WATCH, False)],
)
def test_half_sent_messages_take_bounded_memory(
    tmp_path: Path, method: str, has_token: bool
) -> None:
    with process(tmp_path, log=subprocess.DEVNULL, FAIRLIFT_TOKEN=TOKEN) as (server, address):
        token = secret_of_a_page(address) if has_token else ""
        time.sleep(0.5)
        before = rss_bytes(server.pid)
        senders = [
            HalfSender(address, method, calls=CALLS, message_bytes=4 * MEBIBYTE - 16, token=token)
            for _ in range(CONNECTIONS)
        ]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            sent = sum(pool.map(lambda sender: sender.send(patience_s=1.0), senders))
        growth = rss_bytes(server.pid) - before
        with grpc.insecure_channel(address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[attr-defined]  # missing from its stubs
                health_pb2.HealthCheckRequest(), timeout=PATIENCE_S
            )
        for sender in senders:
            sender.close()

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert sent > CONNECTIONS * CALLS * 16 * 1024  # the calls were made
    # When messages were received first, 150 of them took 604 MiB.
    assert growth <= BOUND

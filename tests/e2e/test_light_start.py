"""A start loads only what answers storefronts; what computes results comes later."""

import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2, results_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub

from tests.e2e import test_server_process
from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign
from tests.server import shop

# What computes and what migrates, and what only commands or settings need.
HEAVY = {
    *("numpy", "scipy", "fairlift_stats", "ibis", "duckdb", "pyspark", "pandas", "pyarrow"),
    *("alembic", "babel", "yaml", "xlsxwriter", "psycopg", "prometheus_client", "opentelemetry"),
}


def _imported(log: str) -> set[str]:
    """The packages that a process with `-X importtime` imported."""
    return set(re.findall(r"^import time: .*\| +(\w+)", log, re.MULTILINE))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of servers that log what they import, over a database that is there already."""
    with process(tmp_path):
        pass
    server = (sys.executable, "-X", "importtime", "-m", "fairlift_server")
    monkeypatch.setattr(test_server_process, "SERVER", server)
    return tmp_path / "log"


def _messages(log: str) -> list[str]:
    return [
        json.loads(line)["message"] for line in log.splitlines() if line[:1] + line[-1:] == "{}"
    ]


def _assigned(channel: grpc.Channel) -> list[str]:
    request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v-1")
    answer = AssignmentServiceStub(channel).AssignVariants(request, timeout=PATIENCE_S)
    return [each.campaign for each in answer.assignments]


def test_without_campaigns_what_computes_results_is_loaded_with_the_first_result(
    tmp_path: Path, log: Path
) -> None:
    with (
        log.open("w") as errors,
        # Whether a look is due is asked all the time.
        process(tmp_path, log=errors, FAIRLIFT_LOOK_EVERY_S="0.05") as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        for _ in range(20):
            assert _assigned(channel) == []
        before = log.read_text()
        results = ResultsServiceStub(channel)
        # Of all results, the list needs no other process.
        results.ListReports(results_service_pb2.ListReportsRequest(), timeout=PATIENCE_S)
        after = log.read_text()

    assert {"fairlift_server", "sqlalchemy", "grpc"} <= _imported(before)
    assert _imported(before) & HEAVY == set()
    assert {"numpy", "fairlift_stats"} <= _imported(after)
    assert "loaded" in _messages(after)


def test_with_campaigns_it_is_loaded_before_anybody_asks_but_after_the_start(
    tmp_path: Path, log: Path
) -> None:
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
    with (
        log.open("w") as errors,
        process(tmp_path, log=errors) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        assert _assigned(channel) == [shop.campaign().name]
        ends = time.monotonic() + PATIENCE_S
        while "loaded" not in _messages(log.read_text()):
            assert time.monotonic() < ends
            time.sleep(0.05)

    before, serving, after = log.read_text().partition('"serving"')
    assert serving
    assert _imported(before) & HEAVY == set()
    assert {"numpy", "fairlift_stats"} <= _imported(after)
    # Those are for the processes that compute.
    assert _imported(after) & {"ibis", "duckdb", "pandas", "pyarrow"} == set()


def _computes_results(server: int) -> bool:
    """Whether a process of the server has begun to wait for results that are to be computed."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    # The server comes first. A process is made less urgent once Python has begun it.
    return any(os.getpriority(os.PRIO_PROCESS, int(child)) > 0 for child in children)


def _is_open(file: Path) -> bool:
    """Whether a process has the file open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it may have ended meanwhile
            if descriptor.readlink() == file:
                return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_that_a_killed_server_leaves_write_nothing_into_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        process(tmp_path, log=errors) as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        start_campaign(channel)
        ends = time.monotonic() + PATIENCE_S
        while not _computes_results(server.pid):
            assert time.monotonic() < ends
            time.sleep(0.05)
    while _is_open(log):
        assert time.monotonic() < ends
        time.sleep(0.05)

    assert [line for line in log.read_text().splitlines() if line[:1] + line[-1:] != "{}"] == []

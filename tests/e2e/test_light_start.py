"""A start loads only what answers storefronts; results load their mathematics when one is asked."""

import json
import re
import sys
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


def test_what_computes_results_is_loaded_with_the_first_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)  # and so the database is there
    server = (sys.executable, "-X", "importtime", "-m", "fairlift_server")
    monkeypatch.setattr(test_server_process, "SERVER", server)
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        # Whether a look is due is asked all the time: none is, the campaign began just now.
        process(tmp_path, log=errors, FAIRLIFT_LOOK_EVERY_S="0.05") as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        assignments = AssignmentServiceStub(channel)
        request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v-1")
        for _ in range(20):
            answer = assignments.AssignVariants(request, timeout=PATIENCE_S)
            assert [each.campaign for each in answer.assignments] == [shop.campaign().name]
        before = log.read_text()
        results = ResultsServiceStub(channel)
        # Of all results, the list needs no other process.
        results.ListReports(results_service_pb2.ListReportsRequest(), timeout=PATIENCE_S)
        after = log.read_text()

    assert {"fairlift_server", "sqlalchemy", "grpc"} <= _imported(before)
    assert _imported(before) & HEAVY == set()
    assert {"numpy", "fairlift_stats"} <= _imported(after)
    loaded = [json.loads(line) for line in after.splitlines() if line.startswith("{")]
    assert "loaded" in [line["message"] for line in loaded]

"""Connections that are renewed all the time cost callers nothing."""

import time
from pathlib import Path

import grpc
import pytest
from fairlift import Client

from tests.e2e.test_server_process import process, start_campaign


@pytest.mark.slow
@pytest.mark.parametrize("decide", ["local", "server"])
def test_old_connections_end_without_a_failed_call(tmp_path: Path, decide: str) -> None:
    with process(tmp_path, FAIRLIFT_CONNECTION_AGE_S="0.5") as (_, address):
        with grpc.insecure_channel(address) as channel:
            start_campaign(channel)
        with Client(address, decide=decide, timeout_s=5.0) as client:  # type: ignore[arg-type]  # one of both
            assert decide == "server" or client.wait_ready(30)
            deadline_s = time.monotonic() + 6
            answers: list[bool] = []
            while time.monotonic() < deadline_s:
                visitor = f"v-{len(answers)}"
                answers.append(client.assign("free-shipping", visitor).is_in_campaign)
                client.action(visitor, "add_to_cart")
                time.sleep(0.005)
            assert client.flush(30)
            stats = client.stats()

    # Then every visitor got a variant, and every event arrived once
    assert all(answers)
    assert (sum(stats.dropped.values()), sum(stats.refused.values())) == (0, 0)
    assert stats.accepted + stats.duplicates >= len(answers)

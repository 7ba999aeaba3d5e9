"""Callers of the metrics that are slow on purpose keep no thread, and no probe waits for them."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fairlift_server.monitoring import http_server
from fairlift_server.monitoring.http_server import MonitoringServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MonitoringServer]:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(http_server, "_LONGEST_S", 1.0)
    served = MonitoringServer(
        "127.0.0.1:0", metrics=lambda: b"", lives=lambda: "", is_ready=lambda: ""
    )
    yield served
    served.close()


def is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended the connection; waits for it no longer than its timeout."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_who_sends_a_byte_now_and_then_is_cut_off(server: MonitoringServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as slow:
        slow.sendall(b"GET /healthz HTTP/1.0\r\n")
        for _ in range(100):  # 20 s: each pause is shorter than the longest wait for one reading
            if is_ended(slow):
                break
            try:
                slow.sendall(b"X")
            except ConnectionError:
                break
        else:
            pytest.fail("the connection was never ended")


def test_connections_take_few_threads_and_probes_are_answered(server: MonitoringServer) -> None:
    before = threading.active_count()
    with ExitStack() as opened:
        held = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            for _ in range(40)
        ]
        with urllib.request.urlopen(
            f"http://127.0.0.1:{server.port}/healthz", timeout=10
        ) as answer:
            status = answer.status
        most = threading.active_count() - before
        assert all(is_ended(connection) for connection in held)

    assert status == 200
    assert most <= 8
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.1)
    assert threading.active_count() <= before

"""The server as a process: killed, stopped, asked for help."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import grpc
import pytest
from fairlift.v1 import (
    assignment_service_pb2,
    campaign_service_pb2,
    event_service_pb2,
    results_service_pb2,
)
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift_server.monitoring.systemd import notify
from fairlift_server.settings import Settings
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.server import shop

SERVER = (sys.executable, "-m", "fairlift_server")
PATIENCE_S = 30.0


@contextmanager
def process(
    folder: Path, *arguments: str, log: IO[str] | int | None = None, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process and its address, once it listens; its log goes to ours, or to a file."""
    server = subprocess.Popen(
        [*SERVER, "serve", *arguments],
        env={
            **os.environ,
            "FAIRLIFT_LISTEN": "127.0.0.1:0",
            "FAIRLIFT_DATABASE": str(folder / "shop.db"),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("listening on "), line
        yield server, line.removeprefix("listening on ").strip()
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def start_campaign(channel: grpc.Channel) -> None:
    campaigns = CampaignServiceStub(channel)
    campaign = shop.campaign()
    campaigns.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=campaign))
    campaigns.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=campaign.name))


def statuses(
    channel: grpc.Channel, batch: list[event_service_pb2.Event]
) -> list[event_service_pb2.EventStatus.ValueType]:
    request = event_service_pb2.RecordEventsRequest(events=batch)
    answer = EventServiceStub(channel).RecordEvents(request, timeout=PATIENCE_S)
    return [outcome.status for outcome in answer.outcomes]


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    # Given three servers, each killed while four callers send
    acknowledged: list[event_service_pb2.Event] = []
    sent = 0
    for round_ in range(3):
        with process(tmp_path) as (server, address), grpc.insecure_channel(address) as channel:
            if round_ == 0:
                start_campaign(channel)
            counts = [0] * 4

            def send(
                caller: int, channel: grpc.Channel = channel, counts: list[int] = counts
            ) -> None:
                while True:
                    batch = [shop.exposure(f"v-{caller}-{n}") for n in range(50)]
                    counts[caller] += len(batch)
                    try:
                        found = statuses(channel, batch)
                    except grpc.RpcError:
                        return
                    assert set(found) == {event_service_pb2.EVENT_STATUS_ACCEPTED}
                    acknowledged.extend(batch)

            callers = [threading.Thread(target=send, args=(number,)) for number in range(4)]
            for caller in callers:
                caller.start()
            before = len(acknowledged)
            while len(acknowledged) < before + 500 + 137 * round_:
                time.sleep(0.001)
            server.send_signal(signal.SIGKILL)
            for caller in callers:
                caller.join()
            sent += sum(counts)

    # When the same events are sent again to a server over the same file
    found = []
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        for start in range(0, len(acknowledged), 1_000):
            found += statuses(channel, acknowledged[start : start + 1_000])

    # Then each of them is there already, once
    lost = sum(status != event_service_pb2.EVENT_STATUS_DUPLICATE for status in found)
    assert (len(found), lost) == (len(acknowledged), 0)
    assert len(acknowledged) >= 3 * 500
    assert len(acknowledged) <= sent


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists children by Linux's /proc")
def test_a_killed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    with process(tmp_path) as (server, address), grpc.insecure_channel(address) as channel:
        # Given a server whose results run in a process of their own
        start_campaign(channel)
        request = results_service_pb2.GetResultsRequest(name="campaigns/free-shipping")
        ResultsServiceStub(channel).GetResults(request, timeout=PATIENCE_S)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert children

        # When it is killed
        server.send_signal(signal.SIGKILL)
        server.wait()

    # Then its children end too
    end = time.monotonic() + PATIENCE_S
    while any(is_alive(child) for child in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert [child for child in children if is_alive(child)] == []


def is_alive(process_id: str) -> bool:
    """Whether the process runs; one that only waits for its parent to notice does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_sigterm_drains(tmp_path: Path) -> None:
    with process(tmp_path) as (server, address), grpc.insecure_channel(address) as channel:
        # Given a stream, and callers that send all the time
        start_campaign(channel)
        stream = AssignmentServiceStub(channel).WatchSnapshot(
            assignment_service_pb2.WatchSnapshotRequest()
        )
        first = next(stream)
        outcomes: list[grpc.StatusCode | None] = []

        def send() -> None:
            while True:
                try:
                    statuses(channel, [shop.exposure("v")])
                except grpc.RpcError as error:
                    outcomes.append(error.code())
                    return

        callers = [threading.Thread(target=send) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)

        # When the server is told to end
        server.send_signal(signal.SIGTERM)

        # Then the stream ends with UNAVAILABLE, the callers with codes that are safe to repeat
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        for caller in callers:
            caller.join()
        assert first.snapshot.etag
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert set(outcomes) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert server.wait(PATIENCE_S) == 0


def test_health_goes_down_before_the_server_does(tmp_path: Path) -> None:
    with (
        process(tmp_path, FAIRLIFT_DRAIN_DELAY_S="1") as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]  # missing from its stubs
        serving = next(watch)

        server.send_signal(signal.SIGTERM)
        draining = next(watch)
        assignments = AssignmentServiceStub(channel)
        still = assignments.AssignVariants(
            assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
        )

        assert serving.status == health_pb2.HealthCheckResponse.SERVING
        assert draining.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert still.snapshot_etag
        assert server.wait(PATIENCE_S) == 0


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with process(tmp_path):
        second = subprocess.run(
            [*SERVER, "serve"],
            env={
                **os.environ,
                "FAIRLIFT_LISTEN": "127.0.0.1:0",
                "FAIRLIFT_DATABASE": str(tmp_path / "shop.db"),
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    assert second.returncode == 1
    assert "another server uses" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_log_tells_of_the_start_and_of_the_end(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        process(tmp_path, log=log) as (server, address),
    ):
        server.terminate()
        assert server.wait(PATIENCE_S) == 0

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = [line for line in lines if line["logger"] == "fairlift.server"]
    assert [line["message"] for line in told] == ["serving", "draining", "stopped"]
    assert address.endswith(f":{told[0]['port']}")


def test_help_lists_every_setting_with_its_default() -> None:
    shown = subprocess.run(
        [*SERVER, "--help"], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    ).stdout

    for name in Settings.__slots__:
        assert f"FAIRLIFT_{name.upper()} = " in shown
    assert "FAIRLIFT_LISTEN = 127.0.0.1:50051" in shown


def test_the_address_is_written_to_a_file(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    with process(tmp_path, "--port-file", str(port_file)) as (server, address):
        while not port_file.exists():
            time.sleep(0.01)
        assert address == port_file.read_text().strip()
        server.terminate()
        assert server.wait(PATIENCE_S) == 0


def test_a_setting_out_of_its_rules_is_named(tmp_path: Path) -> None:
    shown = subprocess.run(
        [*SERVER, "serve"],
        env={**os.environ, "FAIRLIFT_TOKEN": "too short", "FAIRLIFT_QUEUE_EVENTS": "many"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert shown.returncode == 1
    assert "FAIRLIFT_QUEUE_EVENTS: is 'many', must be a number" in shown.stderr
    assert "FAIRLIFT_TOKEN" in shown.stderr
    # Each on a line of its own.
    assert all(line.startswith("fairlift-server: FAIRLIFT_") for line in shown.stderr.splitlines())


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        (
            "{taken}",
            "Address already in use; stop the server that uses it, or set ",
        ),
        ("192.0.2.1:50051", "set FAIRLIFT_LISTEN to an address of this machine"),
        ("no-such-host.invalid:50051", "set FAIRLIFT_LISTEN to an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told_in_one_line(
    tmp_path: Path, listen: str, says: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = listen.format(taken=f"127.0.0.1:{other.getsockname()[1]}")
        shown = subprocess.run(
            [*SERVER, "serve"],
            env={**os.environ, "FAIRLIFT_LISTEN": address, "FAIRLIFT_TOKEN": "a-secret-of-a-shop"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    assert shown.returncode == 1
    (line,) = shown.stderr.splitlines()
    assert line.startswith(f"fairlift-server: cannot listen on {address}: ")
    assert says in line


def test_systemd_is_told_when_the_server_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        systemd.settimeout(PATIENCE_S)
        with process(tmp_path, NOTIFY_SOCKET=name) as (server, address):
            assert systemd.recv(64) == b"READY=1"
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(PATIENCE_S)
            server.send_signal(signal.SIGTERM)
            assert systemd.recv(64) == b"STOPPING=1"


def test_an_abstract_socket_of_systemd_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0fairlift-{os.getpid()}")
        systemd.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@fairlift-{os.getpid()}")
        notify("READY=1")
        assert systemd.recv(64) == b"READY=1"

"""SIGHUP: the certificate and the log's level change while calls go on."""

import json
import shutil
import signal
import ssl
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2 import ListCampaignsRequest
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub

from tests.e2e.test_server_process import PATIENCE_S, process

PEM = Path(__file__).parents[1] / "client" / "certificates"


def new_certificate(folder: Path) -> None:
    """One of this moment for localhost, in the place of the old one."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "new.key"), "-out", str(folder / "new.pem")),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "new.key").replace(folder / "server.key")
    (folder / "new.pem").replace(folder / "server.pem")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PEM / "localhost.pem", tmp_path / "server.pem")
    shutil.copy(PEM / "localhost.key", tmp_path / "server.key")
    return tmp_path


def presented(port: int) -> bytes:
    """The certificate that a new connection gets."""
    return ssl.get_server_certificate(("localhost", port), timeout=PATIENCE_S).encode()


def assign(channel: grpc.Channel) -> None:
    AssignmentServiceStub(channel).AssignVariants(
        assignment_service_pb2.AssignVariantsRequest(visitor_id="v"), timeout=PATIENCE_S
    )


def until_logged(log: Path, message: str) -> dict[str, object]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for line in log.read_text().splitlines():
            if line.startswith("{") and json.loads(line)["message"] == message:
                found: dict[str, object] = json.loads(line)
                return found
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_certificate_is_replaced_without_a_lost_call(folder: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no second certificate can be made")
    config = folder / "server.toml"
    config.write_text('log_level = "info"\n')
    log = folder / "log"
    tls = {
        "FAIRLIFT_CONFIG": str(config),
        "FAIRLIFT_TLS_CERTIFICATE": str(folder / "server.pem"),
        "FAIRLIFT_TLS_KEY": str(folder / "server.key"),
    }
    with log.open("w") as stderr, process(folder, log=stderr, **tls) as (server, address):
        port = int(address.rpartition(":")[2])
        old = (folder / "server.pem").read_bytes()
        assert presented(port).split() == old.split()
        with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(old)) as channel:
            assign(channel)
            new_certificate(folder)
            config.write_text('log_level = "debug"\nhistory_days = 5\n')
            server.send_signal(signal.SIGHUP)
            line = until_logged(log, "settings read again")
            new = (folder / "server.pem").read_bytes()
            assert presented(port).split() == new.split() != old.split()
            assign(channel)  # on the connection that was open
        with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(new)) as channel:
            CampaignServiceStub(channel).ListCampaigns(ListCampaignsRequest(), timeout=PATIENCE_S)
        assert line["need_a_restart"] == ["FAIRLIFT_HISTORY_DAYS"]
        until_logged(log, "call")  # of level debug


def test_settings_that_cannot_be_used_change_nothing(folder: Path) -> None:
    log = folder / "log"
    tls = {
        "FAIRLIFT_TLS_CERTIFICATE": str(folder / "server.pem"),
        "FAIRLIFT_TLS_KEY": str(folder / "server.key"),
    }
    with log.open("w") as stderr, process(folder, log=stderr, **tls) as (server, address):
        port = int(address.rpartition(":")[2])
        before = presented(port)
        (folder / "server.key").write_text("no key")
        server.send_signal(signal.SIGHUP)
        line = until_logged(log, "settings not read again")
        assert line["level"] == "error"
        assert "they do not match" in str(line["reason"])
        assert presented(port) == before

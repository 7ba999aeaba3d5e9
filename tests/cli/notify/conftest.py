"""The command with campaigns whose verdicts a test sets, and a webhook that gets its messages."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fairlift.v1 import results_service_pb2 as pb
from fairlift_cli.__main__ import main

from tests.canned_server import CannedServer
from tests.cli.reports import report
from tests.cli.web.conftest import summary_of

SECRET = "T000/B000/s3cret"


@pytest.fixture
def canned(shop: CannedServer) -> CannedServer:
    shop.clear()
    return shop


class Notify:
    """The command with one state file, and campaigns whose verdicts a test sets."""

    def __init__(self, canned: CannedServer, state: Path) -> None:
        self.state = state
        self._canned = canned

    def __call__(self, *words: str) -> Result:
        command = ["notify", "--server", self._canned.address, "--state", str(self.state), *words]
        return CliRunner(env={"FAIRLIFT_SLACK_WEBHOOK": ""}).invoke(main, command)

    def verdict(
        self, campaign: str, kind: pb.VerdictKind.ValueType, *, name: str = "", epoch: int = 1,
        cause: pb.VerdictCause.ValueType = pb.VERDICT_CAUSE_UNSPECIFIED, variant: str = "free",
        sentence: str = "Free is better.",
    ) -> None:  # fmt: skip
        sent = report()
        sent.campaign, sent.display_name = f"campaigns/{campaign}", name or campaign.title()
        sent.epoch = epoch
        sent.verdict.kind, sent.verdict.cause, sent.verdict.variant = kind, cause, variant
        sent.verdict.sentence = sentence
        self._canned.publish(sent, summary_of(sent))


@pytest.fixture
def notify(canned: CannedServer, tmp_path: Path) -> Notify:
    """After a first run with one campaign that keeps going."""
    notify = Notify(canned, tmp_path / "told.json")
    notify.verdict("spring", pb.VERDICT_KIND_KEEP_GOING)
    assert notify("--stdout").exit_code == 0
    return notify


class Receiver:
    """A webhook on this machine: what it got, and how it answers."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        self.drips = False  # a byte now and then, which ends never
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.drips:
                    for _ in range(100):
                        self.wfile.write(b"H")
                        receiver.hold.wait(0.05)
                        time.sleep(0.05)
                    return
                if not receiver.hold.is_set():
                    receiver.hold.wait(10)
                    return
                status = receiver.status
                if status == 200:
                    receiver.got.append(body)
                    receiver.headers.append(dict(self.headers))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.hold.set()
    receiver.server.shutdown()
    receiver.server.server_close()
